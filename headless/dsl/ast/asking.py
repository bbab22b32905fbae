"""What a contact does and what `if` asks: events, triggers and conditions.

They share a room because they hold each other: an event may ask `where (...)`, and a condition may
look back at an event. Imports the node and the values.
"""

from headless.dsl.ast.node import Node
from headless.dsl.ast.values import (
    Channel,
    Consent,
    Direction,
    Duration,
    Field,
    Gathering,
    Name,
    Operand,
    Operator,
    Value,
)

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
