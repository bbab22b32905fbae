"""Heard: the activities that an event is made of, by their kind and by what they are about.

Pure. It says what must be listened to; whether an activity answers the event is `events`'. Imports
the language's tree and the resolved names.
"""

from collections.abc import Iterator

import msgspec

from headless.audience.conditions.facts import CHANNELS
from headless.dsl import ast
from headless.dsl.names import is_pattern
from headless.storage.codes import ActivityKind as Kind
from headless.workspace.names import Names


class Heard(msgspec.Struct, frozen=True):
    """The activities that an event is made of: their kind, and what they are about (0: any)."""

    kind: Kind
    ref: int = 0


def heard(event: ast.Event, names: Names) -> Iterator[Heard]:
    """What must be listened to for an event; an activity that fits need not answer it yet."""
    if isinstance(event, ast.AnyOf | ast.AllOf):
        for part in event.events:
            yield from heard(part, names)
    else:
        yield _heard_of(event, names)


def _named(names: Names, kind: str, name: ast.Name | None) -> int:
    return 0 if name is None or is_pattern(name.text) else names.id(kind, name.text)


def _heard_of(event: ast.Single, names: Names) -> Heard:  # noqa: C901 - one line an event
    match event:
        case ast.EmailOpened(email=name):
            return Heard(Kind.OPENED, _named(names, "email", name))
        case ast.EmailClicked(email=name) | ast.LinkClicked(email=name):
            return Heard(Kind.CLICKED, _named(names, "email", name))
        case ast.EmailBounced(email=name):
            return Heard(Kind.BOUNCED, _named(names, "email", name))
        case ast.Replied(channel="sms", message=name):
            return Heard(Kind.REPLIED_SMS, _named(names, "sms", name))
        case ast.Replied(message=name):
            return Heard(Kind.REPLIED, _named(names, "email", name))
        case ast.PageVisited(page=name):
            return Heard(Kind.VISITED, _named(names, "page", name))
        case ast.SiteVisited():
            return Heard(Kind.VISITED)
        case ast.TimeSpent(page=name):
            return Heard(Kind.SPENT, _named(names, "page", name))
        case ast.FormSubmitted(form=name):
            return Heard(Kind.SUBMITTED, _named(names, "form", name))
        case ast.AssetDownloaded(asset=name):
            return Heard(Kind.DOWNLOADED, _named(names, "asset", name))
        case ast.SlotRequested(slot=name):
            return Heard(Kind.REQUESTED, _named(names, "slot", name))
        case ast.Joined(gathering="segment", name=name):
            return Heard(Kind.JOINED_SEGMENT, _named(names, "segment", name))
        case ast.Left(gathering="segment", name=name):
            return Heard(Kind.LEFT_SEGMENT, _named(names, "segment", name))
        case ast.Joined(name=name):
            return Heard(Kind.JOINED_CAMPAIGN, _named(names, "campaign", name))
        case ast.Left(name=name):
            return Heard(Kind.LEFT_CAMPAIGN, _named(names, "campaign", name))
        case ast.TagGot(tag=name):
            return Heard(Kind.GOT_TAG, _named(names, "tag", name))
        case ast.StageEntered(stage=name):
            return Heard(Kind.ENTERED_STAGE, _named(names, "stage", name))
        case ast.PointsReached(group=name):
            return Heard(Kind.REACHED_POINTS, _named(names, "group", name))
        case ast.FieldChanged(field=field):
            return Heard(Kind.CHANGED, names.field_ref(field.name))
        case ast.Unsubscribed(channel="all"):
            return Heard(Kind.UNSUBSCRIBED)
        case ast.Unsubscribed(channel=channel):
            return Heard(Kind.UNSUBSCRIBED, CHANNELS[channel or "email"])
        case ast.Did(activity=name):
            return Heard(Kind.DID, _named(names, "event", name))
    raise TypeError(f"nothing can be heard of {event!r}")
