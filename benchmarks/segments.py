"""Dynamic segments over 1,000,000 contacts: the whole of one, and what 1,000 changes cost.

Three clauses: a field of text, points, a tag. The floor is the condition alone, counted by the same
database in the same run: what it costs to look at everybody without keeping anything.
"""

import time
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import func, insert, select, text

from benchmarks.results import Result
from benchmarks.steps import vacuum
from headless.audience import rules, segments
from headless.audience.contacts import changed
from headless.audience.membership import refresh, refresh_changed
from headless.storage import tables
from headless.storage.database import Database

START: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)
CONDITION: Final = "country is DE and points >= 50 and not has tag cold"

_PEOPLE = """
insert into contact (workspace_id, external_id, email, time_zone, points, fields,
                     created_at, updated_at)
select 1, 'x' || g, 'user' || g || '@example.org', 'Europe/Paris', hashint8(g * 7) & 127,
       jsonb_build_object('country', (array['DE', 'FR', 'GB', 'US'])[1 + (hashint8(g) & 3)],
                          'plan', 'free', 'first_name', 'Name' || g, 'city', 'Paris'),
       :now, :now
  from generate_series(1, :count) g
"""
_COLD = "insert into contact_tag select 1, id, 1, :now from contact where id % 10 = 0"
_MOVE = "update contact set points = 127 - points where id % :every = 0"


async def people(database: Database, count: int) -> None:
    """A workspace with contacts, a tenth of them cold."""
    async with database.transaction() as tx:
        await tx.execute(insert(tables.workspace).values(name="Bench", created_at=START))
        field = {"workspace_id": 1, "name": "country", "type": "text", "created_at": START}
        await tx.execute(insert(tables.field).values(field))
        await tx.execute(insert(tables.tag).values(workspace_id=1, name="cold"))
        await tx.execute(text(_PEOPLE), {"now": START, "count": count})
        await tx.execute(text(_COLD), {"now": START})
    await vacuum(database)


async def whole(database: Database, segment_id: int) -> float:
    """The seconds of a full rebuild."""
    began = time.perf_counter()
    async with database.transaction() as tx:
        await refresh(tx, 1, segment_id, now=START)
    return time.perf_counter() - began


async def floor(database: Database) -> float:
    """The seconds of counting those for whom the condition holds."""
    async with database.transaction() as tx:
        rule = await rules.rule(tx, 1, 0, CONDITION, now=START)
        await tx.whole_tables()
        count = select(func.count()).select_from(tables.contact).where(rule.holds(START))
        began = time.perf_counter()
        await tx.scalar(count)
        return time.perf_counter() - began


async def after_changes(database: Database, count: int, changes: int) -> float:
    """The seconds until a segment follows so many changed contacts; the best of five."""
    took = []
    for turn in range(5):
        who = range(1 + turn, count + 1, count // changes)
        async with database.transaction() as tx:
            move = "update contact set points = 127 - points where id = any(:ids)"
            await tx.execute(text(move), {"ids": list(who)})
            await changed(tx, 1, who)
        began = time.perf_counter()
        async with database.transaction() as tx:
            asked = await refresh_changed(tx, 1, now=START)
        took.append(time.perf_counter() - began)
        if asked != len(who):
            raise AssertionError(f"{asked} contacts were asked about, not {len(who)}")
    return min(took)


async def run(database: Database, count: int = 1_000_000) -> list[Result]:
    """The figures of dynamic segments."""
    await people(database, count)
    async with database.transaction() as tx:
        made = await segments.create(tx, 1, "Nobody", "points < 0", now=START)
        define = tables.segment.update().values(condition=CONDITION)
        await tx.execute(define.where(tables.segment.c.id == made.id))
    first = await whole(database, made.id)
    await vacuum(database)
    async with database.transaction() as tx:
        await tx.execute(text(_MOVE), {"every": 100})
    again, least = await whole(database, made.id), await floor(database)
    few = await after_changes(database, count, 1_000)
    members = await _members(database)
    return [
        Result(
            name=f"segment with three clauses over {count:,} contacts, {members:,} in it: rebuilt",
            value=again,
            unit="s",
            floor=least,
            ratio=again / least,
            target=2.5,
            reached=again <= 2.5,
        ),
        Result(name="the same, for the first time", value=first, unit="s", floor=least,
               ratio=first / least, target=2.5, reached=first <= 2.5),
        Result(name="the same, after 1,000 changed contacts", value=few * 1000, unit="ms",
               target=25, reached=few <= 0.025),
    ]  # fmt: skip


async def _members(database: Database) -> int:
    async with database.transaction() as tx:
        count: int = await tx.scalar(select(func.count()).select_from(tables.segment_member))
        return count
