"""Workers killed in the middle, Valkey flushed and restarted: each effect once, nobody lost.

Real worker processes over a real database; only the mails stay in the outbox (no server is set), so
that their intents can be counted.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis
from forker import Forked, start
from sqlalchemy import text
from world import World

from headless.campaigns import lifecycle, publish
from headless.clock import SystemClock
from headless.storage.data_folder import hold
from headless.storage.database import Database, connect
from headless.storage.embedded import Valkey

PEOPLE = 20_000
SOME = 8_000
PATIENCE = 180
CAMPAIGN = """campaign Faults
from segment Leads
add points 1
if points >= 1 then add tag counted
send email Welcome
wait 1s
add points 10
send email Tips
wait 1s
add points 100
add to segment Done
"""


@asynccontextmanager
async def worker(database_url: str, redis_url: str) -> AsyncIterator[Forked]:
    """A `headless work` process; killed at the end if it still runs."""
    environ = {
        **{n: t for n, t in os.environ.items() if not n.startswith("HEADLESS_")},
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "HEADLESS_SECRET_KEYS": "only-this-test-knows-this-key-and-it-is-long",
        "HEADLESS_LOG_LEVEL": "error",
    }
    process = await asyncio.to_thread(start, ["work"], environ, Path(os.devnull))
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    database = connect(database_url, pool_size=4)
    try:
        world = World(database)
        world.now = SystemClock().now()
        yield await world.begin()
    finally:
        await database.close()


async def _crowd(world: World, count: int) -> None:
    """Many people in one segment, and a campaign for them that has just been started."""
    async with world.database.transaction() as tx:
        await tx.execute(
            text(
                "insert into contact (workspace_id, external_id, email, created_at, updated_at)"
                " select 1, g, g || '@example.org', :now, :now"
                "   from generate_series(1, cast(:count as int)) g"
            ),
            {"now": world.now, "count": count},
        )
        await tx.execute(
            text("insert into segment_member select 1, :id, id, :now from contact"),
            {"id": world.segments["Leads"], "now": world.now},
        )
        made, _ = await publish.create(tx, 1, CAMPAIGN, now=world.now)
        await lifecycle.start(tx, 1, made.id, plan=made.hash, now=world.now)


async def _until(database: Database, query: str, wanted: int) -> None:
    async with asyncio.timeout(PATIENCE), database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        while (await connection.execute(text(query))).scalar_one() < wanted:
            await asyncio.sleep(0.2)  # counting a journal is work for the database as well


async def _each_effect_once(world: World, count: int) -> None:
    """Points, tags, segment, messages, journal and runs: one of each for everybody."""
    assert await world.rows("select points, count(*) from contact group by 1") == [(111, count)]
    assert await world.one("select count(*) from contact_tag") == count
    assert await world.one("select count(*) from segment_member") == 2 * count
    assert await world.rows(
        "select ref, count(*), count(distinct contact_id) from message group by 1 order by 1"
    ) == [(world.emails["Welcome"], count, count), (world.emails["Tips"], count, count)]
    # the `if` goes both with and without its tag step: here everybody has it
    steps = await world.rows("select step, count(*) from journal group by 1 order by 1")
    assert [number for _, number in steps] == [count] * len(steps)
    assert await world.rows("select state, count(*) from enrollment group by 1") == [(1, count)]
    assert await world.rows("select * from position") == []
    tallied = await world.rows("select step, sum(contacts)::int from tally group by 1 order by 1")
    assert tallied == steps


async def test_workers_killed_in_the_middle_and_one_that_is_asked_to_stop(
    world: World, database_url: str, redis_url: str
) -> None:
    await _crowd(world, PEOPLE)
    moved = "select count(*) from journal"
    for share in (1, 3, 6):  # dies while entering, in the middle, and near the end
        async with worker(database_url, redis_url) as victim:
            await _until(world.database, moved, PEOPLE * share)
            victim.send_signal(signal.SIGKILL)
            await victim.wait()
    assert await world.one("select count(*) from position") > 0
    async with worker(database_url, redis_url) as asked:
        await _until(world.database, moved, await world.one(moved) + 1)
        async with worker(database_url, redis_url):
            asked.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(asked.wait(), 30) == 0, "it finishes its batch"
            await _until(world.database, "select count(*) from enrollment where state = 1", PEOPLE)
    await _each_effect_once(world, PEOPLE)


async def test_valkey_flushed_and_restarted(
    world: World, database_url: str, tmp_path: Path
) -> None:
    with hold(tmp_path / "valkey") as folder:
        valkey = Valkey(folder)
        valkey.start()
        try:
            await _crowd(world, SOME)
            async with worker(database_url, valkey.url):
                await _until(world.database, "select count(*) from journal", SOME)
                with redis.Redis.from_url(valkey.url) as client:
                    client.flushall()
                await _until(world.database, "select count(*) from journal", 3 * SOME)
                valkey.stop()
                await _until(world.database, "select count(*) from journal", 6 * SOME)
                valkey.start()
                finished = "select count(*) from enrollment where state = 1"
                await _until(world.database, finished, SOME)
        finally:
            valkey.stop()
    await _each_effect_once(world, SOME)
