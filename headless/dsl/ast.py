"""The tree of a campaign: every statement, event and condition of the language as a frozen value.

This is the vocabulary that the parser writes and that the formatter, the checker and the compiler
read. A node knows its `span`, the offsets of the text it came from, but spans (and whether a text
was typed in quotes) do not count in comparisons: two layouts of one campaign are equal trees.
Every tree can be written and read as JSON by msgspec; a node's class is told by its `kind`.
Imports nothing of ours but `Span`, computes nothing but a walk over the tree.
"""

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal

import msgspec

from headless.dsl.diagnostics import Span

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
Channel = Literal["email", "sms", "push message", "message"]
"""What can be sent; `message` means the contact's preferred reachable channel."""
Consent = Literal["email", "sms", "push message", "all"]
"""What a contact can subscribe to or unsubscribe from."""
Period = Literal["hour", "day", "week", "month"]
Container = Literal["segment", "campaign", "company"]
Gathering = Literal["segment", "campaign"]
Direction = Literal["before", "after"]
Operator = Literal["is", "is not", ">", ">=", "<", "<=", "contains", "starts with", "ends with"]

_UNCOMPARED = frozenset({"span", "quoted"})


def _kind(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


class Node(
    msgspec.Struct,
    frozen=True,
    eq=False,
    gc=False,
    kw_only=True,
    omit_defaults=True,
    tag_field="kind",
    tag=_kind,
):
    """Anything in a campaign's text: `span` says where it stood, and is not compared."""

    span: Span = Span(0, 0)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(
            getattr(self, name) == getattr(other, name)
            for name in self.__struct_fields__
            if name not in _UNCOMPARED
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        told = (n for n in self.__struct_fields__ if n not in _UNCOMPARED)
        return hash((type(self), *(getattr(self, name) for name in told)))


# ---------------------------------------------------------------- names, values


class Name(Node, frozen=True):
    """What something is called: an email, a segment, a tag, a label, a colleague."""

    text: str


class Text(Node, frozen=True):
    """A text as a value; `quoted` tells `"city"` from a bare `city`, and is not compared."""

    text: str
    quoted: bool = True


class Number(Node, frozen=True):
    """A number as a value."""

    value: Decimal


class Percent(Node, frozen=True):
    """A share as a value: 12.5 stands for 12.5 %."""

    value: Decimal


class Money(Node, frozen=True):
    """An amount in a currency (ISO 4217)."""

    amount: Decimal
    currency: str


class YesNo(Node, frozen=True):
    """`yes` or `no`."""

    value: bool


class Date(Node, frozen=True):
    """A day, and the time on that day if one was given; in the campaign's zone."""

    date: datetime.date
    time: datetime.time | None = None


class TimeOfDay(Node, frozen=True):
    """A time of day as a value."""

    time: datetime.time


class Days(Node, frozen=True):
    """Days of the week in their order, each once; `weekdays` and `weekends` are spelled out."""

    days: tuple[Weekday, ...]


class Duration(Node, frozen=True):
    """A length of time as it was written: calendar parts first, exact parts after them."""

    months: int = 0
    weeks: int = 0
    days: int = 0
    hours: int = 0
    minutes: int = 0
    seconds: int = 0

    @property
    def calendar_days(self) -> int:
        """Weeks and days together, to be added as calendar days in the zone."""
        return self.weeks * 7 + self.days

    @property
    def exact_seconds(self) -> int:
        """Hours, minutes and seconds together, the same however the clocks change."""
        return self.hours * 3600 + self.minutes * 60 + self.seconds

    @property
    def least_seconds(self) -> int:
        """The shortest it can last: a month of 28 days, no allowance for a clock change."""
        return (self.months * 28 + self.calendar_days) * 86400 + self.exact_seconds

    @property
    def most_seconds(self) -> int:
        """The longest it can last: a month of 31 days, no allowance for a clock change."""
        return (self.months * 31 + self.calendar_days) * 86400 + self.exact_seconds


class Now(Node, frozen=True):
    """The present instant."""


class Today(Node, frozen=True):
    """The present day in the campaign's zone."""


class Ago(Node, frozen=True):
    """An instant that long before now."""

    duration: Duration


class FromNow(Node, frozen=True):
    """An instant that long after now."""

    duration: Duration


class Field(Node, frozen=True):
    """A field: of the contact, or of the scope before the dot (`company`, `utm`, `event` ...)."""

    name: str
    scope: str = "contact"


class Answer(Node, frozen=True):
    """What the contact last answered in a form's field."""

    form: Name
    field: str


class Points(Node, frozen=True):
    """The contact's points, in one group or in all."""

    group: Name | None = None


class Stage(Node, frozen=True):
    """The contact's stage."""


class Owner(Node, frozen=True):
    """The colleague who looks after the contact."""


class Device(Node, frozen=True):
    """The kind of device that the contact used last."""


class Anniversary(Node, frozen=True):
    """This year's day of a date in a field."""

    field: Field


Value = (
    Text
    | Number
    | Percent
    | Money
    | YesNo
    | Date
    | TimeOfDay
    | Days
    | Duration
    | Now
    | Today
    | Ago
    | FromNow
    | Field
)
Operand = Field | Answer | Points | Stage | Owner | Device | Now | Today | Anniversary


class Argument(Node, frozen=True):
    """One `name = value` inside `with (...)`."""

    name: str
    value: Value


# ---------------------------------------------------------------- what a contact does


class Happening(Node, frozen=True, kw_only=True):
    """Base of all single events; `times` is how often it must happen."""

    times: int = 1


class EmailOpened(Happening, frozen=True):
    """`opened email X`; without a name any email."""

    email: Name | None = None


class EmailClicked(Happening, frozen=True):
    """`clicked email X`: a link in it; without a name any email."""

    email: Name | None = None


class EmailBounced(Happening, frozen=True):
    """`bounced email X`; without a name any email."""

    email: Name | None = None


class LinkClicked(Happening, frozen=True):
    """`clicked link "https://...*"`, in one email or in any."""

    link: str
    email: Name | None = None


class Replied(Happening, frozen=True):
    """`replied to email|sms X with "yes*"`; without a name any message of that channel."""

    channel: Channel
    message: Name | None = None
    pattern: str | None = None


class PageVisited(Happening, frozen=True):
    """`visited page X`: a page's name, or a pattern if it has `*`, `://` or a leading `/`."""

    page: Name
    referrer: str | None = None
    device: Name | None = None


class SiteVisited(Happening, frozen=True):
    """`visited site`: any page."""

    referrer: str | None = None
    device: Name | None = None


class TimeSpent(Happening, frozen=True):
    """`spent 5m on page X`; without a page on the whole site."""

    duration: Duration
    page: Name | None = None


class FormSubmitted(Happening, frozen=True):
    """`submitted form F`; without a name any form."""

    form: Name | None = None


class AssetDownloaded(Happening, frozen=True):
    """`downloaded asset A`; without a name any asset."""

    asset: Name | None = None


class SlotRequested(Happening, frozen=True):
    """`requested slot S`: a page asked what to show in a slot."""

    slot: Name


class Joined(Happening, frozen=True):
    """`joined segment|campaign X`."""

    gathering: Gathering
    name: Name


class Left(Happening, frozen=True):
    """`left segment|campaign X`."""

    gathering: Gathering
    name: Name


class TagGot(Happening, frozen=True):
    """`got tag T`."""

    tag: Name


class StageEntered(Happening, frozen=True):
    """`entered stage S`."""

    stage: Name


class PointsReached(Happening, frozen=True):
    """`reached 50 points [in group G]`."""

    points: int
    group: Name | None = None


class FieldChanged(Happening, frozen=True):
    """`changed FIELD`."""

    field: Field


class Unsubscribed(Happening, frozen=True):
    """`unsubscribed [from email|sms|push message|all]`."""

    channel: Consent | None = None


class Did(Happening, frozen=True):
    """`did "order placed" where (...)`: an activity that a shop or an app reported."""

    activity: Name
    where: "Condition | None" = None


class AnyOf(Node, frozen=True):
    """The first of several events."""

    events: tuple["Event", ...]


class AllOf(Node, frozen=True):
    """All of several events, in any order."""

    events: tuple["Event", ...]


Single = (
    EmailOpened
    | EmailClicked
    | EmailBounced
    | LinkClicked
    | Replied
    | PageVisited
    | SiteVisited
    | TimeSpent
    | FormSubmitted
    | AssetDownloaded
    | SlotRequested
    | Joined
    | Left
    | TagGot
    | StageEntered
    | PointsReached
    | FieldChanged
    | Unsubscribed
    | Did
)
Event = Single | AnyOf | AllOf


class EntryAnchor(Node, frozen=True):
    """`of entry`: the stopwatch starts when the run started."""


class StepAnchor(Node, frozen=True):
    """`of LABEL`: the stopwatch starts when this run last finished that step."""

    label: Name


class Within(Node, frozen=True):
    """`within D [of entry|LABEL]`."""

    duration: Duration
    anchor: EntryAnchor | StepAnchor | None = None


class Trigger(Node, frozen=True):
    """What `when` waits for: an event, or (negated) that it does not happen in time."""

    event: Event
    negated: bool = False
    within: Within | None = None


# ---------------------------------------------------------------- what `if` asks


class Or(Node, frozen=True):
    """At least one holds."""

    conditions: tuple["Condition", ...]


class And(Node, frozen=True):
    """All hold."""

    conditions: tuple["Condition", ...]


class Not(Node, frozen=True):
    """It does not hold."""

    condition: "Condition"


class Compare(Node, frozen=True):
    """`points > 50`, `country is "DE"`, `name contains x`."""

    operand: Operand
    operator: Operator
    value: Value


class Matches(Node, frozen=True):
    """`FIELD matches "regex"`."""

    operand: Operand
    pattern: str


class IsIn(Node, frozen=True):
    """`FIELD in (a, b)`."""

    operand: Operand
    values: tuple[Value, ...]


class Between(Node, frozen=True):
    """`FIELD between a and b`, both ends included."""

    operand: Operand
    low: Value
    high: Value


class IsEmpty(Node, frozen=True):
    """`FIELD is empty`."""

    operand: Operand


class IsNotEmpty(Node, frozen=True):
    """`FIELD is not empty`."""

    operand: Operand


class Dated(Node, frozen=True):
    """`FIELD before|after DATE`."""

    operand: Operand
    direction: Direction
    value: Value


class InSegment(Node, frozen=True):
    """`in segment S`."""

    segment: Name


class InCampaign(Node, frozen=True):
    """`in campaign C`: a run of it is under way."""

    campaign: Name


class HasTag(Node, frozen=True):
    """`has tag T`."""

    tag: Name


class ReachableBy(Node, frozen=True):
    """`reachable by email`: there is an address and no refusal."""

    channel: Channel


class Happened(Node, frozen=True):
    """An event looking back: to the entry, over `in last D`, or (`ever`) over everything."""

    event: Single
    last: Duration | None = None
    ever: bool = False


Condition = (
    Or
    | And
    | Not
    | Compare
    | Matches
    | IsIn
    | Between
    | IsEmpty
    | IsNotEmpty
    | Dated
    | InSegment
    | InCampaign
    | HasTag
    | ReachableBy
    | Happened
)

# ---------------------------------------------------------------- settings


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

# ---------------------------------------------------------------- steps


class StepNode(Node, frozen=True, kw_only=True):
    """Base of all steps; `label` is the name before the colon, if any."""

    label: Name | None = None


class ToOwner(Node, frozen=True):
    """`to owner`: to the colleague who looks after the contact."""


class ToAddress(Node, frozen=True):
    """`to "a@b.c"` or `to "#channel"`."""

    address: str


Recipient = ToOwner | ToAddress


class Hours(Node, frozen=True):
    """`between 09:00 and 17:00`: half-open, may cross midnight."""

    start: datetime.time
    end: datetime.time


class SendMessage(StepNode, frozen=True):
    """`send [transactional] email|sms|push message|message NAME ...`."""

    channel: Channel
    message: Name
    transactional: bool = False
    to: Recipient | None = None
    hours: Hours | None = None
    days: Days | None = None
    arguments: tuple[Argument, ...] = ()


class SendSlack(StepNode, frozen=True):
    """`send slack "text" [to "#channel"|owner]`."""

    text: str
    to: Recipient | None = None


class SendWebhook(StepNode, frozen=True):
    """`send webhook NAME|"url" [with (...)]`."""

    webhook: Name
    arguments: tuple[Argument, ...] = ()


class AddPoints(StepNode, frozen=True):
    """`add points N [in group G] [to company]`."""

    points: int
    group: Name | None = None
    company: bool = False


class RemovePoints(StepNode, frozen=True):
    """`remove points N [in group G] [from company]`."""

    points: int
    group: Name | None = None
    company: bool = False


class AddTag(StepNode, frozen=True):
    """`add tag T`."""

    tag: Name


class RemoveTag(StepNode, frozen=True):
    """`remove tag T`."""

    tag: Name


class AddTo(StepNode, frozen=True):
    """`add to segment|campaign|company X`."""

    container: Container
    name: Name


class RemoveFrom(StepNode, frozen=True):
    """`remove from segment|campaign|company X`."""

    container: Container
    name: Name


class MoveTo(StepNode, frozen=True):
    """`move to campaign X`: leave this one and enter that one."""

    campaign: Name


class SetField(StepNode, frozen=True):
    """`set FIELD to VALUE`."""

    field: Field
    value: Value


class ClearField(StepNode, frozen=True):
    """`clear FIELD`."""

    field: Field


class SetOwner(StepNode, frozen=True):
    """`set owner to X`, or in turn to one of several."""

    owners: tuple[Name, ...]


class SetStage(StepNode, frozen=True):
    """`set stage to X`."""

    stage: Name


class PushTo(StepNode, frozen=True):
    """`push to INTEGRATION [with (...)]`."""

    integration: Name
    arguments: tuple[Argument, ...] = ()


class Unsubscribe(StepNode, frozen=True):
    """`unsubscribe [from email|sms|all] [because "..."]`."""

    channel: Consent | None = None
    because: str | None = None


class Subscribe(StepNode, frozen=True):
    """`subscribe to email|sms`."""

    channel: Consent


class ShowContent(StepNode, frozen=True):
    """`show content C in slot S`."""

    content: Name
    slot: Name


class Note(StepNode, frozen=True):
    """`note "..."`: a line for the journal."""

    text: str


class DeleteContact(StepNode, frozen=True):
    """`delete contact`."""


class Exit(StepNode, frozen=True):
    """`exit`: leave the campaign."""


class Jump(StepNode, frozen=True):
    """`jump to LABEL [at most N times]`."""

    to: Name
    at_most: int | None = None


class AtTime(Node, frozen=True):
    """`wait until 09:00 [on weekdays]`: the next such time."""

    time: datetime.time
    days: Days | None = None


class OnWeekday(Node, frozen=True):
    """`wait until friday [at 17:00]`."""

    day: Weekday
    time: datetime.time | None = None


class OnDate(Node, frozen=True):
    """`wait until 2026-12-24 [09:00]`."""

    date: Date


class AtField(Node, frozen=True):
    """`wait until FIELD [at 09:00]`: the date in the field."""

    field: Field
    time: datetime.time | None = None


class AroundField(Node, frozen=True):
    """`wait until 3d before FIELD [at 09:00]`."""

    duration: Duration
    direction: Direction
    field: Field
    time: datetime.time | None = None


Moment = AtTime | OnWeekday | OnDate | AtField | AroundField


class WaitFor(StepNode, frozen=True):
    """`wait 3d`."""

    duration: Duration


class WaitUntil(StepNode, frozen=True):
    """`wait until MOMENT`."""

    moment: Moment


class WaitForEvent(StepNode, frozen=True):
    """`wait until EVENT within D`: goes on when it happens or the window closes."""

    trigger: Trigger


class Block(Node, frozen=True):
    """Steps one after the other: a branch, an arm, a part, a loop's body."""

    steps: tuple["Step", ...]


class WhenBranch(Node, frozen=True):
    """One trigger of a `when` (or `or when`) and what follows it."""

    trigger: Trigger
    body: Block


class When(StepNode, frozen=True):
    """`when T ... or when T ... else ...`: the path waits here for the first of its triggers."""

    branches: tuple[WhenBranch, ...]
    otherwise: Block | None = None


class IfBranch(Node, frozen=True):
    """One condition of an `if` (or `or if`) and what follows it."""

    condition: Condition
    body: Block


class If(StepNode, frozen=True):
    """`if C ... or if C ... else ...`: asked once, now."""

    branches: tuple[IfBranch, ...]
    otherwise: Block | None = None


class Whenever(StepNode, frozen=True):
    """`whenever T [at most N times] ...`: a standing rule beside the path."""

    trigger: Trigger
    body: Block
    at_most: int | None = None


class Arm(Node, frozen=True):
    """One part of a split: its share of 100 (None is the rest), its name, its steps."""

    share: Decimal | None
    name: Name | None
    body: Block


class Split(StepNode, frozen=True):
    """`split do 50% "A": ... rest: ... end`."""

    arms: tuple[Arm, ...]


class Parallel(StepNode, frozen=True):
    """`parallel do ... also ... end`: goes on when all parts have finished."""

    parts: tuple[Block, ...]


class Repeat(StepNode, frozen=True):
    """`repeat N times [until (C)] do ... end`."""

    times: int
    body: Block
    until: Condition | None = None


class EveryDuration(Node, frozen=True):
    """`every 2 weeks [at 09:00]`."""

    duration: Duration
    time: datetime.time | None = None


class EveryPeriod(Node, frozen=True):
    """`every week on monday at 09:00`, `every month on day 1 at 10:00`."""

    period: Period
    days: Days | None = None
    day: int | None = None
    time: datetime.time | None = None


class ForDuration(Node, frozen=True):
    """`for 3mo`: ticks for that long."""

    duration: Duration


class UntilDate(Node, frozen=True):
    """`until DATE`: ticks up to then."""

    date: Date


class ForTimes(Node, frozen=True):
    """`8 times`: that many ticks."""

    times: int


class Every(StepNode, frozen=True):
    """`every SCHEDULE [8 times|for 3mo|until DATE] do ... end`."""

    schedule: EveryDuration | EveryPeriod
    body: Block
    stop: ForDuration | UntilDate | ForTimes | None = None


Simple = (
    SendMessage
    | SendSlack
    | SendWebhook
    | AddPoints
    | RemovePoints
    | AddTag
    | RemoveTag
    | AddTo
    | RemoveFrom
    | MoveTo
    | SetField
    | ClearField
    | SetOwner
    | SetStage
    | PushTo
    | Unsubscribe
    | Subscribe
    | ShowContent
    | Note
    | DeleteContact
    | Exit
    | Jump
    | WaitFor
    | WaitUntil
    | WaitForEvent
)
Step = Simple | When | If | Whenever | Split | Parallel | Repeat | Every


class Campaign(Node, frozen=True):
    """A whole campaign; settings stand in `SETTING_ORDER`, steps in the order of the text."""

    name: Name | None
    settings: tuple[Setting, ...]
    steps: tuple[Step, ...]


class Comment(msgspec.Struct, frozen=True, gc=False):
    """A comment from `#` to the end of its line, kept beside the tree; `own_line` if alone."""

    text: str
    span: Span
    own_line: bool


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below a node, in the order of its fields."""
    for name in node.__struct_fields__:
        below: Any = getattr(node, name)
        if isinstance(below, Node):
            yield below
        elif isinstance(below, tuple):
            yield from (item for item in below if isinstance(item, Node))


def walk(node: Node) -> Iterator[Node]:
    """The node itself and every node below it, parents before children."""
    yield node
    for child in children(node):
        yield from walk(child)
