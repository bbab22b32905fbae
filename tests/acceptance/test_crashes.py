"""Workers killed in the middle, Valkey flushed and restarted: each effect once, nobody lost.

Real worker processes over a real database; only the mails stay in the outbox (no server is set), so
that their intents can be counted.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from sqlalchemy import text
from world import World

from headless.campaigns import lifecycle, publish
from headless.clock import SystemClock
from headless.storage.data_folder import hold
from headless.storage.database import Database, connect
from headless.storage.embedded import Valkey

PEOPLE = 20_000
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


@contextmanager
def worker(database_url: str, redis_url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A `headless work` process; killed at the end if it still runs."""
    environ = {
        **{n: t for n, t in os.environ.items() if not n.startswith("HEADLESS_")},
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "HEADLESS_SECRET_KEYS": "only-this-test-knows-this-key-and-it-is-long",
        "HEADLESS_LOG_LEVEL": "error",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", "from headless.cli import main; main()", "work"],
        env=environ,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    database = connect(database_url, pool_size=4)
    try:
        world = World(database)
        world.now = SystemClock().now()
        yield await world.begin()
    finally:
        await database.close()


async def _crowd(world: World, count: int = PEOPLE) -> None:
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
            await asyncio.sleep(0.05)


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


async def test_workers_killed_in_the_middle(
    world: World, database_url: str, redis_url: str
) -> None:
    await _crowd(world)
    moved = "select count(*) from journal"
    for share in (1, 3, 6):  # dies while entering, in the middle, and near the end
        with worker(database_url, redis_url) as victim:
            await _until(world.database, moved, PEOPLE * share)
            victim.send_signal(signal.SIGKILL)
            victim.wait()
    assert await world.one("select count(*) from position") > 0
    with worker(database_url, redis_url), worker(database_url, redis_url):
        await _until(world.database, "select count(*) from enrollment where state = 1", PEOPLE)
    await _each_effect_once(world, PEOPLE)


async def test_valkey_flushed_and_restarted(
    world: World, database_url: str, tmp_path: Path
) -> None:
    with hold(tmp_path / "valkey") as folder:
        valkey = Valkey(folder)
        valkey.start()
        try:
            await _crowd(world)
            with worker(database_url, valkey.url):
                await _until(world.database, "select count(*) from journal", PEOPLE)
                with redis.Redis.from_url(valkey.url) as client:
                    client.flushall()
                await _until(world.database, "select count(*) from journal", 3 * PEOPLE)
                valkey.stop()
                await _until(world.database, "select count(*) from journal", 6 * PEOPLE)
                valkey.start()
                finished = "select count(*) from enrollment where state = 1"
                await _until(world.database, finished, PEOPLE)
        finally:
            valkey.stop()
    await _each_effect_once(world, PEOPLE)


async def test_a_worker_that_is_asked_to_stop_finishes_its_batch(
    world: World, database_url: str, redis_url: str
) -> None:
    few = 5_000
    await _crowd(world, few)
    with worker(database_url, redis_url) as process:
        await _until(world.database, "select count(*) from journal", few)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 30) == 0
    with worker(database_url, redis_url):
        await _until(world.database, "select count(*) from enrollment where state = 1", few)
    await _each_effect_once(world, few)
