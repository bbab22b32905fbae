"""Contact-steps a second: 100,000 contacts through ten steps, against the same rows by bare SQL.

Two conditions, two decisions whose windows close by the clock, three mails to nobody (their intents
are written and stay), points and a tag; every step journalled. The engine's work is what a worker
does: claim, act, commit, in batches, two transactions at once, until nothing is due. The floor
writes the very rows that the engine left behind, read from a copy, one statement a table.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import insert, text

from benchmarks.results import Result
from headless.campaigns import lifecycle, publish
from headless.runtime.engine import Engine
from headless.runtime.runner import Runner
from headless.runtime.sweep import sweep
from headless.storage import tables
from headless.storage.database import Database
from headless.storage.wake import Wake

START: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)
STEPS: Final = 10
CAMPAIGN: Final = """\
campaign Bench
from segment Everybody
send email One
when opened email One within 3d then note "opened"
if country in (DE, FR) then send email Two else send email Three
add points 10
when clicked email One within 5d of entry then note "clicked"
if plan is pro then send email Four else send email Five
add tag benched
note "done"
"""

_PEOPLE = """
insert into contact (workspace_id, external_id, email, time_zone, fields, created_at, updated_at)
select 1, 'x' || g, 'user' || g || '@example.org', 'Europe/Paris',
       jsonb_build_object('country', (array['DE', 'FR', 'GB', 'US'])[1 + (hashint8(g) & 3)],
                          'plan', case when hashint8(g * 3) & 1 = 1 then 'pro' else 'free' end,
                          'first_name', 'Name' || g, 'city', 'Paris'),
       :now, :now
  from generate_series(1, :count) g
"""


async def people(database: Database, count: int) -> None:
    """A workspace with contacts, all in one segment, and the emails of the campaign."""
    async with database.transaction() as tx:
        await tx.execute(insert(tables.workspace).values(name="Bench", created_at=START))
        fields = [
            {"workspace_id": 1, "name": name, "type": "text", "created_at": START}
            for name in ("country", "plan", "first_name", "city")
        ]
        await tx.execute(insert(tables.field).values(fields))
        await tx.execute(text(_PEOPLE), {"now": START, "count": count})
        await tx.execute(
            insert(tables.segment).values(workspace_id=1, name="Everybody", created_at=START)
        )
        members = "insert into segment_member select 1, 1, id, :now from contact"
        await tx.execute(text(members), {"now": START})
        for name in ("One", "Two", "Three", "Four", "Five"):
            mail = {"workspace_id": 1, "name": name, "created_at": START, "updated_at": START}
            await tx.execute(insert(tables.email).values(mail))
        body = (
            "insert into email_version (workspace_id, email_id, version, subject, html, created_at)"
            " select 1, id, 1, name, name, :now from email"
        )
        await tx.execute(text(body), {"now": START})
    await vacuum(database)


async def vacuum(database: Database) -> None:
    """What autovacuum would have done by the time a real campaign starts."""
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("vacuum analyze"))
        await connection.execute(text("checkpoint"))


async def start(database: Database) -> None:
    """Store the campaign and start it."""
    async with database.transaction() as tx:
        made, _ = await publish.create(tx, 1, CAMPAIGN, now=START)
        await lifecycle.start(tx, 1, made.id, plan=made.hash, now=START)


async def work(engine: Engine, now: datetime) -> float:
    """Let two tasks work until nothing is due at `now`; the seconds that it took."""

    async def once(wake: Wake) -> int:
        return 0 if wake.job == "deliver" else await engine.once(wake, now=now)

    runner = Runner(once, tasks=2)
    engine.database.waker = runner
    began = time.perf_counter()
    runner.start()
    while hints := await sweep(engine.database, now=now):
        await runner.send(hints)
        await runner.idle()
    took = time.perf_counter() - began
    await runner.stop(5)
    return took


async def engine_run(database: Database, count: int) -> tuple[float, float]:
    """The seconds of the entry, and those of the steps."""
    await start(database)
    engine = Engine(database)
    began = time.perf_counter()
    while await engine.once(Wake("take_in", (1,)), now=START):
        pass
    entry = time.perf_counter() - began
    steps = 0.0
    for days in (0, 3.1, 5.2):
        steps += await work(engine, START + timedelta(days=days))
    async with database.transaction() as tx:
        lines = await tx.scalar(text("select count(*) from journal where step > 0"))
        left = await tx.scalar(text("select count(*) from position"))
    if lines != count * STEPS or left:
        raise AssertionError(f"{lines} steps were journalled, {left} contacts are under way")
    return entry, steps


_COPY = """
create table floor_journal as select * from journal;
create table floor_message as select * from message;
create table floor_tag as select * from contact_tag;
create table floor_enrollment as select * from enrollment;
truncate journal, message, contact_tag, enrollment, position, tally restart identity;
update contact set points = 0;
insert into enrollment (workspace_id, id, campaign_id, version_id, contact_id, rotation, entered_at)
  select workspace_id, id, campaign_id, version_id, contact_id, rotation, entered_at
    from floor_enrollment;
