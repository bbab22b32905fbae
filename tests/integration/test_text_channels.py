"""SMS, push, Slack and integrations through strict local providers."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from aiohttp import web
from mail_double import MailDouble
from provider_doubles import (
    FirebaseDouble,
    HubSpotDouble,
    SlackDouble,
    TwilioDouble,
    serving,
)
from sqlalchemy import insert, text

from headless.channels import accounts
from headless.channels.post import Post
from headless.channels.providers import PROVIDERS
from headless.seals import Seals
from headless.storage import tables
from headless.storage.codes import Channel, MessageState, word
from headless.storage.database import Database, connect

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
KEYS = (b"a key of thirty-two bytes, or so",)


class Shop:
    """A workspace with people, and what hands their messages over."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.people: dict[str, int] = {}

    async def channel(self, provider: str, settings: Any, secrets: Any) -> None:
        kinds = PROVIDERS[provider]
        async with self.database.transaction() as tx:
            await accounts.create(
                tx,
                Seals(KEYS),
                1,
                name=provider,
                provider_name=provider,
                settings=msgspec.convert(settings, kinds.settings),
                secrets=msgspec.convert(secrets, kinds.secrets),
                now=NOW,
            )

    async def add(self, table: Any, **values: Any) -> int:
        async with self.database.transaction() as tx:
            row = insert(table).values(workspace_id=1, **values).returning(table.c.id)
            return int(await tx.scalar(row))

    async def person(self, name: str, phone: str | None = None) -> int:
        self.people[name] = await self.add(
            tables.contact, external_id=name, phone=phone, fields={"first_name": name},
            created_at=NOW, updated_at=NOW,
        )  # fmt: skip
        return self.people[name]

    async def message(self, who: str, channel: Channel, ref: int, **data: Any) -> None:
        await self.add(
            tables.message, contact_id=self.people[who], channel=int(channel), ref=ref,
            created_at=NOW, due_at=NOW, data=data or None,
        )  # fmt: skip

    async def deliver(self) -> dict[str, tuple[str, str | None]]:
        post = Post(
            self.database, lambda: NOW, keys=KEYS, base_url="http://localhost", smtp_url=None
        )
        try:
            for wake in await post.due():
                await post.deliver(wake)
        finally:
            await post.close()
        async with self.database.transaction() as tx:
            rows = await tx.execute(
                text(
                    "select c.external_id, m.state, m.reason from message m"
                    " join contact c on c.id = m.contact_id"
                )
            )
            return {row[0]: (word(MessageState(row[1])), row[2]) for row in rows}

    async def column(self, query: str) -> list[Any]:
        async with self.database.transaction() as tx:
            return [row[0] for row in await tx.execute(text(query))]


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    database = connect(database_url)
    async with database.transaction() as tx:
        await tx.execute(insert(tables.workspace).values(name="Acme", created_at=NOW))
    yield Shop(database)
    await database.close()


async def test_a_text_message_by_twilio(shop: Shop) -> None:
    double = TwilioDouble()
    double.fails = {"+15550002": (400, 21610), "+15550003": (400, 21211), "+15550004": (429, 0)}
    async with serving(double.app()) as url:
        await shop.channel(
            "twilio",
            {"account_sid": "AC1", "sender": "+15550000", "base_url": url},
            {"auth_token": "tok"},
        )
        body = "Hi {{ contact.first_name }}, {{ code }} is yours & good"
        ref = await shop.add(tables.sms, name="Code", body=body, created_at=NOW, updated_at=NOW)
        for number, name in enumerate(["Ada", "Stopped", "Wrong", "Busy"], 1):
            await shop.person(name, f"+1555000{number}")
            await shop.message(name, Channel.SMS, ref, **{"with": {"code": 7}})
        await shop.person("Nobody")
        await shop.message("Nobody", Channel.SMS, ref)
        found = await shop.deliver()
    assert found["Ada"] == ("sent", None)
    assert found["Nobody"] == ("skipped", "no phone number")
    assert found["Stopped"][0] == found["Wrong"][0] == "skipped"
    assert found["Busy"][0] == "pending"
    (sent,) = double.taken
    assert (sent["To"], sent["From"]) == ("+15550001", "+15550000")
    assert sent["Body"] == "Hi Ada, 7 is yours & good"
    assert sent["StatusCallback"].startswith("http://localhost/hooks/chn_")
    suppressed = await shop.column("select contact_id from suppression where channel = 2")
    assert sorted(suppressed) == sorted([shop.people["Stopped"], shop.people["Wrong"]])


