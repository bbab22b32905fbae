"""Rules: what decides who is in a dynamic segment, read once and kept ready to be asked.

A segment's row keeps the names of its condition as they were resolved, the zone that its days
count in and when the passing of days can change it next; `segment_watch` keeps the activities
after which it is asked again. Imports the parser, the conditions and storage.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import (
    Text,
    and_,
    cast,
    delete,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from headless.audience.conditions import asks_of_time, holds, watched
from headless.audience.values import Scope
from headless.dsl import ast
from headless.dsl.parser import parse_condition
from headless.problems import Problem
from headless.storage.database import Transaction
from headless.storage.tables import (
    Instant,
    campaign,
    contact,
    segment,
    segment_pin,
    segment_watch,
    version,
    workspace,
)
from headless.workspace.names import Names, resolve


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A dynamic segment, ready to be asked; `pinned` says that somebody is in or out by hand.

    `zone` is the one that its days count in, None for each contact's own, else `house`, the
    workspace's.
    """

    workspace_id: int
    segment_id: int
    condition: ast.Condition
    names: Names
    house: str
    zone: str | None = None
    pinned: bool = False
    asked_at: datetime | None = None

    @property
    def asks_of_time(self) -> bool:
        """Whether the passing of days can change who is in it."""
        return asks_of_time(self.condition)

    def holds(self, now: datetime) -> Any:
        """The condition over the columns of the table `contact`."""
        own = func.coalesce(contact.c.time_zone, self.house)
        scope = Scope(
            workspace_id=self.workspace_id,
            contact=contact,
            now=literal(now, Instant),
            zone=own if self.zone is None else literal(self.zone),
            names=self.names,
        )
        mine = contact.c.workspace_id == self.workspace_id
        fits = holds(self.condition, scope)
        if not self.pinned:
            return and_(mine, fits)
        return and_(mine, or_(and_(fits, not_(self._pin(False))), self._pin(True)))

    def _pin(self, inside: bool) -> Any:
        return exists(
            select(1).where(
                segment_pin.c.workspace_id == self.workspace_id,
                segment_pin.c.segment_id == self.segment_id,
                segment_pin.c.contact_id == contact.c.id,
                segment_pin.c.inside == inside,
            )
        )


@lru_cache(maxsize=1024)
def _tree(condition: str) -> ast.Condition:
    parsed = parse_condition(condition)
    if parsed.condition is None:
        raise Problem(
            "invalid_text", "the condition has faults", text=condition, faults=parsed.diagnostics
        )
    return parsed.condition


async def rule(
    tx: Transaction, workspace_id: int, segment_id: int, condition: str, *, now: datetime
) -> Rule:
    """Read a condition; raises Problem `invalid_text` with its diagnostics."""
    tree = _tree(condition)
    names = await resolve(tx, workspace_id, [tree], now=now)
    house: str = await tx.scalar(
        select(workspace.c.time_zone).where(workspace.c.id == workspace_id)
    )
    return Rule(
        workspace_id=workspace_id, segment_id=segment_id, condition=tree, names=names, house=house
    )


async def followed(tx: Transaction, workspace_id: int, *wanted: Any) -> list[Rule]:
    """The dynamic segments that are kept up to date, as they were resolved."""
    pinned = exists(
        select(1).where(
            segment_pin.c.workspace_id == segment.c.workspace_id,
            segment_pin.c.segment_id == segment.c.id,
        )
    )
    rows = await tx.execute(
        select(
            segment.c.id, segment.c.condition, segment.c.refs, segment.c.zone,
            segment.c.asked_at, workspace.c.time_zone.label("house"), pinned.label("pinned"),
        )
        .join(workspace, workspace.c.id == segment.c.workspace_id)
        .where(
            segment.c.workspace_id == workspace_id,
            segment.c.condition.is_not(None),
            segment.c.refs.is_not(None),
            *wanted,
        )
        .order_by(segment.c.id)
    )  # fmt: skip
    return [
        Rule(
            workspace_id=workspace_id,
            segment_id=row.id,
            condition=_tree(row.condition),
            names=msgspec.convert(row.refs, Names),
            house=row.house,
            zone=row.zone,
            pinned=row.pinned,
            asked_at=row.asked_at,
        )
        for row in rows.all()
    ]


