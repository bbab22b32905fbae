"""The simple steps: what a campaign does to a contact, and how it waits.

A simple step holds no other steps; those that do stand in `blocks`. Imports the node, the values
and the trigger.
"""

import datetime

from headless.dsl.ast.asking import Trigger
from headless.dsl.ast.node import Node
from headless.dsl.ast.values import (
    Argument,
    Channel,
    Consent,
    Container,
    Date,
    Days,
    Direction,
    Duration,
    Field,
    Name,
    Value,
    Weekday,
)


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

    # a plan has a `Jump` too, and its schema tells the two apart by where they are imported from
    __module__ = "headless.dsl.ast"

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
