"""Watched: what can change the answer to a condition, so that it is asked again in time.

Pure. A change of the contact's own row, tags or points is noted by whoever makes it; what else
counts is named here: activities, other segments, runs, and time itself. Imports the language's
tree and `heard`.
"""

from collections.abc import Iterator
from typing import Any, Final

from headless.audience.conditions.facts import CHANNELS
from headless.audience.conditions.heard import Heard, heard
from headless.dsl import ast
from headless.storage.codes import ActivityKind as Kind
from headless.workspace.names import Names, everything

_OUR_OWN: Final = frozenset(
    {
        Kind.GOT_TAG, Kind.JOINED_SEGMENT, Kind.LEFT_SEGMENT, Kind.ENTERED_STAGE,
        Kind.REACHED_POINTS, Kind.CHANGED,
    }
)  # fmt: skip
"""Written down only where somebody asks for them; what comes from outside always is."""


def watched(condition: Any, names: Names) -> set[Heard]:
    """The activities after which a condition must be asked again."""
    return {found for node in everything(condition) for found in _of(node, names)}


def remembered(parts: Any, names: Names) -> set[Heard]:
    """The activities that must be written down from now on, for a condition looks back at them."""
    return {
        found
        for node in everything(parts)
        if isinstance(node, ast.Happened)
        for found in heard(node.event, names)
        if found.kind in _OUR_OWN
    }


def asks_of_time(condition: Any) -> bool:
    """Whether the answer can change by nothing but the passing of days."""
    return any(
        isinstance(node, ast.Now | ast.Today | ast.Ago | ast.FromNow | ast.Anniversary)
        or (isinstance(node, ast.Happened) and node.last is not None)
        for node in everything(condition)
    )


def _of(node: ast.Node, names: Names) -> Iterator[Heard]:
    match node:
        case ast.Happened(event=event):
            yield from heard(event, names)
        case ast.InSegment(segment=name):
            number = names.id("segment", name.text)
            yield Heard(Kind.JOINED_SEGMENT, number)
            yield Heard(Kind.LEFT_SEGMENT, number)
        case ast.InCampaign(campaign=name):
            number = names.id("campaign", name.text)
            yield Heard(Kind.JOINED_CAMPAIGN, number)
            yield Heard(Kind.LEFT_CAMPAIGN, number)
        case ast.ReachableBy(channel=channel):
            channels = CHANNELS.values() if channel == "message" else (CHANNELS[channel],)
            for each in channels:
                yield Heard(Kind.UNSUBSCRIBED, each)
            yield Heard(Kind.BOUNCED)
            yield Heard(Kind.COMPLAINED)
        case ast.Answer(form=form):
            yield Heard(Kind.SUBMITTED, names.id("form", form.text))
        case _:
            pass
