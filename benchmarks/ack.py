"""How soon Slack is told that a command came in, while the worker moves 100,000 contacts.

Two hundred commands at once, several times over, each over a connection of its own, signed, and
acknowledged when its task is in the database. Slack itself is a server that says yes. Each burst
begins after a commit of the worker's and another commit follows it; what it commits meanwhile is
counted, and the run fails where that is nothing. The floor is `/healthz` over as many connections
right afterwards: what HTTP alone costs on a machine as busy.
"""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy import func, select

from benchmarks import serving, steps
from benchmarks.results import Result
from headless.campaigns import lifecycle, publish
from headless.seals import Seals
from headless.slack.incoming import signature
from headless.slack.people import accounts
from headless.slack.teams import installations
from headless.slack.teams.installations import Grant, Secrets
from headless.storage import tables
from headless.storage.database import Database

TARGET: Final = 0.5
"""Seconds within which 99 of 100 commands are acknowledged; Slack waits for three."""
AT_ONCE: Final = 200
ROUNDS: Final = 5
_SECRET: Final = "a-signing-secret-for-benchmarks"
_PATIENCE: Final = 90
_TURNS: Final = 50
_CAMPAIGN: Final = f"""\
campaign Bench
from segment Everybody
repeat {_TURNS} times do
  add points 1
  if points > 0 then note "more"
end
"""
"""Each contact has a hundred steps to go: more than a worker does while the bursts last."""
_numbers = itertools.count(1)


@contextlib.asynccontextmanager
async def _slack() -> AsyncIterator[str]:
    """A Slack that says yes to everything; answers where it is."""

    async def yes(request: web.Request) -> web.Response:
        user = {"id": "U1", "name": "ann", "tz": "Europe/Paris", "profile": {}}
        return web.json_response(
            {"ok": True, "ts": "1.1", "message_ts": "1.1", "user": user, "channel": {}}
        )

    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", yes)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _install(database: Database) -> None:
    now, seals = await database.now(), Seals((serving.KEY.encode(),))
    grant = Grant(
        team_id="T1",
        name="Bench",
        bot_user_id="UBOT",
        scopes=("commands",),
        installed_by="U1",
        secrets=Secrets("xoxb-1"),
    )
    async with database.transaction() as tx:
        await installations.save(tx, seals, 1, grant, now=now)
        await accounts.set_role(tx, 1, "T1", "U1", "admin", now=now)


def _command(slack: str, now: datetime) -> bytes:
    """A signed request with a trigger of its own."""
    number = next(_numbers)
    said = {
        "command": "/campaign",
        "text": "list",
        "team_id": "T1",
        "user_id": "U1",
        "channel_id": "C1",
        "trigger_id": f"{number}.1",
        "response_url": f"{slack}/respond/{number}",
    }
    body = urlencode(said).encode()
    lines = [
        "POST /slack/events HTTP/1.1",
        "Host: bench",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in signature.headers(_SECRET, body, now).items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def _burst(port: int, requests: Sequence[bytes]) -> list[float]:
    """The seconds of each of so many requests that are sent at the same time."""
    connections = [await serving.Connection.open(port) for _ in requests]

    async def one(connection: serving.Connection, request: bytes) -> float:
        began = time.perf_counter()
        status, body = await connection.ask(request)
        if status != 200 or b"response_type" in body:
            raise AssertionError(f"{status} was answered: {body[:300]!r}")
        return time.perf_counter() - began

    took = await asyncio.gather(*(one(*pair) for pair in zip(connections, requests, strict=True)))
    for connection in connections:
        connection.close()
    return list(took)


async def _commands(database: Database, slack: str, port: int) -> list[float]:
    now = await database.now()
    return await _burst(port, [_command(slack, now) for _ in range(AT_ONCE)])


async def _taken(database: Database) -> int:
    """How many steps the worker has committed."""
    async with database.transaction() as tx:
        return int(await tx.scalar(select(func.coalesce(func.sum(tables.tally.c.contacts), 0))))


async def _start(database: Database) -> None:
    async with database.transaction() as tx:
        made, _ = await publish.create(tx, 1, _CAMPAIGN, now=steps.START)
        await lifecycle.start(tx, 1, made.id, plan=made.hash, now=steps.START)


async def _moves(database: Database) -> None:
    """Wait until the worker commits steps; raises TimeoutError when it has nothing left."""
    before = await _taken(database)
    async with asyncio.timeout(_PATIENCE):
        while await _taken(database) == before:
            await asyncio.sleep(0.05)


async def run(database: Database, redis_url: str, count: int = 100_000) -> list[Result]:
    """The figures of acknowledgements."""
    await steps.people(database, count)
    await _install(database)
    acks: list[float] = []
    idle: list[float] = []
    moved: list[int] = []
    async with _slack() as slack:
        more = {"HEADLESS_SLACK_SIGNING_SECRET": _SECRET, "HEADLESS_SLACK_API_URL": f"{slack}/api"}
        async with serving.installation(database, redis_url, worker=True, more=more) as port:
            await _commands(database, slack, port)  # the first of all, to warm up
            await _start(database)
            for _ in range(ROUNDS):
                await _moves(database)
                before = await _taken(database)
                acks += await _commands(database, slack, port)
                idle += await _burst(port, [serving.request("GET", "/healthz")] * AT_ONCE)
                moved.append(await _taken(database) - before)
            await _moves(database)  # there is work left: no burst met an idle worker
    await _check(database, moved)
    p99, floor = _percentile(acks, 99), _percentile(idle, 99)
    return [
        Result(
            name=f"Slack: {AT_ONCE} commands at once are acknowledged, p99",
            value=p99,
            unit="s",
            floor=floor,
            ratio=p99 / floor,
            target=TARGET,
            reached=p99 < TARGET,
        ),
        Result(
            name=f"Slack: {AT_ONCE} commands at once are acknowledged, p50",
            value=_percentile(acks, 50),
            unit="s",
            floor=_percentile(idle, 50),
        ),
        Result(name="Slack: steps taken while it was asked", value=sum(moved), unit="steps"),
    ]


async def _check(database: Database, moved: Sequence[int]) -> None:
    """Every command was stored, and the worker committed steps during the bursts."""
    if not sum(moved):
        raise AssertionError("the worker stood still while it was asked")
    async with database.transaction() as tx:
        stored = await tx.scalar(select(func.count()).select_from(tables.slack_task))
    if stored != AT_ONCE * (ROUNDS + 1):
        raise AssertionError(f"{stored} commands were stored")


def _percentile(values: list[float], share: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * share // 100)]
