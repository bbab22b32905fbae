"""Mails without an answer: workers that die, stop or are slow while a mail is on the wire."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from mail_double import HANG_UP, MailDouble
from outbox_world import NOW, World
from sqlalchemy import select

from headless.channels import outbox
from headless.storage import tables
from headless.storage.codes import Channel, MessageState
from headless.storage.database import connect


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    database = connect(database_url)
    world = World(database)
    await world.begin()
    yield world
    await database.close()


async def test_a_mail_without_an_answer_is_held_or_sent_again(world: World) -> None:
    contacts = await world.contacts("a@c.example", "b@c.example")
    (held,) = await world.messages(contacts[:1])
    (again,) = await world.messages(contacts[1:], data={"transactional": True})
    async with MailDouble() as server:
        server.dot = {"a@c.example": [HANG_UP], "b@c.example": [HANG_UP, "250 2.0.0 taken"]}
        await world.deliver(server.url)
        assert (await world.states())[held][0] is MessageState.UNCERTAIN
        assert (await world.states())[again][0] is MessageState.PENDING
        later = NOW + timedelta(hours=1)
        await world.deliver(server.url, now=later)
        assert server.taken == {"a@c.example": 1, "b@c.example": 2}
        async with world.database.transaction() as tx:
            assert (
                await outbox.resend(
                    tx, workspace_id=world.workspace_id, message_ids=[held, again], now=later
                )
                == 1
            )
        server.dot = {}
        await world.deliver(server.url, now=later)
    assert server.taken["a@c.example"] == 2
    assert {each[0] for each in (await world.states()).values()} == {MessageState.SENT}


WORKER = """
import asyncio, sys
from datetime import datetime
from headless.channels import outbox
from headless.channels.email import EmailCourier
from headless.channels.links import Links
from headless.channels.smtp import SmtpSender, parse_url
from headless.storage.database import connect

async def main(database, server, workspace, now):
    courier = EmailCourier(Links((b"a key of thirty-two bytes, or so",), "http://x"),
                           SmtpSender(parse_url(server), width=4))
    await outbox.deliver(connect(database), courier, workspace_id=int(workspace),
                         now=datetime.fromisoformat(now))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_kill_9_leaves_no_more_in_doubt_than_was_on_the_wire(
    world: World, database_url: str
) -> None:
    contacts = await world.contacts(*(f"p{n}@c.example" for n in range(100)))
    messages = await world.messages(contacts[:99])
    messages += await world.messages(contacts[99:], data={"transactional": True}, due_at=NOW)
    async with MailDouble() as server:
        server.hold = asyncio.Event()  # every mail is taken, none is answered
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WORKER, database_url, server.url, str(world.workspace_id),
            NOW.isoformat(), cwd=Path(__file__).parents[2],
        )  # fmt: skip
        async with asyncio.timeout(60):
            while server.taken.total() < 4:
                await asyncio.sleep(0.01)
        os.kill(worker.pid, signal.SIGKILL)
        await worker.wait()
        server.hold.set()
        server.hold = None
        states = await world.states()
        in_doubt = {m for m in messages if states[m][0] is MessageState.SENDING}
        assert len(in_doubt) == 4
        assert (await world.deliver(server.url)).sent == 96

        recover = {"workspace_id": world.workspace_id, "channel": Channel.EMAIL}
        assert await outbox.recover(world.database, now=NOW, **recover) == 0
        later = NOW + timedelta(minutes=1)
        assert await outbox.recover(world.database, now=later, **recover) == 4
        await world.deliver(server.url, now=later)
    states = await world.states()
    uncertain = {m for m in messages if states[m][0] is MessageState.UNCERTAIN}
    assert uncertain == in_doubt - {messages[99]}
    assert {states[m][0] for m in messages if m not in uncertain} == {MessageState.SENT}
    twice = {address for address, times in server.taken.items() if times > 1}
    assert twice == ({"p99@c.example"} if messages[99] in in_doubt else set())


async def test_a_worker_taken_for_dead_still_has_the_last_word(world: World) -> None:
    (message,) = await world.messages(await world.contacts("a@c.example"))
    async with MailDouble() as server:
        server.hold = asyncio.Event()
        delivery = asyncio.create_task(world.deliver(server.url))
        async with asyncio.timeout(30):
            while not server.taken:
                await asyncio.sleep(0.01)
        taken_over = await outbox.recover(
            world.database,
            workspace_id=world.workspace_id,
            channel=Channel.EMAIL,
            now=NOW + timedelta(hours=1),
        )
        assert taken_over == 1
        assert (await world.states())[message][0] is MessageState.UNCERTAIN
        server.hold.set()
        assert (await delivery).sent == 1
    assert (await world.states())[message][0] is MessageState.SENT


async def test_stopping_settles_what_is_on_the_wire(world: World) -> None:
    await world.messages(await world.contacts(*(f"p{n}@c.example" for n in range(50))))
    async with MailDouble() as server:
        server.hold = asyncio.Event()
        delivery = asyncio.create_task(world.deliver(server.url, width=4))
        async with asyncio.timeout(30):
            while server.taken.total() < 4:
                await asyncio.sleep(0.01)
        delivery.cancel()
        server.hold.set()
        with contextlib.suppress(asyncio.CancelledError):
            await delivery
    states = [each[0] for each in (await world.states()).values()]
    assert states.count(MessageState.SENT) == 4
    assert states.count(MessageState.PENDING) == 46


async def test_a_lease_is_renewed_while_a_server_is_slow(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "RENEW_SECONDS", 0.05)
    (message,) = await world.messages(await world.contacts("a@c.example"))
    due = select(tables.message.c.due_at)
    async with MailDouble() as server:
        server.hold = asyncio.Event()
        delivery = asyncio.create_task(world.deliver(server.url))
        async with asyncio.timeout(30):
            while not server.taken:
                await asyncio.sleep(0.01)
            async with world.database.transaction() as tx:
                first = await tx.scalar(due)
            later = first
            while later == first:
                await asyncio.sleep(0.01)
                async with world.database.transaction() as tx:
                    later = await tx.scalar(due)
        assert later > first
        server.hold.set()
        await delivery
    assert (await world.states())[message][0] is MessageState.SENT