async def test_a_wrong_token_stops_the_channel_and_keeps_the_message(shop: Shop) -> None:
    double = TwilioDouble()
    async with serving(double.app()) as url:
        await shop.channel(
            "twilio",
            {"account_sid": "AC1", "sender": "+15550000", "base_url": url},
            {"auth_token": "wrong"},
        )
        ref = await shop.add(tables.sms, name="Hi", body="Hi", created_at=NOW, updated_at=NOW)
        await shop.person("Ada", "+15550001")
        await shop.message("Ada", Channel.SMS, ref)
        state, reason = (await shop.deliver())["Ada"]
    assert state == "pending"
    assert "20003" in str(reason)


async def test_a_text_message_by_any_json_api(shop: Shop) -> None:
    came: list[tuple[dict[str, str], dict[str, Any]]] = []

    async def take(request: web.Request) -> web.Response:
        came.append((dict(request.headers), await request.json()))
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/send", take)
    async with serving(app) as url:
        await shop.channel(
            "json",
            {"url": f"{url}/send", "sender": "Acme", "fields": {"to": "number"}},
            {"token": "secret", "headers": {"X-Tenant": "9"}},
        )
        ref = await shop.add(tables.sms, name="Hi", body="Hi", created_at=NOW, updated_at=NOW)
        await shop.person("Ada", "+15550001")
        await shop.message("Ada", Channel.SMS, ref)
        assert (await shop.deliver())["Ada"] == ("sent", None)
    ((headers, body),) = came
    assert body["number"] == "+15550001"
    assert (body["text"], body["from"]) == ("Hi", "Acme")
    assert headers["Idempotency-Key"] == body["id"]
    assert (headers["Authorization"], headers["X-Tenant"]) == ("Bearer secret", "9")


async def test_a_push_message_reaches_each_device_and_forgets_those_that_are_gone(
    shop: Shop,
) -> None:
    double = FirebaseDouble()
    double.gone = {"old"}
    async with serving(double.app()) as url:
        double.url = url
        await shop.channel(
            "fcm",
            {"project_id": "acme", "base_url": url, "token_url": f"{url}/token"},
            {"service_account": double.account},
        )
        ref = await shop.add(
            tables.push_message, name="Hi", title="Hello {{ contact.first_name }}", body="There",
            url="https://acme.com/x", created_at=NOW, updated_at=NOW,
        )  # fmt: skip
        for name, devices in (("Ada", ["new", "old"]), ("Bob", ["old2"]), ("Eve", [])):
            who = await shop.person(name)
            for token in devices:
                await shop.add(
                    tables.push_device, contact_id=who, token=token, platform="web",
                    seen_at=NOW, created_at=NOW,
                )  # fmt: skip
            await shop.message(name, Channel.PUSH, ref)
        double.gone.add("old2")
        found = await shop.deliver()
        assert found["Ada"] == ("sent", None)
        assert found["Bob"][0] == "skipped"
        assert found["Eve"] == ("skipped", "no device")
        (message,) = double.taken
        assert message["token"] == "new"
        assert message["notification"] == {"title": "Hello Ada", "body": "There"}
        assert message["data"] == {"url": "https://acme.com/x"}
        assert double.tokens == 1
        assert await shop.column("select contact_id from suppression") == []


