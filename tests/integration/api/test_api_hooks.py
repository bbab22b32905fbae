"""What providers report: proved as each documents it, applied once, never on the wrong contact."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import provider_events as provider
import pytest
from api_server import Server
from sqlalchemy import insert, text

from headless import ids
from headless.storage import tables
from headless.storage.codes import MessageState

Api = httpx.AsyncClient
Deliver = Callable[[provider.Request], Awaitable[httpx.Response]]


class Desk:
    """A workspace whose mail a provider carries, and one mail that it took."""

    def __init__(self, server: Server, api: Api, message_id: int) -> None:
        self.server = server
        self.api = api
        self.message_id = message_id
        self.token = ids.encode("msg", message_id)
        self.path = ""

    async def channel(self, relay: str, key: str | None = None, **settings: Any) -> None:
        answer = await self.api.post(
            "/v1/channels",
            json={
                "name": "Main", "provider": "smtp",
                "settings": {"host": "mail.example.com", "relay": relay, **settings},
                "secrets": {"webhook_key": key} if key else {},
            },
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        self.path = urlsplit(answer.json()["events_url"]).path

    async def post(self, request: provider.Request, path: str | None = None) -> httpx.Response:
        body, headers = request
        async with self.server.client() as outside:
            return await outside.post(path or self.path, content=body, headers=headers)

    async def state(self) -> tuple[str, str | None]:
        async with self.server.database.transaction() as tx:
            row = (await tx.execute(text("select state, reason from message"))).one()
        return MessageState(row.state).name.lower(), row.reason

    async def suppressed(self) -> list[str]:
        async with self.server.database.transaction() as tx:
            found = await tx.execute(text("select reason from suppression"))
        return [row.reason for row in found]

    async def activities(self) -> int:
        async with self.server.database.transaction() as tx:
            return int(await tx.scalar(text("select count(*) from activity")))


@pytest.fixture
async def desk(server: Server, api: Api) -> Desk:
    person = await api.post("/v1/contacts", json={"external_id": "7", "email": "x@example.com"})
    now = server.clock.now()
    async with server.database.transaction() as tx:
        number = await tx.scalar(
            insert(tables.message)
            .values(
                workspace_id=server.workspace_id,
                contact_id=ids.decode("con", person.json()["id"]),
                channel=1, ref=1, created_at=now, due_at=now, sent_at=now,
                state=int(MessageState.SENT),
            )
            .returning(tables.message.c.id)
        )  # fmt: skip
    return Desk(server, api, number)


# ---------------------------------------------------------------- Amazon SES


@pytest.fixture
async def amazon(desk: Desk) -> provider.Amazon:
    made = provider.Amazon()
    desk.server.app.state.house.fetcher = made
    await desk.channel("ses", topic_arn=provider.TOPIC)
    return made


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_dead_address_is_suppressed(
    desk: Desk, amazon: provider.Amazon, version: str
) -> None:
    request = amazon.envelope(provider.ses_bounce(desk.token), version=version)
    for _ in range(2):
        assert (await desk.post(request)).status_code == 200
    assert await desk.suppressed() == ["hard_bounce"]
    assert await desk.state() == ("skipped", "bounced: smtp; 550 5.1.1 unknown")
    assert await desk.activities() == 1, "told twice, counted once"


async def test_a_full_mailbox_changes_nothing(desk: Desk, amazon: provider.Amazon) -> None:
    event = provider.ses_bounce(desk.token, "Transient", "MailboxFull")
    assert (await desk.post(amazon.envelope(event))).status_code == 200
    assert (await desk.suppressed(), await desk.state()) == ([], ("sent", None))


async def test_a_refusal_of_us_parks_and_never_suppresses(
    desk: Desk, amazon: provider.Amazon
) -> None:
    event = provider.ses_bounce(desk.token, "Transient", "ContentRejected")
    await desk.post(amazon.envelope(event))
    assert await desk.suppressed() == []
    assert (await desk.state())[0] == "parked"


async def test_a_valid_signature_for_anothers_topic_is_refused(
    desk: Desk, amazon: provider.Amazon
) -> None:
    request = amazon.envelope(
        provider.ses_bounce(desk.token), TopicArn="arn:aws:sns:eu-west-1:999999999999:evil"
    )
    answer = await desk.post(request)
    assert (answer.status_code, await desk.suppressed()) == (403, [])


async def test_a_torn_signature_or_a_strange_certificate_is_refused(
    desk: Desk, amazon: provider.Amazon
) -> None:
    body, headers = amazon.envelope(provider.ses_bounce(desk.token))
    torn = body.replace(b"Permanent", b"Transient")
    assert (await desk.post((torn, headers))).status_code == 403
    evil = amazon.envelope(
        provider.ses_bounce(desk.token), SigningCertURL="https://evil.example/x.pem"
    )
    assert (await desk.post(evil)).status_code == 403
    assert "https://evil.example/x.pem" not in amazon.asked


async def test_a_subscription_is_confirmed_only_for_our_topic(
    desk: Desk, amazon: provider.Amazon
) -> None:
    wanted = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=x"
    more = {"Type": "SubscriptionConfirmation", "Token": "x", "SubscribeURL": wanted}
    foreign = amazon.envelope("hello", **more, TopicArn="arn:aws:sns:eu-west-1:9:evil")
    assert (await desk.post(foreign)).status_code == 403
    assert wanted not in amazon.asked
    assert (await desk.post(amazon.envelope("hello", **more))).status_code == 200
    assert wanted in amazon.asked
    plain = "Successfully validated SNS topic for Amazon SES event publishing."
    assert (await desk.post(amazon.envelope(plain))).status_code == 200


# ---------------------------------------------------------------- the others


@pytest.mark.parametrize(
    ("event", "suppressed", "state"),
    [
        ({"event": "bounce", "bounce_classification": "Invalid Address"}, ["hard_bounce"],
         "skipped"),
        ({"event": "bounce", "type": "blocked"}, [], "parked"),
        ({"event": "bounce", "bounce_classification": "Reputation"}, [], "parked"),
        ({"event": "deferred"}, [], "sent"),
        ({"event": "dropped"}, [], "skipped"),
        ({"event": "spamreport"}, ["complaint"], "sent"),
        ({"event": "unsubscribe"}, ["unsubscribed"], "sent"),
    ],
)  # fmt: skip
async def test_sendgrid(
    desk: Desk, event: dict[str, Any], suppressed: list[str], state: str
) -> None:
    theirs = provider.SendGrid()
    await desk.channel("sendgrid", theirs.public)
    whole = {"hm": desk.token, "timestamp": 1795426200, "sg_event_id": "e-1", **event}
    foreign = {**whole, "hm": "somebody-elses", "sg_event_id": "e-2"}
    answer = await desk.post(theirs.request(whole, foreign))
    assert (answer.status_code, answer.json()) == (200, {"taken": 1})
    assert await desk.suppressed() == suppressed
    assert (await desk.state())[0] == state
    body, headers = theirs.request(whole)
    assert (await desk.post((body + b" ", headers))).status_code == 403
    assert (await desk.post(provider.SendGrid().request(whole))).status_code == 403


@pytest.mark.parametrize(
    ("event", "suppressed", "state"),
    [
        ({"event": "failed", "severity": "permanent", "reason": "bounce",
          "delivery-status": {"enhanced-code": "5.1.1"}}, ["hard_bounce"], "skipped"),
        ({"event": "failed", "severity": "permanent", "reason": "generic",
          "delivery-status": {"enhanced-code": "5.7.1"}}, [], "parked"),
        ({"event": "failed", "severity": "temporary"}, [], "sent"),
        ({"event": "failed", "severity": "permanent", "reason": "suppress-bounce"}, [], "skipped"),
        ({"event": "complained"}, ["complaint"], "sent"),
        ({"event": "unsubscribed"}, ["unsubscribed"], "sent"),
    ],
)  # fmt: skip
async def test_mailgun(
    desk: Desk, event: dict[str, Any], suppressed: list[str], state: str
) -> None:
    await desk.channel("mailgun", "signing-key")
    whole = {
        "id": "e-1", "timestamp": 1795426200.5, "user-variables": {"hm": desk.token}, **event,
    }  # fmt: skip
    assert (await desk.post(provider.mailgun("signing-key", whole))).status_code == 200
    assert await desk.suppressed() == suppressed
    assert (await desk.state())[0] == state
    assert (await desk.post(provider.mailgun("another-key", whole))).status_code == 403


@pytest.mark.parametrize(
    ("event", "suppressed", "state"),
    [
        ({"RecordType": "Bounce", "Type": "HardBounce", "BouncedAt": "2026-11-23T09:29:00.1234567"},
         ["hard_bounce"], "skipped"),
        ({"RecordType": "Bounce", "Type": "Blocked", "BouncedAt": "2026-11-23T09:29:00Z"},
         [], "parked"),
        ({"RecordType": "Bounce", "Type": "Transient", "BouncedAt": "2026-11-23T09:29:00Z"},
         [], "sent"),
        ({"RecordType": "SpamComplaint", "BouncedAt": "2026-11-23T09:29:00+01:00"},
         ["complaint"], "sent"),
        ({"RecordType": "SubscriptionChange", "SuppressSending": True,
          "ChangedAt": "2026-11-23T09:29:00Z"}, ["unsubscribed"], "sent"),
    ],
)  # fmt: skip
async def test_postmark(
    desk: Desk, event: dict[str, Any], suppressed: list[str], state: str
) -> None:
    await desk.channel("postmark")
    whole = {"MessageID": "pm-1", "Metadata": {"hm": desk.token}, **event}
    assert (await desk.post(provider.postmark(whole))).status_code == 200
    assert await desk.suppressed() == suppressed
    assert (await desk.state())[0] == state


async def test_without_the_secret_part_nothing_is_there(desk: Desk) -> None:
    await desk.channel("postmark")
    event = provider.postmark({"RecordType": "Bounce", "Type": "HardBounce"})
    wrong = desk.path[:-1] + ("0" if desk.path[-1] != "0" else "1")
    assert (await desk.post(event, wrong)).status_code == 404
    assert (await desk.post(event, "/hooks/chn_nobody/x")).status_code == 404


async def test_anothers_message_is_not_touched(desk: Desk) -> None:
    await desk.channel("postmark")
    other = await desk.server.workspace("Other")
    async with desk.server.database.transaction() as tx:
        await tx.execute(text(f"update message set workspace_id = {other}"))
    event = {
        "RecordType": "Bounce", "Type": "HardBounce", "BouncedAt": "2026-11-23T09:29:00Z",
        "MessageID": "pm-1", "Metadata": {"hm": desk.token},
    }  # fmt: skip
    assert (await desk.post(provider.postmark(event))).json() == {"taken": 0}
    assert await desk.suppressed() == []


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"\xff", b"[" * 5000, b'"x"'])
@pytest.mark.parametrize("relay", ["ses", "sendgrid", "mailgun", "postmark"])
async def test_odd_bodies_break_nothing(desk: Desk, relay: str, body: bytes) -> None:
    await desk.channel(relay, topic_arn=provider.TOPIC)
    answer = await desk.post((body, {"Content-Type": "application/json"}))
    assert answer.status_code in (400, 403), answer.text
