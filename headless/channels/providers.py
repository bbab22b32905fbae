"""Providers: who carries a channel's messages, and what must be known to use them.

One table, `PROVIDERS`; each row has the provider's settings and its secrets as types, from which
the API's checks, its documentation and the forms of other faces are made. A base URL is a setting
wherever a provider's moves with its version or region. Imports storage's codes and `signing`.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

import msgspec

from headless.channels.google import account
from headless.channels.signing import signer
from headless.storage.codes import Channel

Host = Annotated[str, msgspec.Meta(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.\-\[\]:]+$")]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Url = Annotated[str, msgspec.Meta(max_length=2000, pattern=r"^https?://[^\s]+$")]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Positive = Annotated[float, msgspec.Meta(gt=0)]


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How fast a channel may send, over all workers: messages a second, in all and to one domain.

    `burst` is how many may go at once after a quiet time; without it, one second's worth.
    """

    per_second: Positive | None = None
    per_domain: Positive | None = None
    burst: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A provider that needs no secrets."""


Relay = Literal["plain", "ses", "sendgrid", "mailgun", "postmark"]
"""Whose server it is: decides the headers by which the provider names our message in its events."""


class Smtp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mail server.

    `tls`: `implicit` (port 465), `required` (STARTTLS or nothing), `offered` (STARTTLS where it is
    offered), `never`. `bounce_domain` is the domain of the return path, whose mail comes to us.
    `configuration_set` is SES's, `stream` Postmark's.
    """

    host: Host
    port: Port = 587
    tls: Literal["implicit", "required", "offered", "never"] = "required"
    username: Text | None = None
    relay: Relay = "plain"
    connections: Annotated[int, msgspec.Meta(ge=1, le=100)] = 16
    dkim_domain: Host | None = None
    dkim_selector: Host | None = None
    bounce_domain: Host | None = None
    configuration_set: Text | None = None
    stream: Text | None = None
    topic_arn: Text | None = None
    uncertain: Literal["hold", "resend"] = "hold"
    rate: Rate = Rate()


class SmtpSecrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`dkim_key` is a private RSA key as PEM; `webhook_key` verifies the provider's events."""

    password: str | None = None
    dkim_key: str | None = None
    webhook_key: str | None = None


class Twilio(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Twilio's messages; `sender` is a number, or else `service` a messaging service."""

    account_sid: Text
    sender: Text | None = None
    service: Text | None = None
    base_url: Url = "https://api.twilio.com"
    rate: Rate = Rate()


class TwilioSecrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The account's auth token; it also verifies what Twilio reports."""

    auth_token: Text


class JsonSms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Any provider that takes a text message as JSON: `{"to", "from", "text", "id"}` by POST.

    `fields` renames those members; `id_field` names the member of the answer that holds theirs.
    """

    url: Url
    sender: Text | None = None
    fields: dict[str, Text] = {}
    id_field: Text | None = None
    rate: Rate = Rate()


class BearerSecrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`token` goes along as `Authorization: Bearer`; `headers` as they stand."""

    token: str | None = None
    headers: dict[str, str] = {}


class Fcm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Firebase Cloud Messaging, HTTP v1."""

    project_id: Text
    base_url: Url = "https://fcm.googleapis.com"
    token_url: Url = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address, no secret
    rate: Rate = Rate()


class FcmSecrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The service account, as the JSON file that Google hands out."""

    service_account: Annotated[str, msgspec.Meta(min_length=1, max_length=10_000)]


class SlackPosts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Campaigns' messages into Slack by its Web API; `channel` where the text names none."""

    channel: Text
    base_url: Url = "https://slack.com/api"
    rate: Rate = Rate(per_second=1.0)


class SlackSecrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bot token with `chat:write`."""

    token: Text


class Provider(msgspec.Struct, frozen=True):
    """One way to send: which kind of channel, its settings and secrets, and a sentence on it.

    `check` raises ValueError, with what to do, for settings and secrets that do not fit together.
    """

    kind: Channel
    settings: type[msgspec.Struct]
    secrets: type[msgspec.Struct]
    sentence: str
    check: Callable[[Any, Any], None] | None = None


def _check_smtp(settings: Smtp, secrets: SmtpSecrets) -> None:
    if settings.username and not secrets.password:
        raise ValueError("`settings.username` needs `secrets.password`")
    named = (settings.dkim_domain, settings.dkim_selector, secrets.dkim_key)
    if any(named) and not all(named):
        raise ValueError(
            "DKIM needs `settings.dkim_domain`, `settings.dkim_selector` and `secrets.dkim_key`"
        )
    if settings.dkim_domain and settings.dkim_selector and secrets.dkim_key:
        signer(settings.dkim_domain, settings.dkim_selector, secrets.dkim_key)


def _check_fcm(settings: Fcm, secrets: FcmSecrets) -> None:
    account(secrets.service_account)


def _check_twilio(settings: Twilio, secrets: TwilioSecrets) -> None:
    if not settings.sender and not settings.service:
        raise ValueError("Twilio needs `settings.sender` or `settings.service`")


PROVIDERS: Final[dict[str, Provider]] = {
    "smtp": Provider(
        Channel.EMAIL,
        Smtp,
        SmtpSecrets,
        "Mails through an SMTP server, a provider's or your own.",
        _check_smtp,
    ),
    "twilio": Provider(
        Channel.SMS, Twilio, TwilioSecrets, "Text messages through Twilio.", _check_twilio
    ),
    "json": Provider(
        Channel.SMS, JsonSms, BearerSecrets, "Text messages through any HTTP API that takes JSON."
    ),
    "fcm": Provider(
        Channel.PUSH, Fcm, FcmSecrets, "Push messages through Firebase Cloud Messaging.", _check_fcm
    ),
    "slack": Provider(Channel.SLACK, SlackPosts, SlackSecrets, "Messages to Slack channels."),
}


def kind_of(settings: Any) -> str:
    """The provider's name that settings belong to."""
    return next(name for name, each in PROVIDERS.items() if isinstance(settings, each.settings))