async def test_without_a_channel_messages_wait_and_nothing_is_lost(shop: Shop) -> None:
    ref = await shop.add(tables.sms, name="Hi", body="Hi", created_at=NOW, updated_at=NOW)
    await shop.person("Ada", "+15550001")
    await shop.message("Ada", Channel.SMS, ref)
    assert (await shop.deliver())["Ada"] == ("pending", None)


async def test_a_suppressed_number_gets_nothing(shop: Shop) -> None:
    double = TwilioDouble()
    async with serving(double.app()) as url:
        await shop.channel(
            "twilio", {"account_sid": "AC1", "sender": "+1", "base_url": url}, {"auth_token": "tok"}
        )
        ref = await shop.add(tables.sms, name="Hi", body="Hi", created_at=NOW, updated_at=NOW)
        who = await shop.person("Ada", "+15550001")
        async with shop.database.transaction() as tx:
            await tx.execute(
                insert(tables.suppression).values(
                    workspace_id=1, contact_id=who, channel=2, reason="unsubscribed",
                    source="test", at=NOW,
                )
            )  # fmt: skip
        await shop.message("Ada", Channel.SMS, ref)
        assert (await shop.deliver())["Ada"] == ("skipped", "unsubscribed")
    assert double.taken == []


async def test_a_slack_message_is_escaped_and_goes_to_its_channel(shop: Shop) -> None:
    double = SlackDouble()
    async with serving(double.app()) as url:
        settings = {"channel": "#sales", "base_url": f"{url}/api", "rate": {}}
        await shop.channel("slack", settings, {"token": "xoxb-1"})
        await shop.person("Ada <!channel>")
        words = "{{ contact.first_name }} is hot"
        await shop.message("Ada <!channel>", Channel.SLACK, 0, text=words)
        await shop.message("Ada <!channel>", Channel.SLACK, 0, text="again", to="#vip")
        await shop.deliver()
    assert [(each["channel"], each["text"]) for each in double.taken] == [
        ("#sales", "Ada &lt;!channel&gt; is hot"),
        ("#vip", "again"),
    ]


@pytest.mark.parametrize(
    ("error", "state"),
    [("ratelimited", "pending"), ("not_in_channel", "parked"), ("token_revoked", "pending")],
)
async def test_what_slack_refuses(shop: Shop, error: str, state: str) -> None:
    double = SlackDouble()
    double.error = error
    async with serving(double.app()) as url:
        settings = {"channel": "#sales", "base_url": f"{url}/api"}
        await shop.channel("slack", settings, {"token": "xoxb-1"})
        await shop.person("Ada")
        await shop.message("Ada", Channel.SLACK, 0, text="Hi")
        found, reason = (await shop.deliver())["Ada"]
    assert found == state
    assert error in str(reason)


async def _integrated(shop: Shop, provider: str, settings: Any, secrets: Any) -> int:
    sealed = Seals(KEYS).seal(1, msgspec.json.encode(secrets))
    return await shop.add(
        tables.integration, name=provider, provider=provider, settings=settings, secrets=sealed,
        created_at=NOW, updated_at=NOW,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "state"), [(200, "sent"), (207, "parked"), (429, "pending"), (500, "pending")]
)
async def test_a_contact_is_pushed_to_hubspot(shop: Shop, status: int, state: str) -> None:
    double = HubSpotDouble()
    double.status = status
    async with serving(double.app()) as url:
        fields = {"email": "email", "firstname": "first_name", "lead_score": "points"}
        settings = {"base_url": url, "fields": fields}
        ref = await _integrated(shop, "hubspot", settings, {"token": "pat"})
        who = await shop.person("Ada")
        async with shop.database.transaction() as tx:
            await tx.execute(
                text(f"update contact set email = 'a@b.c', points = 7 where id = {who}")
            )
        await shop.message("Ada", Channel.INTEGRATION, ref, **{"with": {"source": "web"}})
        assert (await shop.deliver())["Ada"][0] == state
    if state == "sent":
        (taken,) = double.taken
        assert taken["id"] == "a@b.c"
        assert taken["properties"] == {
            "email": "a@b.c", "firstname": "Ada", "lead_score": "7", "source": "web",
        }  # fmt: skip


