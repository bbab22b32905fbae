"""Moving: the people inside a campaign go over to its next version, as sets.

Steps that two versions have in common have one number in both (`dsl.succession`), so most
positions change nothing but their version. Imports the runtime and storage; decides nothing:
`versions` says who moves where.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import (
    ColumnElement,
    Integer,
    and_,
    cast,
    delete,
    exists,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import array, insert

from headless.audience.values import Scope, Sql, shifted
from headless.dsl.plan import Arm, Gone, Rule, Wait, When
from headless.dsl.wording import written
from headless.runtime import times
from headless.runtime.stands import FOREVER, Version
from headless.storage.codes import EnrollmentState, Outcome
from headless.storage.database import Transaction
from headless.storage.tables import Instant, contact, enrollment, journal, position

Waits = Literal["keep", "recompute"]
OVERDUE_A_MINUTE: Final = 10_000
"""Waits that a new version has made overdue are spread out over as many minutes as it takes."""


class Moves(msgspec.Struct, frozen=True):
    """Who goes elsewhere: `elsewhere` old numbers and new ones, `leaving` those that end there."""

    elsewhere: Mapping[int, int]
    leaving: Sequence[int]
    waits: Waits


async def lock(tx: Transaction, made: Version) -> None:
    """Hold everybody in a version where they stand; whoever is being moved arrives first."""
    p = position.c
    held = (
        select(p.enrollment_id)
        .where(p.workspace_id == made.workspace_id, p.version_id == made.id)
        .order_by(p.enrollment_id, p.branch)
        .with_for_update(key_share=True)
        .cte("held")
    )
    await tx.execute(select(func.count()).select_from(held))


async def standing(tx: Transaction, made: Version) -> dict[int, int]:
    """How many positions there are at each step of a version."""
    p = position.c
    rows = await tx.execute(
        select(p.step, func.count())
        .where(p.workspace_id == made.workspace_id, p.version_id == made.id)
        .group_by(p.step)
    )
    return {row[0]: row[1] for row in rows}


async def move(tx: Transaction, old: Version, new: Version, moves: Moves, *, now: datetime) -> None:
    """Take everybody who stands in the old version over to the new one."""
    if moves.leaving:
        await _leave(tx, old, new, moves.leaving, now)
    gone = _rules_gone(old, new)
    if gone:
        await _end_rules(tx, old, gone, now)
    for here, there in moves.elsewhere.items():
        await _elsewhere(tx, old, new, here, there, now)
    for number, step in enumerate(new.plan.steps):
        before = old.plan.steps[number] if number < len(old.plan.steps) else None
        if isinstance(step, Wait) and isinstance(before, Wait) and moves.waits == "recompute":
            if step.until != before.until:
                await _wait_anew(tx, old, new, step, now)
        elif isinstance(step, When) and isinstance(before, When):
            await _listen_anew(tx, old, new, before, step, moves.waits, now)
    p, en = position.c, enrollment.c
    await tx.execute(update(position).where(_in(old)).values(version_id=new.id))
    await tx.execute(
        update(enrollment)
        .where(
            en.workspace_id == old.workspace_id,
            en.campaign_id == old.campaign_id,
            en.version_id == old.id,
            exists(select(1).where(p.workspace_id == old.workspace_id, p.enrollment_id == en.id)),
        )
        .values(version_id=new.id)
    )


def _in(made: Version, *steps: int) -> ColumnElement[bool]:
    p = position.c
    mine = and_(p.workspace_id == made.workspace_id, p.version_id == made.id)
    return and_(mine, p.step.in_(steps)) if steps else mine


def _zone(made: Version) -> Sql:
    zone = made.plan.zone
    return literal(zone) if zone else func.coalesce(contact.c.time_zone, made.zone)


def _whose() -> ColumnElement[bool]:
    return and_(
        contact.c.workspace_id == position.c.workspace_id, contact.c.id == position.c.contact_id
    )


# ---------------------------------------------------------------- out


async def _leave(
    tx: Transaction, old: Version, new: Version, steps: Sequence[int], now: datetime
) -> None:
    """`waiting at OLD exit`: their runs end, with everything that they wait for."""
    p = position.c
    instant = literal(now, Instant)
    told = (
        insert(journal)
        .from_select(
            ["workspace_id", "enrollment_id", "step", "visit", "at", "contact_id", "version_id",
             "outcome", "detail"],
            select(
                p.workspace_id, p.enrollment_id, p.step, p.visit, instant, p.contact_id,
                p.version_id, literal(int(Outcome.EXITED)),
                func.jsonb_build_object(
                    "reason", "the step is gone: `waiting at ... exit` of the new version"
                ),
            ).where(_in(old, *steps)),
        )
        .on_conflict_do_nothing()
    )  # fmt: skip
    await tx.execute(told)
    leaving = select(p.enrollment_id).where(_in(old, *steps))
    ended = (
        update(enrollment)
        .where(
            enrollment.c.workspace_id == old.workspace_id,
            enrollment.c.id.in_(leaving),
        )
        .values(state=EnrollmentState.EXITED, ended_at=now)
        .returning(enrollment.c.id)
        .cte("ended")
    )
    await tx.execute(
        delete(position)
        .where(p.workspace_id == old.workspace_id, p.enrollment_id == ended.c.id)
        .add_cte(ended)
    )


def _rules_gone(old: Version, new: Version) -> list[int]:
    return [
        step.number
        for step in old.plan.steps
        if isinstance(step, Rule) and isinstance(new.plan.steps[step.number], Gone)
    ]


async def _end_rules(tx: Transaction, old: Version, rules: Sequence[int], now: datetime) -> None:
    """Standing rules that are gone watch no more; runs that only they kept open are over."""
    p, en = position.c, enrollment.c
    ended = delete(position).where(_in(old, *rules)).returning(p.enrollment_id)
    whose = [row.enrollment_id for row in await tx.execute(ended)]
    if whose:
        somewhere = exists(
            select(1).where(p.workspace_id == old.workspace_id, p.enrollment_id == en.id)
        )
        await tx.execute(
            update(enrollment)
            .where(
                en.workspace_id == old.workspace_id,
                en.id == func.any(whose),
                en.state == EnrollmentState.RUNNING,
                ~somewhere,
            )
            .values(state=EnrollmentState.FINISHED, ended_at=now)
        )


# ---------------------------------------------------------------- elsewhere


async def _elsewhere(
    tx: Transaction, old: Version, new: Version, here: int, there: int, now: datetime
) -> None:
    """`moved OLD to NEW` where NEW is a step that the old version had too.

    A wait goes on with its promised time; whatever else stood there begins at the new step now.
    """
    step, instant = new.plan.steps[there], literal(now, Instant)
    values: dict[str, Any] = {"step": there, "arrived_at": instant}
    waited = isinstance(old.plan.steps[here], Wait)
    match step:
        case Wait(until=until) if not waited:
            values["due_at"] = times.ends(until, instant, _scope(new, instant))
        case When(arms=arms):
            closes = [_closing(arm, instant, new) for arm in arms]
            values |= {"due_at": instant, "opens": array([instant] * len(arms)),
                       "closes": array(closes)}  # fmt: skip
        case _ if not waited:
            values["due_at"] = instant
        case _:
            pass
    await tx.execute(update(position).where(_in(old, here), _whose()).values(**values))


def _scope(made: Version, at: Sql) -> Scope:
    return Scope(
        workspace_id=made.workspace_id,
        contact=contact,
        now=at,
        zone=_zone(made),
        names=made.names,
    )


def _closing(arm: Arm, opens: Sql, made: Version) -> Sql:
    within = arm.trigger.within
    return FOREVER if within is None else shifted(opens, within.duration, _zone(made))


# ---------------------------------------------------------------- changed waits


async def _wait_anew(
    tx: Transaction, old: Version, new: Version, step: Wait, now: datetime
) -> None:
    """A wait of another length, counted from when each came; overdue ones are spread out."""
    p = position.c
    instant = literal(now, Instant)
    ends = times.ends(step.until, p.arrived_at, _scope(new, p.arrived_at))
    await tx.execute(
        update(position)
        .where(_in(old, step.number), _whose())
        .values(due_at=func.greatest(ends, instant))
    )
    late = (
        select(
            p.enrollment_id,
            p.branch,
            func.row_number().over(order_by=(p.enrollment_id, p.branch)).label("place"),
        )
        .where(_in(old, step.number), p.due_at <= now)
        .subquery("late")
    )
    behind = (late.c.place - 1) // OVERDUE_A_MINUTE
    await tx.execute(
        update(position)
        .where(
            p.workspace_id == old.workspace_id,
            p.enrollment_id == late.c.enrollment_id,
            p.branch == late.c.branch,
            late.c.place > OVERDUE_A_MINUTE,
        )
        .values(due_at=instant + func.make_interval(0, 0, 0, 0, 0, cast(behind, Integer)))
    )


async def _listen_anew(
    tx: Transaction,
    old: Version,
    new: Version,
    before: When,
    step: When,
    waits: Waits,
    now: datetime,
) -> None:
    """A `when` whose arms have changed: windows that stay stand as promised, others begin anew.

    Everybody there is looked at once: history decides by the new arms.
    """
    pairs = _pairs(before, step)
    kept = [_keeps(before, arm, index, waits) for arm, index in zip(step.arms, pairs, strict=True)]
    if all(kept) and pairs == list(range(len(before.arms))):
        return
    p = position.c
    opens = [p.arrived_at if i is None else p.opens[i + 1] for i in pairs]
    closes = [
        p.closes[index + 1] if keep and index is not None else _closing(arm, start, new)
        for arm, index, keep, start in zip(step.arms, pairs, kept, opens, strict=True)
    ]
    await tx.execute(
        update(position)
        .where(_in(old, step.number), _whose())
        .values(opens=array(opens), closes=array(closes), due_at=literal(now, Instant))
    )


def _pairs(before: When, step: When) -> list[int | None]:
    """For each arm of the new step the arm of the old one that waits for the same event.

    Where the numbers of arms are equal, an arm whose event has changed is the one in its place.
    """
    events = [(written(arm.trigger.event), arm.trigger.negated) for arm in before.arms]
    same = len(before.arms) == len(step.arms)
    found: list[int | None] = []
    for index, arm in enumerate(step.arms):
        event = (written(arm.trigger.event), arm.trigger.negated)
        place = events.index(event) if event in events else None
        found.append(index if place is None and same else place)
    return found


def _keeps(before: When, arm: Arm, index: int | None, waits: Waits) -> bool:
    """Whether the window of an arm stands as it was promised."""
    if index is None:
        return False
    was, now = before.arms[index].trigger.within, arm.trigger.within
    if was is None or now is None:
        return was is now
    return waits == "keep" or was == now


def changes_times(before: Any, step: Any) -> bool:
    """Whether people who wait at a step have been promised a time that the new text changes."""
    match before, step:
        case Wait(until=was), Wait(until=now):
            return was != now
        case When(arms=old), When(arms=new):
            return [arm.trigger.within for arm in old] != [arm.trigger.within for arm in new]
        case _:
            return False
