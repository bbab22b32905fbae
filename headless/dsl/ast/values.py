"""Names, words of a fixed set, values and operands: what a statement speaks of.

The fixed words are `Literal` types, spelled as the language spells them; a value is what can stand
behind `=`, `is` or `to`, an operand what a condition can compare. Imports the node only.
"""

import datetime
from decimal import Decimal
from typing import Literal

from headless.dsl.ast.node import Node

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
