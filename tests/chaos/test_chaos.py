"""Chaos: seeded rounds of faults over real processes; nobody lost, nothing done twice.

In each round three thousand people go through a campaign with waits, questions, a loop, parallel
parts and an activity that some of them do, while workers are killed, Valkey is flushed or killed,
PostgreSQL is restarted or killed, hints come twice and a host's clock jumps an hour. `make chaos`
runs fifty rounds (`HEADLESS_CHAOS_ROUNDS`), the suite one.
"""

import asyncio
import contextlib
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis
from forker import Forked, start
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from world import World

from headless.audience.activities import Activity, record
from headless.campaigns import lifecycle, publish
from headless.clock import SystemClock
from headless.runtime.listen import hear
from headless.runtime.versions import Versions
from headless.storage.codes import ActivityKind
from headless.storage.data_folder import hold
from headless.storage.database import Database, connect
from headless.storage.embedded import Postgres, Valkey
from headless.storage.migrate import migrate

PEOPLE = 3_000
PATIENCE = 240
ROUNDS = int(os.environ.get("HEADLESS_CHAOS_ROUNDS", "1"))
CAMPAIGN = """campaign Chaos
from segment Leads
add points 1
send email Welcome
parallel do
  wait 1s
  add points 10
also
  repeat 2 times do
    wait 1s
    add points 100
  end
end
when opened email Welcome within 6s do
  add points 1000
  add tag opened
else
  add tag silent
end
send email Tips
add to segment Done
"""
_LEFT = """
select 'position' as what, step, branch, count(*), min(due_at), max(due_at), clock_timestamp()
  from position group by 2, 3
union all
select 'enrollment', state, null, count(*), min(entered_at), max(entered_at), clock_timestamp()
  from enrollment group by 2
union all
select 'worker', null, null, count(*), min(seen_at), max(seen_at), clock_timestamp() from worker
"""


class Town:
    """The servers and the workers of one round, and what can happen to them."""

    def __init__(self, postgres: Postgres, valkey: Valkey, place: Path, seed: int) -> None:
        self.postgres = postgres
        self.valkey = valkey
        self.place = place
        self.random = random.Random(seed)
        self.workers: list[Forked] = []
        self.done: Counter[str] = Counter()
        self.off = place / f"off-{seed}"
        self.off.write_text("0")

    def hire(self) -> None:
        """Start a worker."""
        environ = {
            **{n: t for n, t in os.environ.items() if not n.startswith("HEADLESS_")},
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "HEADLESS_SECRET_KEYS": "only-this-test-knows-this-key-and-it-is-long",
            "HEADLESS_LOG_LEVEL": "error",
        }
        program = [str(Path(__file__).with_name("jumping_worker.py")), str(self.off)]
        self.workers.append(start(program, environ, Path(os.devnull)))

    def look_after(self) -> None:
        """Start a worker for each that ended by itself, as a service manager does.

        One that begins while its database is away ends, with a word on what is away.
        """
        for each in [each for each in self.workers if each.returncode is not None]:
            self.workers.remove(each)
            self.done["ended by itself"] += 1
            self.hire()

    def dismiss(self) -> None:
        """End all workers."""
        for each in self.workers:
            each.kill()
        self.workers.clear()

    def strike(self) -> None:
        """One fault, chosen by the seed."""
        fault = self.random.choice(
            ["kill a worker", "kill a worker", "flush valkey", "kill valkey", "restart postgres",
             "kill postgres", "hint twice", "clock jumps"]
        )  # fmt: skip
        self.done[fault] += 1
        match fault:
            case "kill a worker":
                victim = self.workers.pop(self.random.randrange(len(self.workers)))
                victim.kill()
                self.hire()
            case "flush valkey":
                with redis.Redis.from_url(self.valkey.url) as client:
                    client.flushall()
            case "kill valkey":
                _kill(self.valkey.folder.data / "valkey" / "valkey.pid", "valkey-server")
                self.valkey.stop()
                self.valkey.start()
            case "restart postgres":
                self.postgres.stop()
                self.postgres.start()
            case "kill postgres":
                _kill(self.postgres.folder.data / "postgres" / "postmaster.pid", "postgres")
                self.postgres.stop()
                self.postgres.start()
            case "hint twice":
                self._hint_twice()
            case "clock jumps":
                self.off.write_text(str(self.random.choice([3600, -3600, 0])))

    def _hint_twice(self) -> None:
        """Two workers more race for the same steps, for a moment."""
        self.hire()
        self.hire()
        while len(self.workers) > 3:
            tired = self.workers.pop(0)
            tired.kill()


def _kill(pid_file: Path, name: str) -> None:
    """SIGKILL to a server and its children, as a power cut would."""
    pid = int(pid_file.read_text().split()[0])
    for process in psutil.process_iter(["name", "cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        if process.info["name"] == name and str(pid_file.parent) in line:
            with contextlib.suppress(psutil.NoSuchProcess):  # a backend may just have ended
                for child in (*process.children(recursive=True), process):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        child.kill()
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)


@pytest.fixture(scope="module")
def servers_of_chaos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, Valkey]]:
    with hold(tmp_path_factory.mktemp("chaos")) as folder:
        postgres, valkey = Postgres(folder), Valkey(folder)
        postgres.start()
        valkey.start()
        try:
            yield postgres, valkey
        finally:
            postgres.stop()
            valkey.stop()


