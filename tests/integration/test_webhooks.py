"""Webhooks against a real HTTP server: signed, repeated with the same id, kept inside its walls."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from aiohttp import web
from sqlalchemy import insert, select, update
from standardwebhooks.webhooks import Webhook

from headless import ids
from headless.channels import outbox
from headless.channels.webhook import WebhookCourier
from headless.storage import tables
from headless.storage.codes import Channel, MessageState
from headless.storage.database import Database, connect

NOW = datetime.now(UTC).replace(microsecond=0)
KEYS = (b"the newest key of the ring, long", b"an older key of the ring, long!!")


class Receiver:
    """Answers with `statuses` in turn, the last for ever, and keeps what came."""

    def __init__(self) -> None:
        self.statuses: list[int] = [200]
        self.headers: dict[str, str] = {}
        self.came: list[tuple[dict[str, str], bytes]] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.came.append((dict(request.headers), await request.read()))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status, headers=self.headers)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = connect(database_url)
    async with made.transaction() as tx:
        await tx.execute(insert(tables.workspace).values(name="Acme", created_at=NOW))
    yield made
    await made.close()


@pytest.fixture
async def courier() -> AsyncIterator[WebhookCourier]:
    made = WebhookCourier(KEYS)
    yield made
    await made.close()


async def put(database: Database, *urls: str) -> list[int]:
    async with database.transaction() as tx:
        rows = await tx.execute(
            insert(tables.message).returning(tables.message.c.id),
            [
                {
                    "workspace_id": 1, "contact_id": 1, "channel": int(Channel.WEBHOOK),
                    "created_at": NOW, "due_at": NOW,
                    "data": {"url": url, "body": {"campaign": "Hello", "data": {"n": 1}}},
                }
                for url in urls
            ],
        )  # fmt: skip
        return [row.id for row in rows]


async def deliver(
    database: Database, courier: WebhookCourier, now: datetime = NOW
) -> outbox.Delivered:
    return await outbox.deliver(database, courier, workspace_id=1, now=now)


async def state(database: Database, message_id: int) -> tuple[MessageState, Any, datetime]:
    m = tables.message.c
    async with database.transaction() as tx:
        row = (
            await tx.execute(select(m.state, m.reason, m.due_at).where(m.id == message_id))
        ).one()
    return MessageState(row.state), row.reason, row.due_at


async def test_a_webhook_is_signed_so_that_its_receiver_can_tell(
    database: Database, courier: WebhookCourier, receiver: Receiver
) -> None:
    (message,) = await put(database, receiver.url)
    assert (await deliver(database, courier)).sent == 1
    ((headers, body),) = receiver.came
    assert body == b'{"data":{"n":1},"campaign":"Hello"}'
    assert headers["webhook-id"] == ids.encode("msg", message)
    with time_machine.travel(NOW):  # a receiver takes nothing that is older than five minutes
        assert Webhook(courier.secret(1)).verify(body, headers)["campaign"] == "Hello"
    assert Webhook(WebhookCourier(KEYS[1:]).secret(1)).sign(
        headers["webhook-id"], NOW, body.decode()
    ) in headers["webhook-signature"].split(" ")
    assert courier.secret(1) != courier.secret(2)


async def test_what_fails_comes_again_under_the_same_id(
    database: Database, courier: WebhookCourier, receiver: Receiver
) -> None:
    (message,) = await put(database, receiver.url)
    receiver.statuses = [500, 302, 200]
    receiver.headers = {"Location": "http://127.0.0.1:1/", "Retry-After": "7200"}
    for hours in range(0, 9, 3):
        await deliver(database, courier, NOW + timedelta(hours=hours))
    assert (await state(database, message))[0] is MessageState.SENT
    assert {headers["webhook-id"] for headers, _ in receiver.came} == {ids.encode("msg", message)}
    stamps = [int(headers["webhook-timestamp"]) for headers, _ in receiver.came]
    assert stamps[1] - stamps[0] == 3 * 3600


async def test_the_receiver_says_when_to_come_again(
    database: Database, courier: WebhookCourier, receiver: Receiver
) -> None:
    (message,) = await put(database, receiver.url)
    receiver.statuses = [429]
    receiver.headers = {"Retry-After": "7200"}
    await deliver(database, courier)
    where, reason, due_at = await state(database, message)
    assert (where, reason) == (MessageState.PENDING, "429")
    assert due_at >= NOW + timedelta(hours=2)


async def test_gone_is_gone(
    database: Database, courier: WebhookCourier, receiver: Receiver
) -> None:
    (message,) = await put(database, receiver.url)
    receiver.statuses = [410]
    await deliver(database, courier)
    assert (await state(database, message))[0] is MessageState.PARKED


async def test_nobody_there_is_tried_again(database: Database, courier: WebhookCourier) -> None:
    (message,) = await put(database, "http://127.0.0.1:1/")
    await deliver(database, courier)
    where, reason, _ = await state(database, message)
    assert where is MessageState.PENDING
    assert str(reason).startswith("nobody there")


OTHERS = [
    "http://93.184.216.34/", "http://10.0.0.1/", "http://169.254.169.254/latest", "http://[fc00::1]/",
    "ftp://example.com", "http://", "http://x:99999/", "nonsense", "",
]  # fmt: skip


async def test_a_sandbox_calls_no_other_machine(
    database: Database, courier: WebhookCourier
) -> None:
    messages = await put(database, *OTHERS)
    assert (await deliver(database, courier)).parked == len(OTHERS)
    reasons = [str((await state(database, message))[1]) for message in messages]
    assert all("sandbox" in reason or "is no address" in reason for reason in reasons)


async def test_a_live_workspace_calls_nobody_in_our_network(
    database: Database, courier: WebhookCourier, receiver: Receiver
) -> None:
    async with database.transaction() as tx:
        await tx.execute(update(tables.workspace).values(mode="live"))
    by_name = receiver.url.replace("127.0.0.1", "localhost")
    by_number = receiver.url.replace("127.0.0.1", "2130706433")
    messages = await put(database, receiver.url, by_name, by_number)
    assert (await deliver(database, courier)).parked == 3
    assert not receiver.came
    for message in messages:
        assert "may not be called" in str((await state(database, message))[1])
    allowed = WebhookCourier(KEYS, allowed=frozenset({"localhost"}))
    await put(database, by_name)
    assert (await deliver(database, allowed)).sent == 1
    await allowed.close()
