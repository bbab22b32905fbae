"""Listen: what contacts do wakes the positions that wait for it, and starts runs.

An activity decides nothing here. It makes the positions that listen for its kind due at once, and
the step's own reading of history (`stands`) says what it means. So late, double and out-of-order
activities need no rules of their own, and a position woken for nothing sleeps on.

Most activities are nothing that anybody listens for, which one look tells; a version that begins to
listen waits for whoever has looked and not committed yet (`attend`). Of the others the race between
an activity and a position that is just arriving is closed by locks: the positions of the contacts
are locked (waiting for whoever moves them) after the activities are written, and looked at by a
statement that begins after that.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    SmallInteger,
    and_,
    cast,
    column,
    delete,
    exists,
    func,
    null,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, distinct_on

from headless.audience.conditions import answers, heard, remembered
from headless.audience.values import Scope
from headless.dsl.plan import Source
from headless.runtime.effects.channels import CODES
from headless.runtime.entry import enter
from headless.runtime.flow.answered import hangs_on_field
from headless.runtime.flow.beginnings import completes
from headless.runtime.flow.endings import ENDING, end_by
from headless.runtime.flow.happenings import detail_scope, each_once, is_counted
from headless.runtime.stands import NOW, Version, number
from headless.runtime.unseen import is_to_contact
from headless.runtime.versions import Versions, current, may_run
from headless.storage.codes import ActivityKind
from headless.storage.database import WORKSPACES, Database, Transaction
from headless.storage.many import many
from headless.storage.tables import (
    activity,
    activity_todo,
    listener,
    message,
    position,
)
from headless.workspace.names import key

HEARD_AT_ONCE: Final = 5_000
_ENTRY: Final = 0
_KEPT: Final = 32_767
"""Beyond every plan: what conditions look back at is written down, and wakes nobody."""
_ANYTHING: Final = 0
_IDS: Final = many("ids", BigInteger)
_ATTENTION: Final = 7_236_515  # of PostgreSQL's advisory locks, with the workspace's number
_ATTENDING: Final = text("select pg_try_advisory_xact_lock_shared(:attending, :place)")
_ATTEND: Final = text("select pg_advisory_xact_lock(:attending, :place)")


async def hear(
    tx: Transaction,
    versions: Versions,
    workspace_id: int,
    activities: Sequence[int],
    *,
    now: datetime,
    about: Collection[tuple[int, int]] | None = None,
) -> None:
    """Wake whoever waits for these activities, and start the runs that they start.

    Call it in the transaction that wrote the activities, after they are written. `about` has each
    (kind, ref) of them, where the caller knows.
    """
    ids = {"ids": list(activities), "now": now}
    alone = not await tx.scalar(_ATTENDING, {"attending": _ATTENTION, "place": workspace_id})
    if about is None:
        about = [tuple(row) for row in await tx.execute(_what(workspace_id), ids)]
    asked = await _asked(tx, workspace_id, about)
    if asked or alone:
        await tx.execute(_lock(workspace_id, alone), ids)
    if alone:  # those who were just beginning to listen have done so, if they hold a position
        asked = await _asked(tx, workspace_id, about)
    if any(row.part > _ENTRY for row in asked):
        for row in await tx.execute(_wake(workspace_id), ids):
            tx.wake("advance", row.version_id, row.step)
    ending = {row.version_id: None for row in asked if row.part < _ENTRY}
    starting = {row.version_id: None for row in asked if row.part == _ENTRY}
    if starting:  # what ends a run may begin the next
        for version_id in ending:
            await _end(tx, versions, version_id, ids, now)
    for version_id in starting:
        await _start(tx, versions, version_id, ids, now)
    for version_id in ending:
        await _end(tx, versions, version_id, ids, now)


async def attend(tx: Transaction, workspace_id: int) -> None:
    """Before a version begins to listen: wait for the activities that are just being written.

    Until the transaction ends, those that come meanwhile lock their contacts' positions.
    """
    await tx.execute(_ATTEND, {"attending": _ATTENTION, "place": workspace_id})


async def _asked(tx: Transaction, workspace_id: int, about: Collection[tuple[int, int]]) -> Any:
    """The versions that listen for any of these, and whether by a step (1), an entry or an end."""
    kinds, refs = zip(*about, strict=True) if about else ((), ())
    return (await tx.execute(_listeners(workspace_id), {"kinds": kinds, "refs": refs})).all()


@lru_cache(maxsize=WORKSPACES)
def _listeners(workspace_id: int) -> Any:
    given = (
        func.unnest(many("kinds", SmallInteger), many("refs", BigInteger))
        .table_valued(column("kind", SmallInteger), column("ref", BigInteger), name="about")
        .render_derived()
    )
    heard = and_(
        listener.c.kind == given.c.kind, listener.c.ref.in_([given.c.ref, number(_ANYTHING)])
    )
    return (
        select(listener.c.version_id, func.sign(listener.c.step).label("part"))
        .select_from(given.join(listener, heard))
        .where(listener.c.workspace_id == workspace_id, listener.c.step < _KEPT)
        .distinct()
        .order_by(listener.c.version_id)
    )


@lru_cache(maxsize=WORKSPACES)
def _what(workspace_id: int) -> Any:
    return (
        select(activity.c.kind, activity.c.ref)
        .where(activity.c.workspace_id == workspace_id, activity.c.id == _IDS.any_())
        .distinct()
    )


@lru_cache(maxsize=2 * WORKSPACES)
def _lock(workspace_id: int, everybody: bool) -> Any:
    """Lock the positions of the contacts whose activities are listened for, or of `everybody`, in
    key order, waiting for those that are being moved."""
    concerned = select(activity.c.contact_id).where(
        activity.c.workspace_id == workspace_id, activity.c.id == _IDS.any_()
    )
    if not everybody:
        heard = select(1).where(_listening(workspace_id), listener.c.step < _KEPT)
        concerned = concerned.where(exists(heard.correlate(activity)))
    return (
        select(position.c.enrollment_id)
        .where(position.c.workspace_id == workspace_id, position.c.contact_id.in_(concerned))
        .order_by(position.c.enrollment_id, position.c.branch)
        .with_for_update(key_share=True)
    )


def _listening(workspace_id: int) -> Any:
    return and_(
        listener.c.workspace_id == workspace_id,
        listener.c.kind == activity.c.kind,
        listener.c.ref.in_([activity.c.ref, number(_ANYTHING)]),
    )


@lru_cache(maxsize=WORKSPACES)
def _wake(workspace_id: int) -> Any:
    woken = (
        update(position)
        .where(
            position.c.workspace_id == workspace_id,
            position.c.contact_id == activity.c.contact_id,
            position.c.version_id == listener.c.version_id,
            position.c.step == listener.c.step,
            activity.c.workspace_id == workspace_id,
            activity.c.id == _IDS.any_(),
            _listening(workspace_id),
            listener.c.step > _ENTRY,
            or_(position.c.due_at.is_(None), position.c.due_at > NOW),
        )
        .values(due_at=NOW)
        .returning(position.c.version_id, position.c.step)
        .cte("woken")
    )
    return select(woken).distinct()


async def _end(
    tx: Transaction, versions: Versions, version_id: int, ids: dict[str, Any], now: datetime
) -> None:
    """A goal or a stop that is reached during a pause is reached all the same."""
    made = (await versions.get(tx, version_id)).version
    if not await may_run(tx, made, now=now, paused=True):
        return
    if (await tx.execute(end_by(made), ids)).one().todo:
        tx.wake("hear", made.workspace_id)


async def _start(
    tx: Transaction, versions: Versions, version_id: int, ids: dict[str, Any], now: datetime
) -> None:
    made = await current(tx, versions, version_id)
    if not await may_run(tx, made, now=now, paused=True):
        return
    entered = 0
    for source in made.plan.sources:
        if source.sent is None:
            rows = _newcomers(made, source)
            entered += await tx.scalar(enter(made, source, rows), ids)
    if entered:
        tx.wake("advance", made.id, _ENTRY)


def _newcomers(made: Version, source: Source) -> CTE:
    """The contacts whose activities start a run by this source: each once, by the earliest."""
    scope = detail_scope(made)
    return (
        select(
            activity.c.contact_id,
            activity.c.occurred_at.label("at"),
            activity.c.id.label("activity_id"),
            activity.c.properties.label("entry"),
        )
        .ext(distinct_on(activity.c.contact_id))
        .where(
            activity.c.workspace_id == made.workspace_id,
            activity.c.id == _IDS.any_(),
            _begins(made, source, scope),
        )
        .order_by(activity.c.contact_id, activity.c.occurred_at, activity.c.id)
        .cte("newcomers")
    )


def _begins(made: Version, source: Source, scope: Scope) -> Any:
    if source.event is not None and is_counted(source.event):
        often = completes(made, source.event, source.within, activity)
        return and_(answers(each_once(source.event), activity, scope), often)
    if source.event is not None:
        return answers(source.event, activity, scope)
    if source.form is not None:
        kind, ref = ActivityKind.SUBMITTED, made.names.id("form", source.form)
    else:
        kind, ref = ActivityKind.JOINED_SEGMENT, segment_of(made, source)
    return and_(activity.c.kind == number(kind), activity.c.ref == ref)


def segment_of(made: Version, source: Source) -> int:
    """The segment that a source takes its people from; that of `from contacts where` is hidden."""
    if source.contacts:
        return made.names.id("source", str(made.plan.sources.index(source)))
    return made.names.id("segment", source.segment or "")


def listens(made: Version) -> set[tuple[ActivityKind, int, int]]:
    """What a version listens to: (kind, ref, step); step 0 are its ways in."""
    found: set[tuple[ActivityKind, int, int]] = set()
    for source in made.plan.sources:
        if source.sent is not None:
            found.add((ActivityKind.SENT, made.names.id(source.channel, source.sent), _ENTRY))
        elif source.event is not None:
            found |= {(h.kind, h.ref, _ENTRY) for h in heard(source.event, made.names)}
        elif source.form is not None:
            found.add((ActivityKind.SUBMITTED, made.names.id("form", source.form), _ENTRY))
        else:
            found.add((ActivityKind.JOINED_SEGMENT, segment_of(made, source), _ENTRY))
    for index, ending in enumerate(made.plan.endings):
        found |= {(h.kind, h.ref, ENDING - index) for h in heard(ending.event, made.names)}
    for step in made.plan.steps:
        if (field := hangs_on_field(step)) and key("field", field) in made.names.ids:
            found.add((ActivityKind.CHANGED, made.names.id("field", field), step.number))
        for trigger in _triggers(step):
            found |= {(h.kind, h.ref, step.number) for h in heard(trigger.event, made.names)}
    return found | {(h.kind, h.ref, _KEPT) for h in remembered(made.plan, made.names)}


def _triggers(step: Any) -> list[Any]:
    if hasattr(step, "arms"):
        return [arm.trigger for arm in step.arms]
    return [step.trigger] if hasattr(step, "trigger") else []


async def start_by_sending(
    tx: Transaction,
    versions: Versions,
    workspace_id: int,
    messages: Sequence[int],
    *,
    now: datetime,
) -> None:
    """Start the runs whose campaigns begin when these messages are sent, by whatever campaign."""
    ids = {"ids": list(messages), "now": now}
    sent = and_(
        message.c.workspace_id == workspace_id,
        message.c.id == _IDS.any_(),
        is_to_contact(message.c),
    )
    begun = (
        select(listener.c.version_id)
        .select_from(message.join(listener, listener.c.ref == message.c.ref))
        .where(
            sent,
            listener.c.workspace_id == workspace_id,
            listener.c.kind == number(ActivityKind.SENT),
        )
        .distinct()
    )
    for row in (await tx.execute(begun, ids)).all():
        made = await current(tx, versions, row.version_id)
        if not await may_run(tx, made, now=now, paused=True):
            continue
        for source in made.plan.sources:
            if source.sent is not None:
                about = and_(
                    message.c.channel == number(CODES[source.channel]),
                    message.c.ref == made.names.id(source.channel, source.sent),
                )
                await tx.execute(enter(made, source, _receivers(sent, about)), ids)
                tx.wake("advance", made.id, _ENTRY)


def _receivers(sent: Any, about: Any) -> CTE:
    return (
        select(
            message.c.contact_id,
            message.c.created_at.label("at"),
            cast(null(), BigInteger).label("activity_id"),
            cast(null(), JSONB).label("entry"),
        )
        .ext(distinct_on(message.c.contact_id))
        .where(sent, about)
        .order_by(message.c.contact_id, message.c.created_at)
        .cte("receivers")
    )


# ---------------------------------------------------------------- what steps brought about


async def hear_steps(
    database: Database, versions: Versions, workspace_id: int, *, now: datetime
) -> int:
    """Hear the activities that steps wrote (tags, points, segments); how many there were."""
    async with database.transaction() as tx:
        todo = (
            select(activity_todo.c.activity_id)
            .where(activity_todo.c.workspace_id == workspace_id)
            .order_by(activity_todo.c.activity_id)
            .limit(HEARD_AT_ONCE)
            .with_for_update(skip_locked=True)
            .cte("todo")
        )
        taken = await tx.execute(
            delete(activity_todo)
            .where(
                activity_todo.c.workspace_id == workspace_id,
                activity_todo.c.activity_id == todo.c.activity_id,
            )
            .returning(activity_todo.c.activity_id)
        )
        ids = sorted(row.activity_id for row in taken)
        if ids:
            await hear(tx, versions, workspace_id, ids, now=now)
        return len(ids)
