"""Names, numbers, texts and times as the language writes them, with quotes where it needs them.

What can stand bare follows from the words of the table: a name is bare unless the language would
read something else in it. Computes only; imports a duration's node and the table.
"""

import datetime
import re
from decimal import Decimal
from functools import cache
from typing import Final

from headless.dsl import ast
from headless.dsl.tables import table

UNITS: Final = frozenset(
    (
        *("w", "d", "h", "m", "s", "mo", "week", "weeks", "day", "days", "hour", "hours"),
        *("minute", "minutes", "min", "mins", "second", "seconds", "sec", "secs"),
        *("month", "months", "eur", "usd", "gbp", "chf", "sek", "nok", "dkk", "pln", "czk"),
        *("jpy", "aud", "cad", "nzd", "inr", "brl", "zar"),
    )
)
"""Words that would run together with a number before them."""

_BARE = re.compile(r"[^\W\d][\w-]*\Z")
_OTHERS = re.compile(
    r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|week(?:days|ends)|times?|re-entry)\Z",
    re.IGNORECASE,
)
_FIRST_WORDS = frozenset(
    (
        *("starts", "ends", "waiting", "quiet", "owned", "new", "show", "reachable"),
        *("anniversary", "one", "push", "unsubscribed"),
    )
)
_SPECIAL = re.compile(r'\\(?=["\\]|\Z)')


@cache
def _reserved(*, field: bool) -> frozenset[str]:
    words = table().words
    soft = table().soft_fields if field else table().soft_names
    return frozenset(word for word, terminal in words.items() if terminal not in soft)


def is_word(text: str) -> bool:
    """Whether it has the letters of a bare name, whatever the language reads in it."""
    return _BARE.match(text) is not None


def is_name(text: str, *, field: bool = False) -> bool:
    """Whether a name (or a field's name) can stand without quotes."""
    return is_bare(text, field=field) and text.lower() not in _FIRST_WORDS


def is_bare(text: str, *, field: bool = False) -> bool:
    """Whether the language reads this as a name when no word of it follows."""
    if not is_word(text) or _OTHERS.match(text):
        return False
    return text.lower() not in _reserved(field=field)


def is_label(text: str) -> bool:
    """Whether a step can be called so: labels have no quotes, and stand behind numbers."""
    return is_bare(text) and text.lower() not in UNITS


def in_quotes(text: str) -> str:
    """A text as the language quotes it."""
    said = text.replace("\r", " ").replace("\n", " ")
    return '"' + _SPECIAL.sub(r"\\\\", said).replace('"', '\\"') + '"'


def name(text: str) -> str:
    """A name, in quotes if it needs them."""
    return text if is_name(text) else in_quotes(text)


def number(value: Decimal) -> str:
    """A number without exponent and without zeros at its end."""
    told = f"{value:f}"
    return told.rstrip("0").rstrip(".") if "." in told else told


def clock(time: datetime.time) -> str:
    """A time of day: `09:00`."""
    return f"{time.hour:02}:{time.minute:02}"


def duration(length: ast.Duration) -> str:
    """A length of time as the language writes it: `3d`, `1h30m`."""
    parts = (
        (length.months, "mo"),
        (length.weeks, "w"),
        (length.days, "d"),
        (length.hours, "h"),
        (length.minutes, "m"),
        (length.seconds, "s"),
    )
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"
