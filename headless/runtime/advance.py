"""Advance: take the contacts that are due at one step and move all of them, in one transaction.

The only place that runs the statements of `steps`. A crash is a rollback; a batch claimed twice
moves nobody twice, because the claim locks and the move happens in the same transaction. Claim and
act are two statements: the second has a snapshot that sees what committed before the locks.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    and_,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError

from headless.dsl.plan import Rule
from headless.runtime import left
from headless.runtime.entry import bring
from headless.runtime.flow.branches import branches_below
from headless.runtime.flow.endings import end_of
from headless.runtime.listen import start_by_sending
from headless.runtime.stands import Version
from headless.runtime.steps import Carried
from headless.runtime.versions import Compiled, Versions, may_run
from headless.storage.codes import Channel, EnrollmentState
from headless.storage.database import Database, Transaction
from headless.storage.tables import campaign, enrollment, position
from headless.workspace import caps

BATCH: Final = 5_000
"""Contacts a transaction: below 1,000 the claim costs a fifth, above 10,000 nothing is won."""


class Advanced(msgspec.Struct, frozen=True):
    """What one batch did: positions claimed, messages for the outbox, rests worth a look now."""

    claimed: int = 0
    messages: int = 0
    follow: tuple[int, ...] = ()


async def advance(
    database: Database,
    versions: Versions,
    version_id: int,
    step: int,
    *,
    now: datetime,
    most: int = BATCH,
) -> Advanced:
    """Move up to `most` contacts that are due at a step of a version.

    Answers `claimed == 0` when nobody is due, or when the campaign may not run now.
    """
    try:
        return await _advance(database, versions, version_id, step, now, most, careful=False)
    except IntegrityError:
        # the journal has a step of somebody's already (another version took them back, or left them
        # two positions): its key is asked for each row, then
        return await _advance(database, versions, version_id, step, now, most, careful=True)


async def _advance(
    database: Database,
    versions: Versions,
    version_id: int,
    step: int,
    now: datetime,
    most: int,
    *,
    careful: bool,
) -> Advanced:
    async with database.transaction() as tx:
        try:
            compiled = await versions.get(tx, version_id)
        except KeyError:
            return Advanced()
        if not 0 <= step < len(compiled.version.plan.steps):
            return Advanced()
        return await _batch(tx, versions, compiled, step, now, most, careful=careful)


async def _batch(
    tx: Transaction,
    versions: Versions,
    compiled: Compiled,
    step: int,
    now: datetime,
    most: int,
    *,
    careful: bool,
) -> Advanced:
    found = (await tx.execute(compiled.claim(step), {"now": now, "most": most})).one()
    if not found.claimed:
        return Advanced()
    carried = compiled.carry(step, caps.read(found.caps), careful=careful)
    if carried.lock is not None:
        await tx.execute(carried.lock, {"places": found.places})
    made = compiled.version
    if step == 0 and made.plan.endings:
        await _end(tx, made, found.enrollments, now, entering=True)
    row = (await tx.execute(carried.act, {"now": now, "places": found.places})).one()
    if carried.may_end:
        await _end(tx, made, found.enrollments, now)
    if carried.rules:
        await _close(tx, made, found.enrollments, now)
    await _bring(tx, versions, carried, row, now)
    if row.sent:
        await start_by_sending(tx, versions, made.workspace_id, row.sent, now=now)
    for rest in carried.follow:
        tx.wake("advance", made.id, rest)
    sent = {channel: getattr(row, channel.name.lower()) for channel in Channel}
    for channel in (channel for channel, messages in sent.items() if messages):
        tx.wake("deliver", made.workspace_id, channel)
    if row.todo:
        tx.wake("hear", made.workspace_id)
    return Advanced(found.claimed, sum(sent.values()), carried.follow)


async def _end(
    tx: Transaction, made: Version, runs: Sequence[int], now: datetime, *, entering: bool = False
) -> None:
    """End those of the runs that have come to a goal or a stop."""
    row = (await tx.execute(end_of(made, entering=entering), {"ids": runs, "now": now})).one()
    if row.todo:
        tx.wake("hear", made.workspace_id)


async def _bring(
    tx: Transaction, versions: Versions, carried: Carried, row: Any, now: datetime
) -> None:
    """Let contacts enter the campaigns that steps have brought them to, in the present version."""
    for n, to in carried.into:
        wanted = select(campaign.c.version_id).where(campaign.c.id == to)
        runs, ats = getattr(row, f"into{n}"), getattr(row, f"at{n}")
        made = (await versions.get(tx, await tx.scalar(wanted))).version if runs else None
        if made is not None and await may_run(tx, made, now=now, paused=True):
            await tx.execute(bring(made), {"ids": runs, "ats": ats, "now": now})
            tx.wake("advance", made.id, 0)


async def _close(tx: Transaction, made: Version, enrollments: Sequence[int], now: datetime) -> None:
    """End the runs whose path is over and whose standing rules keep nothing open.

    A rule with `within` keeps the run open until its window closes; others end with the path.
    """
    mine = bindparam("mine", list(enrollments), type_=ARRAY(BigInteger))
    main, other = position.alias("main"), position.alias("other")
    path_goes_on = exists(
        select(1).where(
            main.c.workspace_id == made.workspace_id,
            main.c.enrollment_id == position.c.enrollment_id,
            main.c.branch == 0,
        )
    )
    await tx.execute(
        delete(position).where(
            position.c.workspace_id == made.workspace_id,
            position.c.enrollment_id == mine.any_(),
            or_(position.c.branch.in_(_unbounded(made)), _answered(made)),
            ~path_goes_on,
        )
    )
    somewhere = exists(
        select(1).where(
            other.c.workspace_id == made.workspace_id, other.c.enrollment_id == enrollment.c.id
        )
    )
    ended = (
        update(enrollment)
        .where(
            and_(
                enrollment.c.workspace_id == made.workspace_id,
                enrollment.c.id == mine.any_(),
                enrollment.c.state == EnrollmentState.RUNNING,
            ),
            ~somewhere,
        )
        .values(state=EnrollmentState.FINISHED, ended_at=now)
        .returning(*left.ENDED)
        .cte("ended_runs")
    )
    noted, todo = left.tell(made, ended, name="path")
    if await tx.scalar(select(func.count()).select_from(todo).add_cte(noted), {"now": now}):
        tx.wake("hear", made.workspace_id)


def _answered(made: Version) -> ColumnElement[bool]:
    """The position of a bare `whenever` that has nothing more to do: each occurrence is a run."""
    rules = [step.number for step in made.plan.steps if isinstance(step, Rule) and step.implicit]
    return and_(position.c.step.in_(rules), position.c.due_at.is_(None))


def _unbounded(made: Version) -> list[int]:
    """The branches of standing rules that end with the path."""
    ending = [
        branches_below(made.plan, step)
        for step in made.plan.steps
        if isinstance(step, Rule) and step.trigger.within is None and not step.implicit
    ]
    return [branch for below in ending for branch in below]
