"""Sources: where a running campaign's people come from, and what its versions listen to.

What starting and a new version have in common: the hidden segments of `from contacts where (...)`,
the members who are let in batch by batch, the activities that matter, the dates between which it
runs. Imports the runtime and `audience`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import ColumnElement, delete, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from headless.audience.conditions import holds
from headless.audience.membership import refresh
from headless.audience.values import Scope
from headless.dsl import ast
from headless.dsl.plan import Source
from headless.dsl.wording import CANONICAL, written
from headless.runtime.listen import attend, listens, segment_of
from headless.runtime.stands import Version
from headless.storage.database import Transaction
from headless.storage.tables import (
    Instant,
    contact,
    intake,
    listener,
    segment,
    segment_member,
)


class Season(msgspec.Struct, frozen=True):
    """Between which instants a campaign may run; None: not bounded."""

    opens: datetime | None
    closes: datetime | None


def season(made: Version) -> Season:
    """What `active DATE to DATE` means in the campaign's zone."""
    active = made.plan.active
    if active is None:
        return Season(None, None)
    zone = made.plan.zone or made.zone
    closes = None if active.end is None else _day_after(active.end, zone)
    return Season(_local(active.start, zone), closes)


def _local(date: ast.Date, zone: str) -> datetime:
    """The instant of a date (its midnight, or its time) in the campaign's zone."""
    local = datetime.combine(date.date, date.time or time(0), ZoneInfo(zone))
    return local.astimezone(UTC)


def _day_after(date: ast.Date, zone: str) -> datetime:
    """The end of `to DATE`: that day is the last one, a time on it is the end itself."""
    if date.time is not None:
        return _local(date, zone)
    return _local(ast.Date(date=date.date + timedelta(days=1)), zone)


async def count(
    tx: Transaction,
    made: Version,
    source: Source,
    now: datetime,
    *,
    only: ColumnElement[bool] | None = None,
) -> int:
    """How many contacts a source has now; `only` those of whom this is true, too."""
    if not brings_members(source):
        return 0
    scope = Scope(
        workspace_id=made.workspace_id,
        contact=contact,
        now=literal(now, Instant),
        zone=func.coalesce(contact.c.time_zone, made.zone),
        names=made.names,
    )
    query = select(func.count()).select_from(contact)
    query = query.where(contact.c.workspace_id == made.workspace_id)
    if source.segment is not None:
        member = (segment_member.c.workspace_id == made.workspace_id) & (
            segment_member.c.contact_id == contact.c.id
        )
        of = segment_member.c.segment_id == made.names.id("segment", source.segment)
        query = query.join(segment_member, member & of)
    if source.where is not None:
        query = query.where(holds(source.where, scope))
    if only is not None:
        query = query.where(only)
    counted: int = await tx.scalar(query)
    return counted


def brings_members(source: Source) -> bool:
    """Whether those who are there at the start come in by it."""
    return not source.new_only and (source.segment is not None or source.contacts)


async def follow(tx: Transaction, made: Version, sources: Iterable[Source], now: datetime) -> None:
    """From now on `from contacts where (...)` is a segment kept up to date, seen by nobody else."""
    for source in sources:
        if source.contacts and source.where is not None:
            segment_id = segment_of(made, source)
            await _define(tx, made.workspace_id, segment_id, written(source.where, CANONICAL))
            await refresh(tx, made.workspace_id, segment_id, now=now)


async def unfollow(tx: Transaction, made: Version, sources: Iterable[Source]) -> None:
    """Those hidden segments are asked no more."""
    for source in sources:
        if source.contacts:
            await _define(tx, made.workspace_id, segment_of(made, source), None)


async def _define(
    tx: Transaction, workspace_id: int, segment_id: int, condition: str | None
) -> None:
    await tx.execute(
        update(segment)
        .where(segment.c.workspace_id == workspace_id, segment.c.id == segment_id)
        .values(condition=condition)
    )


async def take_in(tx: Transaction, made: Version, index: int, opens: datetime) -> None:
    """Who is in a source when it opens enters in the contacts' order, batch by batch."""
    await tx.execute(
        insert(intake).values(
            workspace_id=made.workspace_id,
            campaign_id=made.campaign_id,
            version_id=made.id,
            source=index,
            segment_id=segment_of(made, made.plan.sources[index]),
            before=opens,
        )
    )
    tx.wake("take_in", made.campaign_id)


async def listen(tx: Transaction, made: Version) -> None:
    """From now on the activities that a version waits for are heard for it."""
    await attend(tx, made.workspace_id)
    await deafen(tx, made)
    rows = [
        {"workspace_id": made.workspace_id, "kind": int(kind), "ref": ref, "version_id": made.id,
         "step": step}
        for kind, ref, step in sorted(listens(made))
    ]  # fmt: skip
    if rows:
        await tx.execute(upsert(listener).values(rows).on_conflict_do_nothing())


async def deafen(tx: Transaction, made: Version, *, entries_only: bool = False) -> None:
    """Nothing is heard for a version any more; with `entries_only` nothing that starts runs."""
    mine = [listener.c.workspace_id == made.workspace_id, listener.c.version_id == made.id]
    if entries_only:
        mine.append(listener.c.step == 0)
    await tx.execute(delete(listener).where(*mine))