async def test_a_token_that_hubspot_refuses_parks_and_stops_no_other(shop: Shop) -> None:
    double = HubSpotDouble(token="right")
    async with serving(double.app()) as url:
        ref = await _integrated(shop, "hubspot", {"base_url": url}, {"token": "wrong"})
        who = await shop.person("Ada")
        async with shop.database.transaction() as tx:
            await tx.execute(text(f"update contact set email = 'a@b.c' where id = {who}"))
        await shop.message("Ada", Channel.INTEGRATION, ref)
        state, reason = (await shop.deliver())["Ada"]
    assert (state, double.taken) == ("parked", [])
    assert "refuses our token" in str(reason)


async def test_a_contact_is_pushed_to_any_system(shop: Shop) -> None:
    came: list[tuple[str, dict[str, Any]]] = []

    async def take(request: web.Request) -> web.Response:
        came.append((request.raw_path, await request.json()))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_put("/people/{who}", take)
    async with serving(app) as url:
        settings = {
            "url": f"{url}/people/{{external_id}}", "method": "PUT",
            "fields": {"name": "first_name"},
        }  # fmt: skip
        ref = await _integrated(shop, "upsert", settings, {"token": "t"})
        await shop.person("Ada/../x")
        await shop.message("Ada/../x", Channel.INTEGRATION, ref)
        assert (await shop.deliver())["Ada/../x"] == ("sent", None)
    assert came == [("/people/Ada%2F..%2Fx", {"name": "Ada/../x"})]


async def test_a_rate_lets_only_so_many_go(shop: Shop) -> None:
    double = TwilioDouble()
    async with serving(double.app()) as url:
        settings = {
            "account_sid": "AC1", "sender": "+1", "base_url": url, "rate": {"per_second": 2},
        }  # fmt: skip
        await shop.channel("twilio", settings, {"auth_token": "tok"})
        ref = await shop.add(tables.sms, name="Hi", body="Hi", created_at=NOW, updated_at=NOW)
        for number in range(5):
            await shop.person(str(number), f"+1555000{number}")
            await shop.message(str(number), Channel.SMS, ref)
        states = [state for state, _ in (await shop.deliver()).values()]
    assert sorted(states) == ["pending"] * 3 + ["sent"] * 2


async def test_a_rate_for_a_domain_holds_up_no_other(shop: Shop) -> None:
    async with MailDouble() as double:
        port = urlsplit(double.url).port
        settings = {
            "host": "127.0.0.1", "port": port, "tls": "never", "rate": {"per_domain": 1},
        }  # fmt: skip
        await shop.channel("smtp", settings, {})
        email = await shop.add(tables.email, name="Hi", created_at=NOW, updated_at=NOW)
        async with shop.database.transaction() as tx:
            await tx.execute(
                insert(tables.email_version).values(
                    workspace_id=1, email_id=email, version=1, subject="Hi", html="<p>Hi</p>",
                    created_at=NOW,
                )
            )  # fmt: skip
        for name in ("a@slow.com", "b@slow.com", "c@slow.com", "d@other.com"):
            who = await shop.person(name)
            async with shop.database.transaction() as tx:
                await tx.execute(text(f"update contact set email = '{name}' where id = {who}"))
            await shop.message(name, Channel.EMAIL, email)
        found = await shop.deliver()
        assert found["d@other.com"][0] == "sent"
        assert sorted(found[f"{x}@slow.com"][0] for x in "abc") == ["pending", "pending", "sent"]
        due = await shop.column("select due_at from message where state = 0")
        assert min(due) > NOW
