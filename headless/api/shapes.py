"""Shapes that all answers share: instants, ids, pages and their cursors.

An instant is RFC 3339 in UTC with `Z` and milliseconds. A page is `{"data": [...], "next_cursor":
"…"|null}`; its cursor is opaque and works only with the filter that it was given for. Computes
only.
"""

import base64
import binascii
import hashlib
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from litestar.params import QueryParameter
from msgspec import UNSET, UnsetType

from headless import ids
from headless.dsl.near import did_you_mean, some_of
from headless.problems import Problem

T = TypeVar("T")
Row = TypeVar("Row")

Instant = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""How every time in an answer is written."""

LARGEST: Final = 2**31 - 1
"""The largest number of a version, and of whatever else is counted."""
VersionNumber = Annotated[int, msgspec.Meta(ge=1, le=LARGEST)]
Limit = Annotated[int, QueryParameter(ge=1, le=500, description="how many to answer at most")]
Cursor = Annotated[
    str | None, QueryParameter(description="`next_cursor` of the page before, with the same filter")
]
_Zoned: Any = Annotated[datetime, msgspec.Meta(tz=True)]
_NUMBER: Final = "!q"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_ID_HELP = "it looks like `{}_…` and stands in the answers as `id`"


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list and the cursor of the next one, null at the end.

    `count` is how many there are, where `?count=exact` or `estimate` asked for it.
    """

    data: Sequence[T]
    next_cursor: str | None
    count: int | UnsetType = UNSET


def instant(moment: datetime) -> str:
    """`2026-11-23T09:30:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def maybe_instant(moment: datetime | None) -> str | None:
    """The same, null for none."""
    return None if moment is None else instant(moment)


def moment(name: str, text: str | None) -> datetime | None:
    """A time that a caller sends; without its zone a Problem `invalid_value`."""
    if text is None:
        return None
    try:
        found: datetime = msgspec.convert(text, _Zoned, strict=False).astimezone(UTC)
    except (msgspec.ValidationError, OverflowError) as error:
        raise Problem(
            "invalid_value", f"`{name}` must be a time with its zone: `2026-11-23T09:30:00Z`"
        ) from error
    return found


def included(text: str | None, *known: str) -> frozenset[str]:
    """What `?include=a,b` asks for; raises Problem `invalid_value` for what cannot be had."""
    asked = frozenset(part.strip() for part in (text or "").split(",") if part.strip())
    for name in sorted(asked.difference(known)):
        hint = did_you_mean(name, known) or f"there are {some_of(known)}"
        raise Problem("invalid_value", f"`include` knows no `{name[:60]}`; {hint}")
    return asked


def number(kind: ids.Kind, text: str) -> int:
    """The row's number behind an id in a path; raises Problem `not_found` for what is no id."""
    found = ids.decode(kind, text)
    if found is None:
        raise Problem("not_found", f"`{text[:60]}` is not here; {_ID_HELP.format(kind)}")
    return found


def after(cursor: str | None, **filters: Any) -> int | None:
    """The number that a cursor stands behind; raises Problem `cursor_mismatch`."""
    found = opened(cursor, _NUMBER, **filters)
    return None if found is None else found[0]


def opened(cursor: str | None, form: str, **filters: Any) -> tuple[int, ...] | None:
    """The numbers in a cursor, packed as `struct` has it in `form`.

    Raises Problem `cursor_mismatch` for what is no cursor of this list and filter.
    """
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 8 + struct.calcsize(form) or raw[:8] != _digest(filters):
        raise Problem(
            "cursor_mismatch",
            "the cursor belongs to another list or another filter; begin again without it",
        )
    return struct.unpack(form, raw[8:])


def micros(moment: datetime) -> int:
    """An instant as cursors hold it: microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def at_micros(number: int) -> datetime:
    """The instant that `micros` made a number of; raises Problem `cursor_mismatch`."""
    try:
        return _EPOCH + number * _MICROSECOND
    except OverflowError as error:
        raise Problem(
            "cursor_mismatch", "this is no cursor of this list; begin again without it"
        ) from error


def sealed(numbers: Sequence[int], form: str, **filters: Any) -> str:
    """The cursor that `opened` reads."""
    raw = _digest(filters) + struct.pack(form, *numbers)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def page(
    rows: Sequence[Row],
    limit: int,
    key: Callable[[Row], int],
    shape: Callable[[Row], T],
    **filters: Any,
) -> Page[T]:
    """One page of rows, of which one more than `limit` was asked for; `key` orders them."""
    kept = rows[:limit]
    following = None
    if len(rows) > limit:
        following = sealed((key(kept[-1]),), _NUMBER, **filters)
    return Page([shape(row) for row in kept], following)


def _digest(filters: dict[str, Any]) -> bytes:
    given = msgspec.json.encode(sorted((name, str(value)) for name, value in filters.items()))
    return hashlib.sha256(given).digest()[:8]