insert into position (workspace_id, enrollment_id, contact_id, version_id, step, arrived_at, due_at)
  select workspace_id, id, contact_id, version_id, 0, entered_at, entered_at from enrollment;
create index on floor_journal (enrollment_id);
create index on floor_message (enrollment_id);
create index on floor_tag (contact_id)
"""
_FLOOR = (
    "insert into journal select * from floor_journal where enrollment_id between :low and :high"
    " on conflict do nothing",
    "insert into message (workspace_id, contact_id, channel, ref, enrollment_id, version_id, step,"
    " visit, created_at, due_at) select workspace_id, contact_id, channel, ref, enrollment_id,"
    " version_id, step, visit, created_at, due_at from floor_message"
    " where enrollment_id between :low and :high",
    "update contact c set points = points + 10, updated_at = e.ended_at from floor_enrollment e"
    " where e.id between :low and :high and c.workspace_id = 1 and c.id = e.contact_id",
    "insert into contact_tag select t.* from floor_tag t join enrollment e"
    " on e.contact_id = t.contact_id where e.id between :low and :high on conflict do nothing",
    # two waits: the position moves twice before it goes
    "update position set step = 2, due_at = due_at + interval '3 days'"
    " where workspace_id = 1 and enrollment_id between :low and :high",
    "update position set step = 7, due_at = due_at + interval '2 days'"
    " where workspace_id = 1 and enrollment_id between :low and :high",
    "delete from position where workspace_id = 1 and enrollment_id between :low and :high",
    "update enrollment set state = 1, ended_at = entered_at"
    " where workspace_id = 1 and id between :low and :high",
)


async def floor_run(database: Database, count: int, chunk: int = 5_000) -> float:
    """The seconds that the same rows take by bare SQL, over two connections."""
    async with database.transaction() as tx:
        for statement in _COPY.split(";"):
            await tx.execute(text(statement))
    await vacuum(database)
    chunks = iter(range(1, count + 1, chunk))

    async def write() -> None:
        for low in chunks:
            async with database.transaction() as tx:
                for statement in _FLOOR:
                    await tx.execute(text(statement), {"low": low, "high": low + chunk - 1})

    began = time.perf_counter()
    await asyncio.gather(write(), write())
    return time.perf_counter() - began


async def run(database: Database, count: int = 100_000) -> list[Result]:
    """The figures of the step engine."""
    await people(database, count)
    entry, steps = await engine_run(database, count)
    floor = await floor_run(database, count)
    ratio = steps / floor
    total = count * STEPS
    return [
        Result(
            name=f"contact-steps a second, {count:,} contacts x {STEPS} steps",
            value=total / steps,
            unit="/s",
            floor=total / floor,
            target=150_000,
            reached=total / steps >= 150_000,
        ),
        Result(
            name="the same, time against bare SQL",
            value=steps,
            unit="s",
            floor=floor,
            ratio=ratio,
            target=1.5,
            reached=ratio <= 1.5,
        ),
        Result(name="entries a second", value=count / entry, unit="/s"),
    ]
