"""The values of contact fields: checked and written so that SQL can always read them back.

A number is kept as a JSON number, a boolean as true or false, a date as `YYYY-MM-DD`, a datetime as
UTC with milliseconds and `Z`: the cast of a kept value to its SQL type never fails. Pure; each
check raises ValueError with a sentence that says what would fit.
"""

import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final, Literal

FieldType = Literal["text", "number", "boolean", "date", "datetime"]
FieldValue = str | int | float | bool

LONGEST_TEXT: Final = 10_000
_MOST: Final = 2**53
_SHORT: Final = 16  # digits that are always below it
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?P<zone>[Zz]|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_PLAIN_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,12})?", re.ASCII)
_BROKEN: Final = frozenset(".eE")  # a number with one of these is no whole one
_YES: Final = frozenset({"true", "yes", "y", "1"})
_NO: Final = frozenset({"false", "no", "n", "0"})


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("this must be text, in quotes")
    if "\0" in value:
        raise ValueError("text cannot have the character U+0000")
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"text may have {LONGEST_TEXT} characters, and this has {len(value)}")
    return value


def _number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("this must be a number, such as `12.5`, without quotes")
    if (isinstance(value, float) and not math.isfinite(value)) or abs(value) > _MOST:
        raise ValueError("a number lies between -2^53 and 2^53")
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("this must be true or false, without quotes")
    return value


def _date(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("this must be a date such as `2026-11-23`")
    return _day(value)


@lru_cache(maxsize=4096)  # a file names the same days again and again
def _day(value: str) -> str:
    if not _DATE.fullmatch(value):
        raise ValueError("this must be a date such as `2026-11-23`")
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError as error:
        raise ValueError(f"the calendar has no day `{value}`") from error


def _instant(value: object) -> str:
    found = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if not isinstance(value, str) or found is None:
        raise ValueError("this must be a time such as `2026-11-23T09:30:00Z`")
    if found["zone"] is None:
        raise ValueError("a time needs its zone: end it with `Z` or an offset such as `+01:00`")
    try:
        moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"there is no time `{value}`") from error
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_CHECKS: Final[dict[FieldType, Callable[[object], FieldValue]]] = {
    "text": _text,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "datetime": _instant,
}


def checked(type_: FieldType, value: object) -> FieldValue:
    """A JSON value as it is kept in a field of this type."""
    return _CHECKS[type_](value)


def _read_number(text: str) -> int | float:
    if text.isdecimal() and text.isascii() and len(text) < _SHORT:
        return int(text)
    if not _NUMBER.fullmatch(text):
        raise ValueError("this must be a number such as `12.5`")
    if not _BROKEN.intersection(text):
        return _number(int(text))
    number = float(text)
    return _number(int(number) if number.is_integer() else number)


def _read_boolean(text: str) -> bool:
    folded = text.lower()
    if folded in _YES:
        return True
    if folded in _NO:
        return False
    raise ValueError("this must be `yes` or `no`, `true` or `false`")


_READERS: Final[dict[FieldType, Callable[[str], FieldValue]]] = {
    "text": _text,
    "number": _read_number,
    "boolean": _read_boolean,
    "date": _date,
    "datetime": _instant,
}


def reader(type_: FieldType) -> Callable[[str], FieldValue]:
    """How a table's cell becomes a value of this type."""
    return _READERS[type_]


def type_of(value: object) -> FieldType:
    """The type of a field that is made for this JSON value."""
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return type_of_cells((value,), numbers=False)
        case _:
            raise ValueError("a field holds text, a number, true or false, a date or a time")


def type_of_cells(cells: Iterable[str], *, numbers: bool = True) -> FieldType:
    """The narrowest type that every cell fits; text when there is none.

    Cells that look like numbers but would change when read so (`007`, `+49`) stay text.
    """
    cells = list(cells)
    if not cells:
        return "text"
    fits: tuple[tuple[FieldType, Callable[[str], object]], ...] = (
        ("number", lambda cell: numbers and _PLAIN_NUMBER.fullmatch(cell)),
        ("boolean", lambda cell: numbers and cell.lower() in {"true", "false", "yes", "no"}),
        ("date", _DATE.fullmatch),
        ("datetime", lambda cell: (found := _INSTANT.fullmatch(cell)) and found["zone"]),
    )
    for type_, fit in fits:
        if all(map(fit, cells)):
            return type_
    return "text"
