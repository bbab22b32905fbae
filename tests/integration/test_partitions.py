"""The big tables by months: made ahead, filled as numbers jump, dropped when nobody needs them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from world import World

from headless.storage import partitions
from headless.storage.database import connect
from headless.storage.partitions import Kept, drop, first, month_of, prepare
from headless.storage.time import DatabaseClock
from headless.storage.wake import Wake
from headless.worker import Worker

KEPT = Kept(activity=2, journal=2, message=2)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    database = connect(database_url, pool_size=4)
    try:
        yield await World(database).begin()
    finally:
        await database.close()


async def tables(world: World, table: str) -> list[str]:
    rows = await world.rows(
        "select relname from pg_inherits join pg_class on pg_class.oid = inhrelid"
        " where inhparent = cast(cast(:table as text) as regclass) order by 1",
        table=table,
    )
    return [row[0] for row in rows]


async def places(world: World, table: str) -> list[str]:
    rows = await world.rows(f"select distinct cast(tableoid::regclass as text) from {table}")
    return sorted(row[0] for row in rows)


def test_months_and_their_numbers() -> None:
    assert month_of(datetime(2025, 12, 31, 23, tzinfo=UTC)) == 0
    assert month_of(datetime(2026, 1, 1, tzinfo=UTC)) == 1
    assert month_of(datetime(2027, 2, 1, tzinfo=UTC)) == 14
    assert partitions.CUTS[0].partition(14) == "activity_2027_02"
    assert first(12 * 1000) < 2**53  # exact in JSON for a thousand years


async def test_partitions_are_made_ahead_and_twice_is_once(world: World) -> None:
    assert await prepare(world.database, now=world.now) == 9
    assert await prepare(world.database, now=world.now) == 0
    assert await tables(world, "journal") == [
        "journal_0",
        "journal_2026_01",
        "journal_2026_02",
        "journal_2026_03",
    ]
    assert await prepare(world.database, now=world.now + timedelta(days=31)) == 3


async def test_a_run_goes_on_over_the_turn_of_a_month(world: World) -> None:
    await prepare(world.database, now=world.now)
    await world.people("ada", "bob", segment="Leads")
    text = "send email X wait 40d when opened email X within 90d then add points 1"
    await world.start(f"from segment Leads re-entry always {text}")
    world.now += timedelta(days=32)
    await prepare(world.database, now=world.now)
    await world.wait(days=9)
    await world.opens("X", "ada")
    assert await world.points("ada") == 1
    assert await places(world, "journal") == ["journal_2026_01"]  # with its run, not with its time
    assert await places(world, "activity") == ["activity_2026_02"]
    assert await places(world, "message") == ["message_2026_01"]
    assert await world.one("select min(id) from enrollment") == first(1)


async def test_what_is_old_goes_once_no_run_needs_it(world: World) -> None:
    await prepare(world.database, now=world.now)
    await world.people("ada", "bob", segment="Leads")
    await world.start("from segment Leads send email X when opened email X then add points 1")
    await world.opens("X", "ada")
    await world.rows("update message set state = 2, sent_at = due_at returning 1")
    later = world.now + timedelta(days=100)
    assert await drop(world.database, KEPT, now=later) == []  # bob may still open it
    assert await world.journal("ada") != []
    await world.opens("X", "bob")
    assert await drop(world.database, KEPT, now=world.now + timedelta(days=62)) == []
    assert await drop(world.database, Kept(), now=later) == []
    assert await drop(world.database, KEPT, now=later) == [
        "activity_2026_01",
        "message_2026_01",
        "journal_2026_01",
    ]
    assert await world.journal("ada") == []
    assert await world.runs("ada") == ["finished"]


async def test_a_message_that_waits_to_be_sent_is_kept(world: World) -> None:
    await prepare(world.database, now=world.now)
    await world.people("ada", segment="Leads")
    await world.start("from segment Leads send email X")
    later = world.now + timedelta(days=100)
    assert "message_2026_01" not in await drop(world.database, KEPT, now=later)


async def test_hot_queries_look_into_one_partition(world: World) -> None:
    await prepare(world.database, now=world.now)
    number = first(1) + 5
    for query in (
        f"select * from journal where workspace_id = 1 and enrollment_id = {number}",
        f"update message set attempts = 1 where workspace_id = 1 and id = {number}",
        f"select * from activity where workspace_id = 1 and id = any(array[{number}])",
    ):
        plan = "\n".join(row[0] for row in await world.rows(f"explain {query}"))
        assert "_2026_01" in plan
        assert "_2026_02" not in plan
        assert "Index" in plan


async def test_a_worker_makes_the_months_to_come(world: World, redis_url: str) -> None:
    async def nothing(_: Wake) -> int:
        return 0

    async def none() -> list[Wake]:
        return []

    clock = DatabaseClock(world.database)
    made = Worker(world.database, redis_url, clock=clock, deliver=nothing, due=none)
    await clock.read()
    running = asyncio.create_task(made._tend())  # of all that it runs, this
    async with asyncio.timeout(20):
        while len(await tables(world, "journal")) < 4:
            await asyncio.sleep(0.02)
    running.cancel()
    month = month_of(clock.now())
    assert partitions.CUTS[2].partition(month + 2) in await tables(world, "journal")
