"""What a workspace has: the names and types that a campaign's text is held against.

A caller builds a `Catalogue` from the database (or from a file) and hands it to `check`. A kind of
thing that the caller does not know about stays None: its names are taken on trust. With `open` all
names are, which is how a text is checked without a workspace. Imports nothing of ours.
"""

from collections.abc import Collection, Mapping
from typing import Literal

import msgspec

FieldType = Literal["text", "number", "boolean", "date", "datetime"]
Sort = Literal[
    "email",
    "sms",
    "push message",
    "message",
    "segment",
    "campaign",
    "form",
    "page",
    "asset",
    "slot",
    "content",
    "stage",
    "owner",
    "webhook",
    "integration",
    "company",
    "tag",
    "event",
    "group",
]
"""The sorts of things that a text names; `event` is an activity's name, `group` one of points."""

CREATED_BY_USE: frozenset[Sort] = frozenset({"tag", "event", "group", "company"})
"""Things that come into being when they are first used: an unknown name is no error."""


class Email(msgspec.Struct, frozen=True):
    """An email: the paths that its template reads, and those of them that nothing provides.

    `variables` are paths such as `contact.first_name`, `entry.total`, or bare names that only a
    `with (...)` of the sending step can fill. `unsubscribe_link` is False for a template without.
    """

    variables: tuple[str, ...] = ()
    unsubscribe_link: bool = True


class Form(msgspec.Struct, frozen=True):
    """A form: its fields and their types; None when they are not known."""

    fields: Mapping[str, FieldType] | None = None


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """The names of one workspace by sort; None means that names of the sort are not checked.

    `fields` are the contacts' fields by name, the built-in ones among them; `events` the names of
    activities that have been seen, each with the properties that came with it and their types.
    """

    open: bool = False
    fields: Mapping[str, FieldType] | None = None
    company_fields: Mapping[str, FieldType] | None = None
    emails: Mapping[str, Email] | None = None
    forms: Mapping[str, Form] | None = None
    segments: Collection[str] | None = None
    campaigns: Collection[str] | None = None
    pages: Collection[str] | None = None
    assets: Collection[str] | None = None
    stages: Collection[str] | None = None
    owners: Collection[str] | None = None
    channels: Collection[str] | None = None
    integrations: Collection[str] | None = None
    webhooks: Collection[str] | None = None
    slots: Collection[str] | None = None
    contents: Collection[str] | None = None
    sms: Collection[str] | None = None
    push_messages: Collection[str] | None = None
    messages: Collection[str] | None = None
    tags: Collection[str] | None = None
    groups: Collection[str] | None = None
    events: Mapping[str, Mapping[str, FieldType]] | None = None

    def names(self, sort: Sort) -> Collection[str] | None:
        """The known names of a sort; None when they are taken on trust."""
        if self.open or sort == "company":
            return None
        found: Collection[str] | None = getattr(self, _PLACES[sort])
        return found


_PLACES: dict[Sort, str] = {
    "email": "emails",
    "sms": "sms",
    "push message": "push_messages",
    "message": "messages",
    "segment": "segments",
    "campaign": "campaigns",
    "form": "forms",
    "page": "pages",
    "asset": "assets",
    "slot": "slots",
    "content": "contents",
    "stage": "stages",
    "owner": "owners",
    "webhook": "webhooks",
    "integration": "integrations",
    "tag": "tags",
    "event": "events",
    "group": "groups",
}

STANDALONE = Catalogue(open=True)
"""No workspace: every name is taken on trust."""
