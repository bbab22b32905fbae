"""Tasks: what somebody did in Slack, stored before it is acknowledged and done by a worker.

`store` joins the request's transaction and answers None for a repetition; `take` gives what is due
to one worker for a minute; `finish` and `put_off` say what became of it. Imports storage and
`people`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Text,
    bindparam,
    case,
    column,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert

from headless.slack.people.asker import Asker
from headless.storage.database import Database, Transaction
from headless.storage.tables import Instant, slack_task

JOB: Final = "slack"
"""The worker's job that does what came in and sends what goes out."""
ATTEMPTS: Final = 3
WAIT: Final = timedelta(seconds=3)
"""How long a task waits for its window at most."""
_LEASE: Final = timedelta(seconds=60)
_KEPT: Final = timedelta(days=1)
_PAUSE: Final = timedelta(seconds=2)

Kind = Literal["command", "mention", "action", "view", "shortcut", "home", "link", "event"]
"""What it was: a slash command, a mention, a click, a submitted view, a message or global shortcut,
the Home tab opened, links shared, another event."""


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing to do.

    `text` is what was typed after the command or the mention, as it came. `name` is the `action_id`
    of a click, the `callback_id` of a view or shortcut, the type of an event; `value` is the value
    of the button or of the option chosen. `view_id` is a window that is open and can be updated,
    `view_hash` its state when it was clicked in. `message_ts` is the message that was clicked in or
    that mentions us. `payload` is the rest of what Slack said. `attempt` counts from 1.
    """

    id: int = 0
    kind: Kind
    asker: Asker
    text: str = ""
    name: str = ""
    value: str = ""
    trigger_id: str | None = None
    response_url: str | None = None
    view_id: str | None = None
    view_hash: str | None = None
    message_ts: str | None = None
    payload: dict[str, Any] = {}
    at: datetime
    attempt: int = 0


class New(msgspec.Struct, frozen=True):
    """A task to store; `key` tells a repetition of the same act. With `due` it waits until then,
    or until `window_opened` lets it begin."""

    task: Task
    key: str
    due: datetime | None = None


_GIVEN: Final[dict[str, Any]] = {
    "workspace_id": BigInteger, "key": Text, "kind": Text, "detail": JSONB, "created_at": Instant,
    "due_at": Instant,
}  # fmt: skip
_given = (
    func.unnest(*(bindparam(f"new_{name}", type_=ARRAY(type_)) for name, type_ in _GIVEN.items()))
    .table_valued(*(column(name, type_) for name, type_ in _GIVEN.items()), name="given")
    .render_derived()
)
_STORE: Final = (  # one text for any number of rows: PostgreSQL reads and plans it once
    insert(slack_task)
    .from_select(list(_GIVEN), select(_given))
    .on_conflict_do_nothing(index_elements=["workspace_id", "key"])
    .returning(slack_task.c.workspace_id, slack_task.c.key, slack_task.c.id)
)


async def store(
    tx: Transaction, task: Task, *, key: str, due: datetime | None = None
) -> int | None:
    """Keep a task until it is done; its number, or None for one that was stored before."""
    (number,) = await store_all(tx, [New(task, key, due)])
    return number


async def store_all(tx: Transaction, new: Sequence[New]) -> list[int | None]:
    """The same for several, each in its place."""
    if not new:
        return []
    rows = [_row(one) for one in new]
    kept = await tx.execute(_STORE, {f"new_{name}": [row[name] for row in rows] for name in _GIVEN})
    numbers = {(row.workspace_id, row.key): int(row.id) for row in kept}
    # the second of two that are the same is no new one
    found = [numbers.pop((one.task.asker.workspace_id, one.key), None) for one in new]
    if any(number is not None and one.due is None for one, number in zip(new, found, strict=True)):
        tx.wake(JOB)
    return found


def _row(one: New) -> dict[str, Any]:
    return {
        "workspace_id": one.task.asker.workspace_id,
        "key": one.key,
        "kind": one.task.kind,
        "detail": one.task,
        "created_at": one.task.at,
        "due_at": one.due or one.task.at,
    }


async def window_opened(
    tx: Transaction, workspace_id: int, number: int, view_id: str | None, *, now: datetime
) -> None:
    """Let a task begin whose window is open, or could not be opened (None)."""
    values: dict[str, Any] = {"due_at": now}
    if view_id is not None:
        opened = func.jsonb_build_object("view_id", view_id, "trigger_id", None)
        values["detail"] = slack_task.c.detail.concat(opened)
    await tx.execute(update(slack_task).where(_is(workspace_id, number, "queued")).values(**values))
    tx.wake(JOB)


async def take(database: Database, *, now: datetime, batch: int = 10) -> list[Task]:
    """The tasks that are due, the oldest first; nobody else gets them for a minute.

    One whose workers died three times is given up.
    """
    due = (
        select(slack_task.c.workspace_id, slack_task.c.id)
        .where(
            slack_task.c.state.in_(("queued", "running")),
            slack_task.c.due_at <= bindparam("now", now, type_=Instant),
        )
        .order_by(slack_task.c.due_at)
        .limit(batch)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    spent = slack_task.c.attempts >= ATTEMPTS
    taking = (
        update(slack_task)
        .where(slack_task.c.workspace_id == due.c.workspace_id, slack_task.c.id == due.c.id)
        .values(
            attempts=slack_task.c.attempts + 1,
            state=case((spent, "failed"), else_="running"),
            error=case((spent, "its workers died"), else_=slack_task.c.error),
            due_at=now + _LEASE,
        )
        .returning(slack_task.c.id, slack_task.c.detail, slack_task.c.attempts, slack_task.c.state)
    )
    async with database.transaction() as tx:
        rows = [row for row in await tx.execute(taking) if row.state == "running"]
    return [
        msgspec.structs.replace(msgspec.convert(row.detail, Task), id=row.id, attempt=row.attempts)
        for row in sorted(rows, key=lambda row: int(row.id))
    ]


async def finish(tx: Transaction, task: Task, *, error: str | None = None) -> None:
    """The task is done, or given up with an error; what it said is forgotten."""
    state = "done" if error is None else "failed"
    await tx.execute(
        update(slack_task)
        .where(_is(task.asker.workspace_id, task.id, "running"))
        .values(state=state, error=error, detail={})
    )


async def put_off(tx: Transaction, task: Task, *, error: str, now: datetime) -> bool:
    """Try again a little later; False when that was the last attempt."""
    if task.attempt >= ATTEMPTS:
        await finish(tx, task, error=error)
        return False
    await tx.execute(
        update(slack_task)
        .where(_is(task.asker.workspace_id, task.id, "running"))
        .values(state="queued", error=error, due_at=now + _PAUSE * task.attempt)
    )
    return True


async def forget(tx: Transaction, *, now: datetime) -> None:
    """Drop the tasks of yesterday, those of all workspaces: nothing repeats them any more."""
    await tx.execute(delete(slack_task).where(slack_task.c.created_at < now - _KEPT))


def _is(workspace_id: int, number: int, state: str) -> ColumnElement[bool]:
    return (
        (slack_task.c.workspace_id == workspace_id)
        & (slack_task.c.id == number)
        & (slack_task.c.state == state)
    )
