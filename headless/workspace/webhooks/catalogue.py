"""The catalogue of events: what endpoints can hear of, and the shape of each one's `data`.

All are thin: ids and what changed; whoever wants more asks the API. Rows keep the plain numbers of
things, `published` makes the public ids of them. Types are only added, never changed. Pure.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import msgspec

from headless import ids

_KINDS: Final[dict[str, ids.Kind]] = {
    "campaign_id": "cmp", "contact_id": "con", "enrollment_id": "enr", "message_id": "msg",
    "segment_id": "seg", "form_id": "frm", "job_id": "job", "channel_id": "chn",
    "webhook_id": "whk", "into_id": "con", "email_id": "eml", "topic_id": "top",
}  # fmt: skip


class Campaign(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something about a campaign; `version` is the number of the version that is published.

    Where it waits for a second person's word: `plan` is what is to be approved, `contacts` how many
    it concerns. Where that was declined, `reason` says why.
    """

    campaign_id: str
    name: str
    version: int | None = None
    reason: str | None = None
    plan: str | None = None
    contacts: int | None = None


class Enrollment(msgspec.Struct, frozen=True, omit_defaults=True):
    """A contact's run through a campaign; `state` is how it ended."""

    campaign_id: str
    contact_id: str
    enrollment_id: str | None = None
    state: str | None = None


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message to a contact, and why it went no further, where it did not."""

    message_id: str
    contact_id: str
    channel: str
    reason: str | None = None


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came back on a message: `url` is the link that was followed."""

    contact_id: str
    message_id: str | None = None
    url: str | None = None
    machine: bool = False


class Contact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A contact, and what of it; merged, it has become part of `into_id`.

    `reason` says how it left a channel, where that was not by unsubscribing.
    """

    contact_id: str
    into_id: str | None = None
    channel: str | None = None
    stage: str | None = None
    points: int | None = None
    reason: str | None = None


class Consent(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the consent ledger: `about` is a channel, a topic or tracking, `action` whether the
    contact was asked, agreed, refused or withdrew."""

    contact_id: str
    about: str
    action: str
    topic_id: str | None = None


class Membership(msgspec.Struct, frozen=True):
    """A contact in a segment."""

    segment_id: str
    contact_id: str


class Submission(msgspec.Struct, frozen=True):
    """A form that a contact has sent; the answers are asked for by the contact's id."""

    form_id: str
    contact_id: str


class Import(msgspec.Struct, frozen=True):
    """An import that is over."""

    job_id: str
    state: str
    counts: dict[str, int]


class Channel(msgspec.Struct, frozen=True, omit_defaults=True):
    """A channel that works less well, or well again; with `domain` only for mails to there."""

    channel: str
    channel_id: str | None = None
    domain: str | None = None
    reason: str | None = None


class Webhook(msgspec.Struct, frozen=True, omit_defaults=True):
    """An endpoint."""

    webhook_id: str
    reason: str | None = None


class Hold(msgspec.Struct, frozen=True, omit_defaults=True):
    """Sending is held, or goes on: of the workspace, a channel or a campaign (`scope`).

    `subject` is the channel or the campaign's id.
    """

    scope: str
    subject: str | None = None
    reason: str | None = None


PING: Final = "webhook.ping"
TYPES: Final[dict[str, type[msgspec.Struct]]] = {
    **{f"campaign.{what}": Campaign for what in (
        "created", "version_published", "started", "paused", "resumed", "stopped", "archived",
        "approval_requested", "approved", "declined", "breaker_tripped",
    )},
    **{f"enrollment.{what}": Enrollment for what in ("entered", "goal_reached", "exited")},
    **{f"message.{what}": Message for what in ("sent", "failed", "parked", "skipped")},
    **{f"message.{what}": Answer for what in (
        "delivered", "bounced", "complained", "opened", "clicked", "replied",
    )},
    **{f"contact.{what}": Contact for what in (
        "created", "updated", "merged", "erased", "subscribed", "unsubscribed", "points_changed",
        "stage_changed",
    )},
    "contact.consent_changed": Consent,
    **{f"segment.{what}": Membership for what in ("member_added", "member_removed")},
    "form.submitted": Submission,
    "import.finished": Import,
    "channel.degraded": Channel,
    "channel.recovered": Channel,
    "webhook.disabled": Webhook,
    PING: Webhook,
    "hold.on": Hold,
    "hold.off": Hold,
}  # fmt: skip
"""Every event that is told, and the shape of its `data`."""


def published(data: Mapping[str, Any]) -> dict[str, Any]:
    """An event's data as it is told: numbers of rows as public ids, nothing that is null."""
    return {
        name: ids.encode(_KINDS[name], value) if name in _KINDS else value
        for name, value in data.items()
        if value is not None
    }


@cache
def schema(type_: str) -> dict[str, Any]:
    """The JSON Schema of a whole event; KeyError for a type that there is not."""
    shape = TYPES[type_]
    (data,), parts = msgspec.json.schema_components([shape], ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"/v1/schema/{type_}.json",
        "title": type_,
        "description": (shape.__doc__ or "").strip(),
        "type": "object",
        "properties": {
            "id": {"type": "string", "pattern": "^dlv_[0-9a-z]{13}$"},
            "type": {"const": type_},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": data,
        },
        "required": ["id", "type", "timestamp", "data"],
        "additionalProperties": False,
        "$defs": parts,
    }
