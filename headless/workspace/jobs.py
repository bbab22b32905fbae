"""Jobs: work that takes longer than an answer may, and how far it has come.

An import, a start, a rebuild writes its progress here in transactions of its own; anybody who may
read the workspace can look or wait. Whoever runs a job says so every while (`beat`); one of which
nothing has been heard for two minutes has lost its process and is ended as failed (`bury`). A bulk
change belongs to no process: it is queued, and any worker takes its next piece (`take`). Imports
storage.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import delete, exists, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB

from headless.problems import Problem
from headless.storage.database import Transaction
from headless.storage.tables import bulk_target, job

State = Literal["queued", "running", "done", "failed", "cancelled"]
KEPT_ERRORS: Final = 1000
"""How many faults a job keeps; its counts tell of all."""
LEASE: Final = timedelta(minutes=2)
BEAT_SECONDS: Final = 30.0
_DEAD: Final = "the process that ran it is gone; what it had done stays, start it once more"
OVER: Final = frozenset({"done", "failed", "cancelled"})
BULK: Final = "bulk"
SEALED: Final = "sealed"
"""The member of a job's detail that nobody is shown: what it needs to run, encrypted."""


class Job(msgspec.Struct, frozen=True):
    """One job; `done` and `total` count what its kind counts (rows, contacts)."""

    id: int
    kind: str
    state: State
    done: int
    total: int | None
    counts: dict[str, int]
    detail: dict[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in OVER


_COLUMNS: Final = [job.c[name] for name in Job.__struct_fields__]


def _read(row: Mapping[Any, Any]) -> Job:
    return Job(**dict(row))


async def begin(
    tx: Transaction,
    workspace_id: int,
    kind: str,
    *,
    now: datetime,
    total: int | None = None,
    detail: dict[str, Any] | None = None,
    queued: bool = False,
) -> Job:
    """A job that runs from now on, or waits until somebody takes it."""
    made = await tx.execute(
        insert(job)
        .values(
            workspace_id=workspace_id,
            kind=kind,
            state="queued" if queued else "running",
            total=total,
            counts={},
            errors=[],
            detail=detail,
            created_at=now,
            started_at=None if queued else now,
            seen_at=now,
        )
        .returning(*_COLUMNS)
    )
    return _read(made.mappings().one())


async def take(tx: Transaction, workspace_id: int, kind: str, *, now: datetime) -> Job | None:
    """The oldest job of a kind that is not over and that nobody else has in hand, running now."""
    oldest = (
        select(job.c.id)
        .where(
            job.c.workspace_id == workspace_id,
            job.c.kind == kind,
            job.c.state.in_(("queued", "running")),
        )
        .order_by(job.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    taken = await tx.execute(
        update(job)
        .where(job.c.workspace_id == workspace_id, job.c.id == oldest)
        .values(state="running", started_at=func.coalesce(job.c.started_at, now), seen_at=now)
        .returning(*_COLUMNS)
    )
    row = taken.mappings().one_or_none()
    return None if row is None else _read(row)


async def claim(tx: Transaction, kind: str, *, now: datetime) -> tuple[int, Job] | None:
    """The oldest job of a kind that waits in any workspace, running now; and whose it is."""
    oldest = (
        select(job.c.workspace_id, job.c.id)
        .where(job.c.kind == kind, job.c.state == "queued")
        .order_by(job.c.created_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .cte("oldest")
    )
    taken = await tx.execute(
        update(job)
        .where(job.c.workspace_id == oldest.c.workspace_id, job.c.id == oldest.c.id)
        .values(state="running", started_at=func.coalesce(job.c.started_at, now), seen_at=now)
        .returning(job.c.workspace_id, *_COLUMNS)
    )
    row = taken.mappings().one_or_none()
    if row is None:
        return None
    return row["workspace_id"], _read({c.name: row[c.name] for c in _COLUMNS})


async def waits(tx: Transaction, kind: str) -> bool:
    """Whether a job of a kind waits for somebody to claim it."""
    queued = select(1).where(job.c.kind == kind, job.c.state == "queued")
    return bool(await tx.scalar(select(exists(queued))))


async def put_back(tx: Transaction, workspace_id: int, job_id: int) -> None:
    """Let somebody else go on with a job that is not over."""
    running = (*_one(workspace_id, job_id), job.c.state == "running")
    await tx.execute(update(job).where(*running).values(state="queued"))


async def progress(
    tx: Transaction,
    workspace_id: int,
    job_id: int,
    *,
    done: int,
    counts: dict[str, int],
    now: datetime,
    errors: Sequence[dict[str, Any]] = (),
    detail: dict[str, Any] | None = None,
) -> None:
    """Note how far a job has come; `errors` join those that it has.

    Raises Problem `wrong_state` when somebody has ended the job: then it must stop.
    """
    values: dict[Any, Any] = {job.c.done: done, job.c.counts: counts, job.c.seen_at: now}
    if errors:
        values[job.c.errors] = job.c.errors.concat(literal(list(errors), JSONB))
    if detail is not None:
        values[job.c.detail] = detail
    noted = await tx.execute(
        update(job)
        .where(*_one(workspace_id, job_id), job.c.state == "running")
        .values(values)
        .returning(job.c.id)
    )
    if not noted.all():
        ended = await find(tx, workspace_id, job_id)
        raise Problem(
            "wrong_state", f"the job was ended as {ended.state}; what it had done by then stays"
        )


async def beat(tx: Transaction, workspace_id: int, job_id: int, *, now: datetime) -> None:
    """Say that a job still has its process."""
    await tx.execute(
        update(job).where(*_one(workspace_id, job_id), job.c.state == "running").values(seen_at=now)
    )


async def bury(tx: Transaction, workspace_id: int, *, now: datetime) -> None:
    """End as failed what runs in name only: its process is gone."""
    heard = func.coalesce(job.c.seen_at, job.c.started_at, job.c.created_at)
    await tx.execute(
        update(job)
        .where(
            job.c.workspace_id == workspace_id,
            job.c.state == "running",
            job.c.kind != BULK,
            heard <= now - LEASE,
        )
        .values(
            state="failed",
            finished_at=now,
            total=job.c.done,
            detail=func.coalesce(job.c.detail, literal({}, JSONB)).concat(
                literal({"reason": _DEAD}, JSONB)
            ),
        )
    )


async def cancel(tx: Transaction, workspace_id: int, job_id: int, *, now: datetime) -> Job:
    """End a job that is not over; whoever runs it stops at its next step.

    Raises Problem `not_found`, or `wrong_state` for one that is over.
    """
    ended = await tx.execute(
        update(job)
        .where(*_one(workspace_id, job_id), job.c.state.in_(("queued", "running")))
        .values(state="cancelled", finished_at=now, total=job.c.done)
        .returning(*_COLUMNS)
    )
    row = ended.mappings().one_or_none()
    await forget(tx, workspace_id, job_id)
    if row is None:
        over = await find(tx, workspace_id, job_id)
        raise Problem("wrong_state", f"the job is {over.state} already; there is nothing to cancel")
    return _read(row)


async def forget(tx: Transaction, workspace_id: int, job_id: int) -> None:
    """Strike what a bulk change has still before it."""
    await tx.execute(
        delete(bulk_target).where(
            bulk_target.c.workspace_id == workspace_id, bulk_target.c.job_id == job_id
        )
    )


async def end(
    tx: Transaction,
    workspace_id: int,
    job_id: int,
    state: Literal["done", "failed", "cancelled"],
    *,
    now: datetime,
    detail: dict[str, Any] | None = None,
) -> Job:
    """The job's last word, unless somebody has ended it; `total` becomes what was done."""
    values: dict[Any, Any] = {
        job.c.state: state,
        job.c.finished_at: now,
        job.c.total: job.c.done,
    }
    if detail is not None:
        values[job.c.detail] = detail
    ended = await tx.execute(
        update(job)
        .where(*_one(workspace_id, job_id), job.c.state == "running")
        .values(values)
        .returning(*_COLUMNS)
    )
    row = ended.mappings().one_or_none()
    return await find(tx, workspace_id, job_id) if row is None else _read(row)


async def find(tx: Transaction, workspace_id: int, job_id: int) -> Job:
    """A job; raises Problem `not_found`."""
    found = await tx.execute(select(*_COLUMNS).where(*_one(workspace_id, job_id)))
    row = found.mappings().one_or_none()
    if row is None:
        raise Problem("not_found", "there is no such job here")
    return _read(row)


async def unfinished(
    tx: Transaction, workspace_id: int, kind: str, detail: dict[str, Any]
) -> Job | None:
    """The newest job of a kind that has these details, if it has failed or was cancelled."""
    rows = await tx.execute(
        select(*_COLUMNS)
        .where(
            job.c.workspace_id == workspace_id,
            job.c.kind == kind,
            job.c.detail.contains(detail),
            job.c.state.in_(OVER),
        )
        .order_by(job.c.id.desc())
        .limit(1)
    )
    row = rows.mappings().one_or_none()
    return None if row is None or row["state"] == "done" else _read(row)


async def errors_of(tx: Transaction, workspace_id: int, job_id: int) -> list[dict[str, Any]]:
    """The first 1,000 faults that a job met, in the order in which it met them."""
    found: list[dict[str, Any]] | None = await tx.scalar(
        select(job.c.errors).where(*_one(workspace_id, job_id))
    )
    if found is None:
        raise Problem("not_found", "there is no such job here")
    return found


async def listing(
    tx: Transaction, workspace_id: int, *, limit: int, before: int | None, state: State | None
) -> list[Job]:
    """The newest jobs first, those before `before` (a number), at most `limit`."""
    asked = [job.c.workspace_id == workspace_id]
    if before is not None:
        asked.append(job.c.id < before)
    if state is not None:
        asked.append(job.c.state == state)
    rows = await tx.execute(select(*_COLUMNS).where(*asked).order_by(job.c.id.desc()).limit(limit))
    return [_read(row) for row in rows.mappings()]


def _one(workspace_id: int, job_id: int) -> tuple[Any, ...]:
    return job.c.workspace_id == workspace_id, job.c.id == job_id
