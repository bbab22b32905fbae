"""Opens and clicks through HTTP, each answered when it is safe on disk.

Half are opens, half are clicks, each of another message, over 256 connections; the load generator
shares the machine. The floor is the same number of requests that touch nothing (`/healthz`), over
the same connections: what HTTP alone costs here.
"""

from datetime import timedelta
from typing import Final

from sqlalchemy import func, insert, select, text

from benchmarks import serving
from benchmarks.results import Result
from benchmarks.steps import vacuum
from headless.channels.links import PATHS, Kind, Links
from headless.storage import tables
from headless.storage.codes import ActivityKind
from headless.storage.database import Database

TARGET: Final = 8_000
TARGET_A_CORE: Final = 4_000
WIDTH: Final = 256

_MESSAGES = """
with people as (
  insert into contact (workspace_id, email, created_at, updated_at)
  select 1, 'user' || g || '@example.org', :now, :now from generate_series(1, :count) g
  returning id)
insert into message (workspace_id, contact_id, channel, ref, state, email_version, created_at,
                     due_at)
select 1, id, 1, 1, 2, 1, :now, :now from people
"""


async def _prepare(database: Database, count: int) -> list[int]:
    """So many messages of one email, each to another contact; their ids."""
    now = await database.now() - timedelta(hours=1)
    async with database.transaction() as tx:
        await tx.execute(insert(tables.workspace).values(name="Bench", created_at=now))
        mail = {"workspace_id": 1, "name": "One", "created_at": now, "updated_at": now}
        await tx.execute(insert(tables.email).values(mail))
        body = {"workspace_id": 1, "email_id": 1, "version": 1, "subject": "One", "html": "One"}
        links = ["https://shop.example.com/new"]
        await tx.execute(insert(tables.email_version).values(**body, links=links, created_at=now))
        await tx.execute(text(_MESSAGES), {"now": now, "count": count})
    await vacuum(database)
    async with database.transaction() as tx:
        await tx.whole_tables()
        return list((await tx.execute(select(tables.message.c.id))).scalars())


async def run(database: Database, redis_url: str, count: int = 40_000) -> list[Result]:
    """The figures of what comes back from mails."""
    messages = await _prepare(database, count)
    made = await database.now()
    links = Links((serving.KEY.encode(),), "http://bench")

    def follow(kind: Kind, number: int) -> bytes:
        before, after = PATHS[kind]
        token = links.token(kind, workspace_id=1, message_id=number, made=made)
        return serving.request("GET", f"{before}{token}{after}")

    opens = [follow("open", number) for number in messages[::2]]
    clicks = [follow("click", number) for number in messages[1::2]]
    idle = [serving.request("GET", "/healthz")] * count
    async with serving.installation(database, redis_url, worker=False) as port:
        await serving.load(port, idle[:2_000], width=WIDTH, wanted=200)
        floor = await serving.load(port, idle, width=WIDTH, wanted=200)
        took = await serving.load(port, opens, width=WIDTH, wanted=200)
        took += await serving.load(port, clicks, width=WIDTH, wanted=302)
    async with database.transaction() as tx:
        await tx.whole_tables()
        written = await tx.scalar(
            select(func.count())
            .select_from(tables.activity)
            .where(tables.activity.c.kind.in_([ActivityKind.OPENED, ActivityKind.CLICKED]))
        )
    if written != len(opens) + 2 * len(clicks):
        raise AssertionError(f"{written} activities were written")
    return [
        Result(
            name="opens and clicks a second through HTTP, durable",
            value=took.rate,
            unit="/s",
            floor=floor.rate,
            ratio=floor.rate / took.rate,
            target=TARGET,
            reached=took.rate >= TARGET,
        ),
        Result(
            name="the same for each second of a processor that the API's process used",
            value=took.requests / took.api,
            unit="/s",
            floor=floor.requests / floor.api,
            ratio=took.api / floor.api,
            target=TARGET_A_CORE,
            reached=took.requests / took.api >= TARGET_A_CORE,
        ),
    ]
