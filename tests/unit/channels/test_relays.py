"""What each provider finds in our mails, as its documentation names it."""

import json
from typing import Any

import pytest

from headless import ids
from headless.channels.providers import Relay, Smtp, SmtpSecrets
from headless.channels.relays import relay
from headless.channels.returns import Returns

RETURNS = Returns((b"a key of thirty-two bytes, or so",))
TOKEN = ids.encode("msg", 7)


def headers(kind: Relay, **more: Any) -> dict[str, str]:
    settings = Smtp(host="mail.example.com", relay=kind, **more)
    return dict(relay(settings, SmtpSecrets(), RETURNS).headers(7))


def test_ses_gets_a_tag_and_its_configuration_set() -> None:
    assert headers("ses", configuration_set="main") == {
        "X-SES-CONFIGURATION-SET": "main",
        "X-SES-MESSAGE-TAGS": f"hm={TOKEN}",
    }


def test_sendgrid_gets_an_argument_and_tracks_nothing() -> None:
    told = json.loads(headers("sendgrid")["X-SMTPAPI"])
    assert told["unique_args"] == {"hm": TOKEN}
    off = {name: each["settings"]["enable"] for name, each in told["filters"].items()}
    assert off == {"clicktrack": 0, "opentrack": 0, "subscriptiontrack": 0}


def test_mailgun_gets_a_variable_and_tracks_nothing() -> None:
    told = headers("mailgun")
    assert json.loads(told["X-Mailgun-Variables"]) == {"hm": TOKEN}
    assert told["X-Mailgun-Track"] == "no"


def test_postmark_gets_metadata_and_keeps_our_id() -> None:
    told = headers("postmark", stream="news")
    assert told["X-PM-Metadata-hm"] == TOKEN
    assert told["X-PM-Message-Stream"] == "news"
    assert (told["X-PM-TrackOpens"], told["X-PM-TrackLinks"]) == ("false", "None")
    assert told["X-PM-KeepID"] == "true"


@pytest.mark.parametrize("kind", ["ses", "sendgrid", "mailgun", "postmark"])
def test_bounces_of_a_providers_server_come_by_its_events(kind: Relay) -> None:
    made = relay(Smtp(host="x", relay=kind, bounce_domain="b.example.com"), SmtpSecrets(), RETURNS)
    assert made.envelope("ann@example.com", 1, 7) == "ann@example.com"


def test_bounces_of_a_plain_server_come_to_us() -> None:
    made = relay(Smtp(host="x", bounce_domain="b.example.com"), SmtpSecrets(), RETURNS)
    path = made.envelope("ann@example.com", 1, 7)
    assert path.endswith("@b.example.com")
    assert RETURNS.message_of(path) == (1, 7)
    assert made.headers(7) == ()