async def follow(
    tx: Transaction, workspace_id: int, segment_id: int, *, now: datetime
) -> Rule | None:
    """Read a segment's definition anew and keep it ready; None for a list kept by hand."""
    plan_zone = (
        select(version.c.plan["zone"].astext)
        .join(
            campaign,
            and_(
                campaign.c.workspace_id == version.c.workspace_id,
                campaign.c.version_id == version.c.id,
            ),
        )
        .where(campaign.c.workspace_id == workspace_id, campaign.c.id == segment.c.campaign_id)
        .scalar_subquery()
    )
    found = (
        await tx.execute(
            select(segment.c.condition, cast(plan_zone, Text).label("zone"))
            .where(segment.c.workspace_id == workspace_id, segment.c.id == segment_id)
            .with_for_update(of=segment)
        )
    ).one_or_none()
    await tx.execute(
        delete(segment_watch).where(
            segment_watch.c.workspace_id == workspace_id, segment_watch.c.segment_id == segment_id
        )
    )
    if found is None or found.condition is None:
        return None
    made = await rule(tx, workspace_id, segment_id, found.condition, now=now)
    made = msgspec.structs.replace(made, zone=found.zone)
    rows = [
        {"workspace_id": workspace_id, "kind": int(one.kind), "ref": one.ref,
         "segment_id": segment_id}
        for one in watched(made.condition, made.names)
    ]  # fmt: skip
    if rows:
        await tx.execute(insert(segment_watch).values(rows))
    await tx.execute(
        update(segment)
        .where(segment.c.workspace_id == workspace_id, segment.c.id == segment_id)
        .values(zone=made.zone, refs=msgspec.to_builtins(made.names))
    )
    (ready,) = await followed(tx, workspace_id, segment.c.id == segment_id)
    return ready


async def leans_on(tx: Transaction, workspace_id: int, names: Names, segment_id: int) -> bool:
    """Whether a condition that speaks of these names would make a segment depend on itself."""
    spoken = [number for name, number in names.ids.items() if name.startswith("segment:")]
    if segment_id in spoken:
        return True
    below = (
        select(segment_watch.c.ref.label("id"))
        .where(segment_watch.c.workspace_id == workspace_id, segment_watch.c.segment_id.in_(spoken))
        .cte("below", recursive=True)
    )
    below = below.union(
        select(segment_watch.c.ref)
        .join(below, segment_watch.c.segment_id == below.c.id)
        .where(segment_watch.c.workspace_id == workspace_id)
    )
    return bool(await tx.scalar(select(exists(select(1).where(below.c.id == segment_id)))))


# ---------------------------------------------------------------- the passing of days

_ZONES = text(
    """
    with recursive zone as (
      (select time_zone from contact
        where workspace_id = :workspace_id and time_zone is not null order by time_zone limit 1)
      union all
      select (select time_zone from contact
               where workspace_id = :workspace_id and time_zone > zone.time_zone
               order by time_zone limit 1)
        from zone where zone.time_zone is not null
    )
    select time_zone from zone where time_zone is not null
    """
)


async def zones_in_use(tx: Transaction, workspace_id: int) -> list[str]:
    """The contacts' zones, by hops over their index."""
    rows = await tx.execute(_ZONES, {"workspace_id": workspace_id})
    return list(rows.scalars())


async def zones_of(tx: Transaction, workspace_id: int, contacts: Any) -> list[str]:
    """The zones of some contacts, a condition on the table `contact`."""
    rows = await tx.execute(
        select(contact.c.time_zone)
        .where(contact.c.workspace_id == workspace_id, contact.c.time_zone.is_not(None), contacts)
        .distinct()
    )
    return list(rows.scalars())


def next_day(zones: Iterable[str], now: datetime) -> datetime:
    """When the next day begins in the first of these zones."""
    return min(_next_day(zone, now) for zone in zones)


def _next_day(name: str, now: datetime) -> datetime:
    zone = ZoneInfo(name)
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(0), zone).astimezone(UTC)


def has_begun(name: str, since: datetime, now: datetime) -> bool:
    """Whether a day has begun in a zone after `since`, up to `now`."""
    zone = ZoneInfo(name)
    return now.astimezone(zone).date() > since.astimezone(zone).date()
