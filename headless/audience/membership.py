"""Membership: who is in a segment, kept in sets; joining and leaving are told to campaigns.

Static segments change by `join` and `leave`; dynamic ones by `refresh` (all of it),
`refresh_changed` (the contacts that have changed since) and `refresh_days` (those for whom a day
has begun). Imports `rules` and storage.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import (
    CTE,
    BigInteger,
    Select,
    Text,
    bindparam,
    cast,
    delete,
    func,
    literal,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert

from headless.audience.activities import told
from headless.audience.rules import (
    Rule,
    follow,
    followed,
    has_begun,
    next_day,
    zones_in_use,
    zones_of,
)
from headless.storage.codes import ActivityKind
from headless.storage.database import Transaction
from headless.storage.tables import Instant, contact, contact_change, segment, segment_member

CHANGED_AT_ONCE: Final = 10_000


class Change(msgspec.Struct, frozen=True):
    """How many contacts came into a segment and how many went out of it."""

    joined: int = 0
    left: int = 0


async def join(
    tx: Transaction,
    workspace_id: int,
    segment_id: int,
    contact_ids: Sequence[int],
    *,
    now: datetime,
) -> int:
    """Put contacts into a segment; how many were not in it before."""
    at = literal(now, Instant)
    joined = _joined(workspace_id, segment_id, _given(contact_ids), at)
    return (await _tell(tx, workspace_id, segment_id, at, joined=joined)).joined


async def leave(
    tx: Transaction,
    workspace_id: int,
    segment_id: int,
    contact_ids: Sequence[int],
    *,
    now: datetime,
) -> int:
    """Take contacts out of a segment; how many were in it."""
    left = _left(workspace_id, segment_id, _given(contact_ids))
    return (await _tell(tx, workspace_id, segment_id, literal(now, Instant), left=left)).left


def _given(contact_ids: Sequence[int]) -> Select[*tuple[Any, ...]]:
    ids = bindparam("given", list(contact_ids), type_=ARRAY(BigInteger), unique=True)
    return select(func.unnest(ids).label("contact_id"))


def _joined(workspace_id: int, segment_id: int, who: Any, at: Any) -> CTE:
    rows = who.subquery("who")
    return (
        insert(segment_member)
        .from_select(
            ["workspace_id", "segment_id", "contact_id", "since"],
            select(literal(workspace_id), literal(segment_id), rows.c.contact_id, at),
        )
        .on_conflict_do_nothing()
        .returning(segment_member.c.contact_id)
        .cte("joined")
    )


def _left(workspace_id: int, segment_id: int, who: Any) -> CTE:
    return (
        delete(segment_member)
        .where(
            segment_member.c.workspace_id == workspace_id,
            segment_member.c.segment_id == segment_id,
            segment_member.c.contact_id.in_(who),
        )
        .returning(segment_member.c.contact_id)
        .cte("gone")
    )


_KINDS: Final = {
    "joined": ActivityKind.JOINED_SEGMENT,
    "left": ActivityKind.LEFT_SEGMENT,
}


async def _tell(
    tx: Transaction, workspace_id: int, segment_id: int, at: Any, **changes: CTE
) -> Change:
    """Carry the changes out and tell of them; `joined` and `left` are the parts that make them."""
    counts, noted, todos = [], [], []
    for name, part in changes.items():
        rows = select(
            part.c.contact_id,
            at.label("occurred_at"),
            cast(null(), BigInteger).label("enrollment_id"),
            cast(null(), JSONB).label("properties"),
        )
        note, todo = told(workspace_id, rows, _KINDS[name], segment_id, now=at, name=name)
        counts.append(select(func.count()).select_from(part).scalar_subquery().label(name))
        noted.append(note)
        todos.append(select(func.count()).select_from(todo).scalar_subquery())
    total = sum(todos[1:], start=todos[0])
    row = (await tx.execute(select(*counts, total.label("todo")).add_cte(*noted))).one()
    if row.todo:
        tx.wake("hear", workspace_id)
    return Change(*(getattr(row, name, 0) for name in _KINDS))


# ---------------------------------------------------------------- dynamic segments


async def refresh(tx: Transaction, workspace_id: int, segment_id: int, *, now: datetime) -> Change:
    """Make a dynamic segment's members be those for whom its condition holds now.

    Its definition is read anew. Raises Problem `not_found` where it speaks of what is not there.
    """
    asked = await follow(tx, workspace_id, segment_id, now=now)
    if asked is None:
        return Change()
    await tx.whole_tables()
    change = await _diff(tx, asked, now)
    await _note_days(tx, asked, now, refreshed_at=now)
    return change


async def _note_days(tx: Transaction, asked: Rule, now: datetime, **more: Any) -> None:
    """The days up to now have been asked about; when the next one begins for somebody."""
    next_: datetime | None = None
    if asked.asks_of_time:
        zones = [asked.zone] if asked.zone else await zones_in_use(tx, asked.workspace_id)
        next_ = next_day([*zones, asked.zone or asked.house], now)
    await tx.execute(
        update(segment)
        .where(segment.c.workspace_id == asked.workspace_id, segment.c.id == asked.segment_id)
        .values(asked_at=now, asks_at=next_, **more)
    )


async def refresh_changed(tx: Transaction, workspace_id: int, *, now: datetime) -> int:
    """Ask the dynamic segments again for contacts that have changed; how many there were."""
    some = (
        select(contact_change.c.contact_id)
        .where(contact_change.c.workspace_id == workspace_id)
        .order_by(contact_change.c.contact_id)
        .limit(CHANGED_AT_ONCE)
        .with_for_update(skip_locked=True)
        .cte("some")
    )
    taken = await tx.execute(
        delete(contact_change)
        .where(
            contact_change.c.workspace_id == workspace_id,
            contact_change.c.contact_id == some.c.contact_id,
        )
        .returning(contact_change.c.contact_id)
    )
    ids = list(taken.scalars())
    if not ids:
        return 0
    asked = await followed(tx, workspace_id)
    given = bindparam("only", ids, type_=ARRAY(BigInteger), unique=True)
    for one in asked:
        await _diff(tx, one, now, contact.c.id == given.any_(), only=given)
    await _look_sooner(tx, asked, contact.c.id == given.any_(), now)
    return len(ids)


async def _look_sooner(tx: Transaction, asked: list[Rule], who: Any, now: datetime) -> None:
    """Changed contacts may live in zones where a day begins before any that was known of."""
    waiting = [one for one in asked if one.zone is None and one.asks_of_time]
    if not waiting:
        return
    workspace_id = waiting[0].workspace_id
    if zones := await zones_of(tx, workspace_id, who):
        soonest = literal(next_day(zones, now), Instant)
        await tx.execute(
            update(segment)
            .where(
                segment.c.workspace_id == workspace_id,
                segment.c.id.in_([one.segment_id for one in waiting]),
                segment.c.asks_at > soonest,
            )
            .values(asks_at=soonest)
        )


async def refresh_days(tx: Transaction, workspace_id: int, *, now: datetime) -> int:
    """Ask the segments again whose conditions speak of time, where a day has begun; how many."""
    due = await tx.execute(
        select(segment.c.id)
        .where(segment.c.workspace_id == workspace_id, segment.c.asks_at <= now)
        .order_by(segment.c.id)
        .with_for_update(skip_locked=True)
    )
    numbers = list(due.scalars())
    if not numbers:
        return 0
    zones = await zones_in_use(tx, workspace_id)
    for one in await followed(tx, workspace_id, segment.c.id.in_(numbers)):
        since = one.asked_at or now - timedelta(days=1)
        if (who := _where_a_day_began(one, zones, since, now)) is not None:
            await tx.whole_tables()
            await _diff(tx, one, now, who)
        await _note_days(tx, one, now)
    await tx.execute(  # a list kept by hand since then has no days to ask about
        update(segment)
        .where(
            segment.c.workspace_id == workspace_id,
            segment.c.id.in_(numbers),
            segment.c.asks_at <= now,
        )
        .values(asks_at=null())
    )
    return len(numbers)


def _where_a_day_began(asked: Rule, zones: list[str], since: datetime, now: datetime) -> Any:
    """The contacts in whose zone a day has begun, as a condition; None for nobody."""
    fixed = asked.zone
    if fixed is not None:
        return true() if has_begun(fixed, since, now) else None
    begun = [zone for zone in zones if has_begun(zone, since, now)]
    house = has_begun(asked.house, since, now)
    if not begun and not house:
        return None
    if len(begun) == len(zones) and house:
        return true()
    there = contact.c.time_zone == bindparam(None, begun, type_=ARRAY(Text)).any_()
    return or_(there, contact.c.time_zone.is_(None)) if house else there


async def _diff(
    tx: Transaction, asked: Rule, now: datetime, among: Any = None, *, only: Any = None
) -> Change:
    """Join those who fit and are not in, leave those who are in and do not fit; as sets.

    `among` narrows the contacts that are asked; `only` are their numbers, where they are few.
    """
    m, at = segment_member, literal(now, Instant)
    fitting = select(contact.c.id.label("contact_id")).where(asked.holds(now))
    members = select(m.c.contact_id).where(
        m.c.workspace_id == asked.workspace_id, m.c.segment_id == asked.segment_id
    )
    if only is not None:
        members = members.where(m.c.contact_id == only.any_())
    elif among is not None:
        them = select(contact.c.id).where(contact.c.workspace_id == asked.workspace_id, among)
        members = members.where(m.c.contact_id.in_(them))
    if among is not None:
        fitting = fitting.where(among)
    fit, was = fitting.cte("fitting"), members.cte("members")
    both = fit.outerjoin(was, fit.c.contact_id == was.c.contact_id, full=True)
    apart = (
        select(fit.c.contact_id.label("joins"), was.c.contact_id.label("leaves"))
        .select_from(both)
        .where(or_(fit.c.contact_id.is_(None), was.c.contact_id.is_(None)))
        .cte("apart")
        .prefix_with("materialized")
    )
    joining = select(apart.c.joins.label("contact_id")).where(apart.c.joins.is_not(None))
    leaving = select(apart.c.leaves).where(apart.c.leaves.is_not(None))
    joined = _joined(asked.workspace_id, asked.segment_id, joining, at)
    left = _left(asked.workspace_id, asked.segment_id, leaving)
    return await _tell(tx, asked.workspace_id, asked.segment_id, at, joined=joined, left=left)
