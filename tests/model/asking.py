"""What `when` hears and what `if` asks, over one contact's state and its deeds."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from model.moments import instant, local, shifted

from headless.dsl import ast


@dataclass(eq=False)
class Deed:
    """Something that happened to the contact: when, what, to which thing, by which run."""

    at: datetime
    kind: str
    about: str
    properties: dict[str, Any] = field(default_factory=dict)
    run: object = None


@dataclass(eq=False)
class Contact:
    """A contact as it is now, and all that it did as far as it is known."""

    name: str
    zone: str
    address: bool = True
    unsubscribed: bool = False
    points: int = 0
    tags: set[str] = field(default_factory=set)
    segments: set[str] = field(default_factory=set)
    fields: dict[str, Any] = field(default_factory=dict)
    deeds: list[Deed] = field(default_factory=list)
    messages: list[tuple[str, datetime, object]] = field(default_factory=list)


KINDS: dict[type[ast.Node], tuple[str, str]] = {
    ast.EmailOpened: ("opened", "email"),
    ast.EmailClicked: ("clicked", "email"),
    ast.LinkClicked: ("clicked", "email"),
    ast.EmailBounced: ("bounced", "email"),
    ast.Did: ("did", "activity"),
    ast.Joined: ("joined", "name"),
    ast.Left: ("left", "name"),
    ast.TagGot: ("got", "tag"),
}


def answers(event: ast.Single, deed: Deed, contact: Contact) -> bool:
    """Whether a deed is what a single event speaks of."""
    if isinstance(event, ast.PointsReached):
        told = deed.properties
        return deed.kind == "points" and told["from"] < event.points <= told["to"]
    if isinstance(event, ast.FieldChanged):
        return deed.kind == "changed" and deed.about == event.field.name
    kind, names = KINDS[type(event)]
    wanted = getattr(event, names)
    if deed.kind != kind or (wanted is not None and wanted.text.lower() != deed.about.lower()):
        return False
    if isinstance(event, ast.LinkClicked):
        return like(deed.properties.get("url"), event.link)
    if isinstance(event, ast.Did) and event.where is not None:
        return Asking(contact, deed.at, own=deed.properties).holds(event.where)
    return True


def like(text: str | None, pattern: str) -> bool:
    """`*` stands for anything, capitals do not matter."""
    parts = (re.escape(part) for part in pattern.split("*"))
    return (
        text is not None
        and re.fullmatch(".*".join(parts), text, re.IGNORECASE | re.DOTALL) is not None
    )


class Asking:
    """One question at one moment: what is missing makes every comparison false."""

    def __init__(
        self,
        contact: Contact,
        now: datetime,
        *,
        zone: str | None = None,
        since: datetime | None = None,
        entry: dict[str, Any] | None = None,
        event: dict[str, Any] | None = None,
        own: dict[str, Any] | None = None,
    ) -> None:
        self.contact, self.now, self.since = contact, now, since
        self.zone = zone or contact.zone
        self.scopes = {"entry": entry or {}, "event": event or {}}
        self.own = own

    def holds(self, asked: ast.Condition) -> bool:  # noqa: C901 - a table
        """The answer: yes or no."""
        match asked:
            case ast.And(conditions=parts):
                return all(self.holds(part) for part in parts)
            case ast.Or(conditions=parts):
                return any(self.holds(part) for part in parts)
            case ast.Not(condition=part):
                return not self.holds(part)
            case ast.IsEmpty(operand=operand):
                return self.value(operand) in (None, "")
            case ast.IsNotEmpty(operand=operand):
                return self.value(operand) not in (None, "")
            case ast.Compare(operand=operand, operator=operator, value=value):
                return compare(self.value(operand), operator, self.literal(value))
            case ast.IsIn(operand=operand, values=values):
                found = self.value(operand)
                return any(compare(found, "is", self.literal(value)) for value in values)
            case ast.Between(operand=operand, low=low, high=high):
                found = self.value(operand)
                return compare(found, ">=", self.literal(low)) and compare(
                    found, "<=", self.literal(high)
                )
            case ast.Dated(operand=operand, direction=direction, value=value):
                found, than = self.value(operand), self.literal(value)
                if isinstance(found, date) and isinstance(than, datetime):
                    than = local(than, self.zone).date()
                return compare(found, "<" if direction == "before" else ">", than)
            case ast.HasTag(tag=name):
                return name.text in self.contact.tags
            case ast.InSegment(segment=name):
                return name.text in self.contact.segments
            case ast.ReachableBy():
                return self.contact.address and not self.contact.unsubscribed
            case ast.Happened():
                return self.happened(asked)
        raise NotImplementedError(asked)

    def happened(self, asked: ast.Happened) -> bool:
        """An event looking back: to the entry, over D, or over everything."""
        event = asked.event
        if isinstance(event, ast.PointsReached):
            return self.contact.points >= event.points
        if isinstance(event, ast.Unsubscribed) and asked.last is None:
            return self.contact.unsubscribed
        since = None if asked.ever else self.since
        if asked.last is not None:
            since = shifted(self.now, asked.last, self.zone, back=True)
        found = [
            deed
            for deed in self.contact.deeds
            if answers(event, deed, self.contact) and (since is None or deed.at >= since)
        ]
        return len(found) >= event.times

    def value(self, operand: ast.Operand) -> Any:
        """What an operand is for this contact; None where it is missing."""
        match operand:
            case ast.Points():
                return Decimal(self.contact.points)
            case ast.Field(scope="contact", name=name) if self.own is not None:
                return plain(self.own.get(name))
            case ast.Field(scope="contact", name=name):
                return plain(self.contact.fields.get(name))
            case ast.Field(scope=scope, name=name):
                return plain(self.scopes[scope].get(name))
            case ast.Today():
                return local(self.now, self.zone).date()
            case ast.Now():
                return self.now
            case ast.Anniversary(field=ast.Field(name=name)):
                day, year = self.contact.fields.get(name), local(self.now, self.zone).year
                if day is None:
                    return None
                leap = (day.month, day.day) == (2, 29)
                try:
                    return day.replace(year=year)
                except ValueError:
                    return day.replace(year=year, day=28) if leap else None
        raise NotImplementedError(operand)

    def literal(self, value: ast.Value) -> Any:
        """What a value of the text is."""
        match value:
            case ast.Text(text=text):
                return text
            case ast.Number(value=number):
                return number
            case ast.YesNo(value=yes):
                return yes
            case ast.Date(date=day, time=None):
                return day
            case ast.Date(date=day, time=time() as clock):
                return instant(datetime.combine(day, clock), self.zone)
            case ast.Today():
                return local(self.now, self.zone).date()
            case ast.Now():
                return self.now
            case ast.Ago(duration=duration):
                return shifted(self.now, duration, self.zone, back=True)
            case ast.FromNow(duration=duration):
                return shifted(self.now, duration, self.zone)
            case ast.Field():
                return self.value(value)
        raise NotImplementedError(value)


def plain(value: Any) -> Any:
    """Numbers compare as numbers, however they came."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(str(value))
    return value


def compare(left: Any, operator: str, right: Any) -> bool:  # noqa: C901 - a table
    """A comparison; false where a side is missing, and blind to capitals."""
    if left is None or right is None:
        return False
    if isinstance(left, str):
        left, right = left.lower(), str(right).lower()
    elif type(left) is not type(right):
        return False
    match operator:
        case "is":
            return bool(left == right)
        case "is not":
            return bool(left != right)
        case ">":
            return bool(left > right)
        case ">=":
            return bool(left >= right)
        case "<":
            return bool(left < right)
        case "<=":
            return bool(left <= right)
        case "contains":
            return right in left
        case "starts with":
            return bool(left.startswith(right))
        case "ends with":
            return bool(left.endswith(right))
    raise NotImplementedError(operator)


def utc(value: Any) -> str:
    """An instant as both sides write it."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
