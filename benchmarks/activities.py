"""Activities through the API, in batches of 500, while 1,000,000 contacts wait at a `when`.

First as many as the API takes: each names another contact, has an id of its own, and is nothing
that anybody waits for, so its contact's position is locked and looked at. Then half as many a
second, and in each batch one that its contact does wait for: from when the batch is sent until that
contact has moved on, which a worker does. The floor writes the same rows by bare SQL, 500 a
transaction.
"""

import asyncio
import time
from typing import Final

import msgspec
from sqlalchemy import text

from benchmarks import serving
from benchmarks.results import Result
from benchmarks.steps import people, vacuum
from headless.campaigns import lifecycle, publish
from headless.runtime.engine import Engine
from headless.storage.database import Database

TARGET: Final = 40_000
TARGET_P99: Final = 0.5
BATCH: Final = 500
WIDTH: Final = 4
_SECONDS: Final = 10
_LOOK_EVERY: Final = 0.01  # a look costs the machine a millisecond, and a latency at most this
_PATIENCE: Final = 60
CAMPAIGN: Final = """\
campaign Orders
from segment Everybody
when did "order placed" within 30d then note "thanks"
"""

_SEEN = """
insert into activity_seen (workspace_id, key, arrived_at)
select 1, 'floor:' || n, :now from unnest(cast(:ids as bigint[])) n on conflict do nothing
"""
_ACTIVITIES = """
insert into activity (workspace_id, contact_id, kind, ref, occurred_at, received_at)
select 1, n, 20, 1, :now, :now from unnest(cast(:ids as bigint[])) n
"""
_STANDING = "select contact_id from position where contact_id = any(:ids)"


async def _wait(database: Database, count: int) -> None:
    """So many contacts who wait at the campaign's `when`."""
    await people(database, count)
    now = await database.now()
    async with database.transaction() as tx:
        made, _ = await publish.create(tx, 1, CAMPAIGN, now=now)
        await lifecycle.start(tx, 1, made.id, plan=made.hash, now=now)
    await Engine(database).settle(now=await database.now())
    await vacuum(database)


def _batch(token: str, name: str, contacts: list[int], did: list[str]) -> bytes:
    items = [
        {"contact": {"external_id": f"x{contact}"}, "did": what, "id": f"{name}-{contact}"}
        for contact, what in zip(contacts, did, strict=True)
    ]
    return serving.request("POST", "/v1/activities", msgspec.json.encode(items), token=token)


async def _floor(database: Database, contacts: list[list[int]]) -> float:
    """The seconds of the same rows by bare SQL, over two connections."""
    now = await database.now()
    line = iter(contacts)

    async def write() -> None:
        for lot in line:
            async with database.transaction() as tx:
                for statement in (_SEEN, _ACTIVITIES):
                    await tx.execute(text(statement), {"ids": lot, "now": now})

    began = time.perf_counter()
    await asyncio.gather(write(), write())
    return time.perf_counter() - began


async def _latencies(
    database: Database, port: int, requests: list[tuple[int, bytes]], every: float
) -> list[float]:
    """How long each awaited contact took to move on, while a batch is sent every so often."""
    sent: dict[int, float] = {}
    took: list[float] = []
    idle = [await serving.Connection.open(port) for _ in range(WIDTH)]

    async def send(contact: int, raw: bytes) -> None:
        connection = idle.pop() if idle else await serving.Connection.open(port)
        sent[contact] = time.perf_counter()
        status, body = await connection.ask(raw)
        if status != 202:
            raise AssertionError(f"{status} was answered: {body[:300]!r}")
        idle.append(connection)

    async def watch() -> None:
        async with asyncio.timeout(_SECONDS + _PATIENCE):
            while len(took) < len(requests):
                await asyncio.sleep(_LOOK_EVERY)
                asked = list(sent)
                async with database.glance() as tx:
                    rows = (await tx.execute(text(_STANDING), {"ids": asked})).scalars()
                moved, now = set(asked) - set(rows), time.perf_counter()
                took.extend(now - sent.pop(contact) for contact in moved)

    watching = asyncio.create_task(watch())
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for place, (contact, raw) in enumerate(requests):
            await asyncio.sleep(max(0.0, began + place * every - time.perf_counter()))
            group.create_task(send(contact, raw))
    await watching
    for connection in idle:
        connection.close()
    return sorted(took)


async def run(
    database: Database, redis_url: str, count: int = 1_000_000, batches: int = 300
) -> list[Result]:
    """The figures of activities through the API."""
    await _wait(database, count)
    token = await serving.token(database, 1)
    lots = [[1 + (lot * BATCH + n) * 7 % count for n in range(BATCH)] for lot in range(batches)]
    viewed = ["page viewed"] * BATCH
    many = [_batch(token, f"a{n}", lot, viewed) for n, lot in enumerate(lots)]
    async with serving.installation(database, redis_url, worker=True) as port:
        await serving.load(port, many[: batches // 10], width=WIDTH, wanted=202)
        rest = many[batches // 10 :]
        took = await serving.load(port, rest, width=WIDTH, wanted=202)
        rate = took.rate * BATCH
        half = max(int(rate / 2 / BATCH * _SECONDS), 1)
        paced: list[tuple[int, bytes]] = []
        for n in range(half):
            contact = count - n  # whoever has moved on is not asked again
            others = lots[n % batches][:-1]
            did = ["page viewed"] * len(others) + ["order placed"]
            paced.append((contact, _batch(token, f"b{n}", [*others, contact], did)))
        latencies = await _latencies(database, port, paced, _SECONDS / half)
    floor = await _floor(database, lots)
    p99 = latencies[int(len(latencies) * 0.99) - 1]
    floor_rate = len(lots) * BATCH / floor
    return [
        Result(
            name=f"activities a second through the API, {count:,} contacts waiting",
            value=rate,
            unit="/s",
            floor=floor_rate,
            ratio=floor_rate / rate,
            target=TARGET,
            reached=rate >= TARGET,
        ),
        Result(
            name="the same for each second of a processor that the API's process used",
            value=took.requests * BATCH / took.api,
            unit="/s",
        ),
        Result(
            name="at half that load, a waiting contact has moved on: p99",
            value=p99,
            unit="s",
            target=TARGET_P99,
            reached=p99 <= TARGET_P99,
        ),
    ]
