"""Small pieces of plain English for the nodes of a tree: lengths of time, values, what is compared.

`explain` builds its sentences of them, `check` and `analysis` their messages. The words are the
language's own where a reader would write them back, and English where they only read them.
Imports `ast`.
"""

import datetime
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from headless.dsl import ast

_UNITS: Final = ("month", "week", "day", "hour", "minute", "second")
_WORKDAYS: Final = ast.WEEKDAYS[:5]
_WEEKEND: Final = ast.WEEKDAYS[5:]


def count(number: int | Decimal, one: str, many: str = "") -> str:
    """`1 point`, `10 points`."""
    return f"{plain(number)} {one if number == 1 else many or one + 's'}"


def plain(number: int | Decimal) -> str:
    """A number without an exponent and without zeros at its end."""
    told = f"{number:f}"
    return told.rstrip("0").rstrip(".") if "." in told else told


def duration(length: ast.Duration) -> str:
    """`3 days`, `1 hour and 30 minutes`."""
    parts = [
        count(number, unit) for unit in _UNITS if (number := int(getattr(length, f"{unit}s"))) != 0
    ]
    return listed(parts) or "no time"


def span_of_seconds(seconds: int) -> str:
    """A length of time worked out by the checker: `5d`, `1d12h`, `0`."""
    if seconds == 0:
        return "0"
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    parts = ((days, "d"), (hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{number}{sign}" for number, sign in parts if number)


def listed(parts: Iterable[str], word: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    told = list(parts)
    if len(told) < 2:
        return "".join(told)
    return f"{', '.join(told[:-1])} {word} {told[-1]}"


def clock(time: datetime.time) -> str:
    """`09:00`."""
    return time.strftime("%H:%M")


def date(day: ast.Date) -> str:
    """`24 December 2026 at 09:00`."""
    told = f"{day.date.day} {day.date:%B %Y}"
    return told if day.time is None else f"{told} at {clock(day.time)}"


def days(several: ast.Days) -> str:
    """`weekdays`, `Friday and Saturday`."""
    if several.days == _WORKDAYS:
        return "weekdays"
    if several.days == _WEEKEND:
        return "weekends"
    return listed(day.capitalize() for day in several.days)


def field(one: ast.Field) -> str:
    """A field as it is written: `city`, `company.size`."""
    return one.name if one.scope == "contact" else f"{one.scope}.{one.name}"


def operand(one: ast.Operand) -> str:
    """What is compared, as it is written: `points`, `country`, `answer NPS.score`."""
    match one:
        case ast.Field():
            return field(one)
        case ast.Answer(form=form, field=name):
            return f"answer {form.text}.{name}"
        case ast.Points(group=None):
            return "points"
        case ast.Points(group=ast.Name(text=group)):
            return f"points in group {group}"
        case ast.Anniversary(field=of):
            return f"anniversary of {field(of)}"
        case _:
            return type(one).__name__.lower()


def value(one: ast.Value) -> str:
    """A value as a reader says it: `"DE"`, `100 EUR`, `30 days ago`."""
    match one:
        case ast.Text(text=text):
            return f'"{text}"'
        case ast.Number(value=number):
            return plain(number)
        case ast.Percent(value=number):
            return f"{plain(number)}%"
        case ast.Money(amount=amount, currency=currency):
            return f"{plain(amount)} {currency}"
        case ast.YesNo(value=yes):
            return "yes" if yes else "no"
        case ast.Field():
            return field(one)
        case _:
            return moment_value(one)


def moment_value(one: ast.Value) -> str:
    """A value that is a time: `now`, `30 days ago`, `24 December 2026`, `3 days`."""
    match one:
        case ast.Date():
            return date(one)
        case ast.TimeOfDay(time=time):
            return clock(time)
        case ast.Days():
            return days(one)
        case ast.Duration():
            return duration(one)
        case ast.Ago(duration=length):
            return f"{duration(length)} ago"
        case ast.FromNow(duration=length):
            return f"{duration(length)} from now"
        case _:
            return type(one).__name__.lower()
