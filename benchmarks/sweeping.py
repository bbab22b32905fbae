"""One sweep with 1,000,000 positions waiting in 1,000 running campaigns, and nothing due.

The floor is a round trip to the same database over the same pool that asks for nothing.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from statistics import median
from typing import Final

from sqlalchemy import insert, text

from benchmarks.results import Result
from benchmarks.steps import vacuum
from headless.runtime.sweep import sweep
from headless.storage import tables
from headless.storage.database import Database

START: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)
TARGET_MS: Final = 1.0
_TIMES: Final = 200

_CAMPAIGNS = """
insert into campaign (workspace_id, name, state, version_id, created_at, updated_at, started_at)
select 1, 'Campaign ' || g, 'running', g, :now, :now, :now from generate_series(1, :campaigns) g;
insert into version (workspace_id, campaign_id, number, source, hash, plan, refs, created_at)
select 1, g, 1, '', '', '{}', '{}', :now from generate_series(1, :campaigns) g;
insert into position (workspace_id, enrollment_id, contact_id, version_id, step, arrived_at, due_at)
select 1, g, g, 1 + g % :campaigns, 1 + g % 7, cast(:now as timestamptz),
       cast(:now as timestamptz) + interval '1 day' + g * interval '1 s'
  from generate_series(1, :count) g
"""


async def _typical(once: Callable[[], Awaitable[object]]) -> float:
    """The median of many, in milliseconds."""
    took = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        await once()
        took.append((time.perf_counter() - began) * 1000)
    return median(took)


async def run(database: Database, count: int = 1_000_000, campaigns: int = 1_000) -> list[Result]:
    """The figure of a sweep that finds nothing."""
    async with database.transaction() as tx:
        await tx.execute(insert(tables.workspace).values(name="Bench", created_at=START))
        for statement in _CAMPAIGNS.split(";"):
            given = {"now": START, "campaigns": campaigns, "count": count}
            bound = text(statement)
            await tx.execute(bound, {name: given[name] for name in bound.compile().params})
    await vacuum(database)

    async def look() -> None:
        if await sweep(database, now=START):
            raise AssertionError("something is due")

    async def nothing() -> None:
        async with database.glance() as tx:
            await tx.execute(text("select 1"))

    took, floor = await _typical(look), await _typical(nothing)
    return [
        Result(
            name=f"one sweep, {count:,} positions in {campaigns:,} campaigns waiting, nothing due",
            value=took,
            unit="ms",
            floor=floor,
            ratio=took / floor,
            target=TARGET_MS,
            reached=took <= TARGET_MS,
        )
    ]
