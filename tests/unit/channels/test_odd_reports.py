"""Reports of providers, proved as theirs, in which anything may stand: read, or refused as odd."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from provider_events import (
    CERTIFICATE,
    NOW,
    TOPIC,
    Amazon,
    Request,
    SendGrid,
    mailgun,
    postmark,
    ses_bounce,
)

from headless import ids
from headless.channels.reports import mailgun as mailgun_
from headless.channels.reports import postmark as postmark_
from headless.channels.reports import sendgrid as sendgrid_
from headless.channels.reports import ses, twilio
from headless.channels.reports.report import Call, NotTheirsError, Taken, UnreadableError

TOKEN = ids.encode("msg", 7)
ODD: tuple[Any, ...] = (
    None, True, -1, 10**30, 1e308, "", "a\x00b", "x" * 9_000, "0001-01-01T00:00:00+14:00",
    [], [None], [1], [[]], {}, {"a": {}}, json.loads("[" * 100 + "]" * 100),
)  # fmt: skip
SES = [
    ses_bounce(TOKEN),
    {
        "eventType": "Click",
        "click": {"timestamp": "2026-11-23T09:29:00.000Z", "link": "https://example.com"},
        "mail": {"timestamp": "2026-11-23T09:28:00.000Z", "tags": {"hm": [TOKEN]}},
    },
]
SENDGRID = [
    {"event": "bounce", "type": "bounce", "bounce_classification": "Invalid Address",
     "hm": TOKEN, "sg_event_id": "e-1", "timestamp": 1795426200, "reason": "550"},
    {"event": "click", "hm": TOKEN, "sg_event_id": "e-2", "timestamp": 1795426200, "url": "h"},
]  # fmt: skip
MAILGUN = [
    {"event": "failed", "severity": "permanent", "reason": "bounce", "id": "e-1",
     "timestamp": 1795426200.5, "user-variables": {"hm": TOKEN},
     "delivery-status": {"enhanced-code": "5.1.1", "message": "unknown"}},
    {"event": "clicked", "id": "e-2", "timestamp": 1795426200.5, "url": "https://example.com",
     "user-variables": {"hm": TOKEN}, "client-info": {"bot": ""}},
]  # fmt: skip
POSTMARK = [
    {"RecordType": "Bounce", "Type": "HardBounce", "MessageID": "m", "Recipient": "a@b.test",
     "BouncedAt": "2026-11-23T09:29:00Z", "Details": "550", "Metadata": {"hm": TOKEN}},
    {"RecordType": "SubscriptionChange", "SuppressSending": True, "MessageID": "m",
     "ChangedAt": "2026-11-23T09:29:00Z", "Metadata": {"hm": TOKEN}},
]  # fmt: skip


def bent(value: Any) -> Iterator[Any]:
    yield from ODD
    if isinstance(value, dict):
        for name, member in value.items():
            yield {key: each for key, each in value.items() if key != name}
            for one in bent(member):
                yield {**value, name: one}
    elif isinstance(value, list) and value:
        for one in bent(value[0]):
            yield [one, *value[1:]]


def called(request: Request) -> Call:
    body, headers = request
    lower = {name.lower(): value for name, value in headers.items()}
    return Call(lower, body, f"https://us.example/hooks/x/y?hm={TOKEN}")


async def test_ses() -> None:
    amazon = Amazon()

    async def take(event: Any) -> Taken:
        return await ses.take(called(amazon.envelope(event)), topic_arn=TOPIC, fetch=amazon.get)

    for event in SES:
        assert (await take(event)).reports[0].message_id == 7
        for one in bent(event):
            with contextlib.suppress(UnreadableError, NotTheirsError):
                await take(one)
    assert set(amazon.asked) == {CERTIFICATE}


def test_sendgrid() -> None:
    sender = SendGrid()
    for event in SENDGRID:
        assert sendgrid_.take(called(sender.request(event)), key=sender.public).reports
        for one in bent(event):
            with contextlib.suppress(UnreadableError, NotTheirsError):
                sendgrid_.take(called(sender.request(one)), key=sender.public)


def test_mailgun() -> None:
    for event in MAILGUN:
        assert mailgun_.take(called(mailgun("key", event)), key="key").reports
        for one in bent(event):
            with contextlib.suppress(UnreadableError, NotTheirsError):
                mailgun_.take(called(mailgun("key", one)), key="key")


def test_postmark() -> None:
    for event in POSTMARK:
        assert postmark_.take(called(postmark(event))).reports
        for one in bent(event):
            with contextlib.suppress(UnreadableError):
                postmark_.take(called(postmark(one)))


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"=&&=;", b"&".join(b"a=1" for _ in range(500)), b"MessageSid=%00%ff"]
)
def test_twilio(body: bytes) -> None:
    for signature in ("", "\xff", "AAAA", "===="):
        call = Call({"x-twilio-signature": signature}, body, "https://us.example/x?hm=\xff")
        with pytest.raises((UnreadableError, NotTheirsError)):
            twilio.take(call, token="t", now=NOW)