async def _fresh(postgres: Postgres) -> Database:
    name = make_url(postgres.url).database
    connection = await asyncpg.connect(postgres.url_of("postgres"))
    await connection.execute(f"drop database if exists {name} with (force)")
    await connection.execute(f"create database {name}")
    await connection.close()
    database = connect(postgres.url, pool_size=2)
    await migrate(database)
    return database


async def _crowd(database: Database) -> World:
    world = World(database)
    world.now = SystemClock().now()
    await world.begin()
    async with database.transaction() as tx:
        await tx.execute(
            text(
                "insert into contact (workspace_id, external_id, email, created_at, updated_at)"
                " select 1, g, g || '@example.org', :now, :now"
                "   from generate_series(1, cast(:count as int)) g"
            ),
            {"now": world.now, "count": PEOPLE},
        )
        await tx.execute(
            text("insert into segment_member select 1, :id, id, :now from contact"),
            {"id": world.segments["Leads"], "now": world.now},
        )
        made, _ = await publish.create(tx, 1, CAMPAIGN, now=world.now)
        await lifecycle.start(tx, 1, made.id, plan=made.hash, now=world.now)
    return world


async def _asked(database: Database, query: str) -> int:
    """An answer, as soon as the database is there to give one."""
    while True:
        try:
            async with database.transaction() as tx:
                return int(await tx.scalar(text(query)))
        except (DBAPIError, OSError, asyncpg.PostgresError):
            await asyncio.sleep(0.05)


async def _open(world: World, chosen: random.Random) -> int:
    """Some of those who were mailed open it, some of them twice; answers how many."""
    query = "select contact_id, id from message where ref = :ref order by 1"
    rows = await world.rows(query, ref=world.emails["Welcome"])
    openers = chosen.sample(rows, min(len(rows), 300))
    while True:
        try:
            async with world.database.transaction() as tx:
                now = await world.database.now()
                done = [
                    Activity(
                        contact_id=contact, kind=ActivityKind.OPENED, ref=world.emails["Welcome"],
                        message_id=message, occurred_at=now, key=f"chaos:{message}",
                    )
                    for contact, message in (*openers, *openers[:50])
                ]  # fmt: skip
                recorded = await record(tx, 1, done, now=now)
                await hear(tx, Versions(), 1, recorded.ids, now=now)
                return len(openers)
        except (DBAPIError, OSError, asyncpg.PostgresError):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_a_round(
    seed: int, servers_of_chaos: tuple[Postgres, Valkey], tmp_path: Path
) -> None:
    postgres, valkey = servers_of_chaos
    town = Town(postgres, valkey, tmp_path, seed)
    database = await _fresh(postgres)
    try:
        world = await _crowd(database)
        town.hire()
        town.hire()
        async with asyncio.timeout(PATIENCE):
            opened = await _through_faults(town, world)
        await _everybody_through(town, database)
        town.dismiss()
        await _once(world, opened)
    finally:
        town.dismiss()
        await database.close()
    print(f"round {seed}: {dict(town.done)}, {opened} opened; 0 lost, 0 doubled")


async def _through_faults(town: Town, world: World) -> int:
    """Four to seven faults at random moments of the work; answers how many opened the mail."""
    moments = sorted(town.random.randrange(PEOPLE * 8) for _ in range(town.random.randint(4, 7)))
    opened = 0
    for at in moments:
        until = time.monotonic() + 5  # while everybody waits nothing moves, and faults may strike
        while time.monotonic() < until:
            if await _asked(world.database, "select count(*) from journal") >= at:
                break
            town.look_after()
            await asyncio.sleep(0.05)
        await asyncio.to_thread(town.strike)
        mailed = "select count(*) from message"
        if not opened and await _asked(world.database, mailed):
            opened = await _open(world, town.random)
    town.off.write_text("0")
    return opened


async def _everybody_through(town: Town, database: Database) -> None:
    finished = "select count(*) from enrollment where state = 1"
    try:
        async with asyncio.timeout(PATIENCE):
            while await _asked(database, finished) < PEOPLE:
                town.look_after()
                await asyncio.sleep(0.1)
    except TimeoutError:
        async with database.transaction() as tx:
            left = await tx.execute(text(_LEFT))
            pytest.fail("\n".join(["not through:", *map(str, left.all())]))


async def _once(world: World, opened: int) -> None:
    """Each effect once for everybody, whichever way they went."""
    points = await world.rows("select points, count(*) from contact group by 1 order by 1")
    yes = dict(points).get(1211, 0)
    assert yes <= opened, "nobody is answered who did nothing"
    assert points == [row for row in ((211, PEOPLE - yes), (1211, yes)) if row[1]]
    tags = dict(
        await world.rows(
            "select t.name, count(*)::int from contact_tag c join tag t on t.id = c.tag_id"
            " group by 1"
        )
    )
    assert tags == {name: n for name, n in (("opened", yes), ("silent", PEOPLE - yes)) if n}
    assert await world.rows(
        "select ref, count(*), count(distinct contact_id) from message group by 1 order by 1"
    ) == sorted((world.emails[name], PEOPLE, PEOPLE) for name in ("Welcome", "Tips"))
    done = await world.one(
        "select count(*) from segment_member where segment_id = :id", id=world.segments["Done"]
    )
    assert done == PEOPLE
    assert await world.rows("select * from position") == []
    steps = await world.rows("select step, count(*)::int from journal group by 1 order by 1")
    tallied = await world.rows("select step, sum(contacts)::int from tally group by 1 order by 1")
    assert tallied == steps
