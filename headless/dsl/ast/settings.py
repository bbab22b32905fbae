"""What stands before the first step: who enters, when it runs, what ends it.

`SETTING_ORDER` is the order in which settings stand in a tree, however they were typed. Imports
the node, the values, the events and the conditions.
"""

import datetime
from typing import Literal

from headless.dsl.ast.asking import Condition, Event
from headless.dsl.ast.node import Node
from headless.dsl.ast.values import Channel, Date, Days, Duration, Name, Period


class FromSegment(Node, frozen=True):
    """`segment S [where (...)]`: the members, now and as they join."""

    segment: Name
    where: Condition | None = None


class FromNewMembers(Node, frozen=True):
    """`new members of segment S [where (...)]`: only those who join from now on."""

    segment: Name
    where: Condition | None = None


class FromForm(Node, frozen=True):
    """`form F [where (...)]`: whoever submits it."""

    form: Name
    where: Condition | None = None


class FromContacts(Node, frozen=True):
    """`contacts where (...)`: who satisfies it at the start, then whoever begins to."""

    where: Condition


Source = FromSegment | FromNewMembers | FromForm | FromContacts


class Language(Node, frozen=True):
    """`language 1`: the edition that the text is written in."""

    edition: int


class From(Node, frozen=True):
    """`from A, B`: who enters."""

    sources: tuple[Source, ...]


class StartWhen(Node, frozen=True):
    """`start when EVENT`: a run starts when it happens."""

    event: Event


class Active(Node, frozen=True):
    """`active DATE [to DATE]`: outside of it nobody enters and nothing runs."""

    start: Date
    end: Date | None = None


class TimeZone(Node, frozen=True):
    """`time zone contact` (zone is None) or `time zone "Europe/Paris"`."""

    zone: str | None = None


class QuietHours(Node, frozen=True):
    """`quiet hours 21:00 to 08:00`: half-open, may cross midnight."""

    start: datetime.time
    end: datetime.time


class QuietDays(Node, frozen=True):
    """`quiet days saturday and sunday`."""

    days: Days


class Limit(Node, frozen=True):
    """`limit 2 emails per week`: of this campaign's marketing messages, rolling."""

    count: int
    channel: Channel
    period: Period


class ReEntry(Node, frozen=True):
    """`re-entry never|always|after 30d`."""

    mode: Literal["never", "always", "after"]
    after: Duration | None = None


class Goal(Node, frozen=True):
    """`goal ["label"] when EVENT`: ends the run and counts a conversion."""

    event: Event
    label: Name | None = None


class StopWhen(Node, frozen=True):
    """`stop when EVENT`: ends the run."""

    event: Event


class Priority(Node, frozen=True):
    """`priority 5`: the higher goes first when a workspace cap lets only some through."""

    priority: int


class OwnedBy(Node, frozen=True):
    """`owned by anna`."""

    owner: Name


class Moved(Node, frozen=True):
    """`moved OLD to NEW`: whoever stands at the old step goes on from the new one."""

    old: Name
    new: Name


class WaitingAt(Node, frozen=True):
    """`waiting at OLD exit`: whoever waits at a step that is gone leaves the campaign."""

    step: Name


Setting = (
    Language
    | From
    | StartWhen
    | Active
    | TimeZone
    | QuietHours
    | QuietDays
    | Limit
    | ReEntry
    | Goal
    | StopWhen
    | Priority
    | OwnedBy
    | Moved
    | WaitingAt
)
SETTING_ORDER: tuple[type[Node], ...] = (
    Language,
    From,
    StartWhen,
    Active,
    TimeZone,
    QuietHours,
    QuietDays,
    Limit,
    ReEntry,
    Goal,
    StopWhen,
    Priority,
    OwnedBy,
    Moved,
    WaitingAt,
)
"""The order in which settings stand in a tree and in the canonical print, however typed."""
