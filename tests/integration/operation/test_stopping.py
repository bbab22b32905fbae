"""A worker that is asked to stop finishes what is on the wire, or says that it does not know."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from integration.operation.processes import House, furnish, post, until, value
from mail_double import MailDouble

from headless.storage.codes import MessageState
from headless.storage.database import Database, connect

ADA = "ada.lovelace@people.test"
STATE = "select state from message where id = :id"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = connect(database_url, pool_size=2)
    yield database
    await database.close()


def said(log: Path) -> list[dict[str, object]]:
    lines = log.read_text().splitlines() if log.exists() else []
    return [json.loads(line) for line in lines if line.startswith("{")]


async def test_what_is_on_the_wire_is_finished(
    database: Database, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    written, log = await furnish(database), tmp_path / "log"
    message = await post(database, written, "ada")
    async with MailDouble() as world:
        world.hold = asyncio.Event()
        house = House(database_url, redis_url, tmp_path, HEADLESS_SMTP_URL=world.url)
        async with house.process("work", log=log) as worker:
            await until(lambda: _taken(world), "a mail was on the wire")
            worker.send_signal(signal.SIGTERM)
            waiting = await post(database, written, "bob")
            world.hold.set()
            async with asyncio.timeout(30):
                assert await worker.wait() == 0
        assert await value(database, STATE, id=message) == MessageState.SENT
        assert await value(database, STATE, id=waiting) == MessageState.PENDING
        assert world.taken == {ADA: 1}
    (stopped,) = [line for line in said(log) if line["event"] == "worker_stopped"]
    assert stopped["finished"] is True


async def test_what_says_nothing_is_uncertain_in_time(
    database: Database, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    written, log = await furnish(database), tmp_path / "log"
    message = await post(database, written, "ada")
    async with MailDouble() as world:
        world.hold = asyncio.Event()
        house = House(
            database_url, redis_url, tmp_path, HEADLESS_SMTP_URL=world.url,
            HEADLESS_STOP_SECONDS="1",
        )  # fmt: skip
        async with house.process("work", log=log) as worker:
            await until(lambda: _taken(world), "a mail was on the wire")
            began = time.monotonic()
            worker.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                assert await worker.wait() == 0
        assert time.monotonic() - began < 15
        assert await value(database, STATE, id=message) == MessageState.UNCERTAIN
    text = log.read_text()
    assert [line["finished"] for line in said(log) if line["event"] == "worker_stopped"] == [False]
    for personal in ("ada.lovelace", "bob.lovelace", "Lovelace", "k" * 40, written.token):
        assert personal not in text


async def _taken(world: MailDouble) -> int:
    return world.taken[ADA]
