"""Windows: when in the week a send may go, and the first such instant, in a contact's own zone.

A week is a set of half-open spans of local time, so quiet hours, quiet days, `between` and `on`
are one thing, over midnight and over Sunday night. Hours and days are asked of the same moment:
`between 22:00 and 02:00 on friday` is Friday from 00:00 to 02:00 and from 22:00 to midnight. Pure.
Imports the language and `times`.
"""

import datetime
from collections.abc import Iterable
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, and_, case, cast, extract, false, func, or_, true
from sqlalchemy.dialects.postgresql import INTERVAL

from headless.audience.values import Sql, interval
from headless.dsl import ast
from headless.runtime.stands import FOREVER
from headless.runtime.times import instant
from headless.storage.tables import Instant

_DAY: Final = 24 * 60
_MINUTES: Final = 7 * _DAY


class Week(msgspec.Struct, frozen=True):
    """Allowed spans of a week, in minutes since Monday 00:00, in order and apart: [start, end)."""

    spans: tuple[tuple[int, int], ...]

    @property
    def whole(self) -> bool:
        """Whether every moment is allowed."""
        return self.spans == ((0, _MINUTES),)


def week(hours: ast.Hours | None, days: ast.Days | None) -> Week:
    """The spans inside these hours on these days; None: at any hour, on any day."""
    on = range(7) if days is None else [ast.WEEKDAYS.index(day) for day in days.days]
    minutes = range(_DAY) if hours is None else _between(hours.start, hours.end)
    return _spans(day * _DAY + minute for day in on for minute in minutes)


def outside(hours: ast.QuietHours | None, days: ast.Days | None) -> Week:
    """The spans that are neither in these hours nor on these days."""
    quiet = set() if hours is None else set(_between(hours.start, hours.end))
    closed = set() if days is None else {ast.WEEKDAYS.index(day) for day in days.days}
    minutes = [minute for minute in range(_DAY) if minute not in quiet]
    return _spans(
        day * _DAY + minute for day in range(7) if day not in closed for minute in minutes
    )


def both(one: Week, other: Week) -> Week:
    """The spans that are in both."""
    return _spans(_inside(one) & _inside(other))


def _between(start: datetime.time, end: datetime.time) -> list[int]:
    first, last = start.hour * 60 + start.minute, end.hour * 60 + end.minute
    if first < last:
        return [*range(first, last)]
    return [*range(last), *range(first, _DAY)]


def _inside(one: Week) -> set[int]:
    return {minute for start, end in one.spans for minute in range(start, end)}


def _spans(minutes: Iterable[int]) -> Week:
    spans: list[tuple[int, int]] = []
    for minute in sorted(minutes):
        if spans and spans[-1][1] == minute:
            spans[-1] = spans[-1][0], minute + 1
        else:
            spans.append((minute, minute + 1))
    return Week(tuple(spans))


# ---------------------------------------------------------------- as SQL


def is_inside(one: Week, at: Sql, zone: Sql) -> ColumnElement[bool]:
    """Whether an instant falls into a span, by the clocks of the zone."""
    if one.whole:
        return true()
    if not one.spans:
        return false()
    since = _since_monday(at, zone)
    return or_(*(and_(since >= _length(start), since < _length(end)) for start, end in one.spans))


def next_inside(one: Week, at: Sql, zone: Sql) -> Sql:
    """The first instant from `at` on that falls into a span; infinity where there is none.

    A start in the gap of a clock change moves forward; of a doubled hour the first counts that is
    not before `at`.
    """
    if one.whole:
        return at
    if not one.spans:
        return FOREVER
    since = _since_monday(at, zone)
    starts = [start for start, _ in one.spans]
    ahead = case(
        *((since < _length(start), _length(start)) for start in starts),
        else_=_length(starts[0] + _MINUTES),
    )
    local = func.date_trunc("week", func.timezone(zone, at)) + ahead
    first = instant(local, zone)
    opened = case((first >= at, first), else_=func.timezone(zone, local, type_=Instant))
    return case((is_inside(one, at, zone), at), else_=opened)


def same_time_on(days: ast.Days, at: Sql, zone: Sql) -> Sql:
    """The instant itself on one of these days, else the same time of the next of them."""
    on = [ast.WEEKDAYS.index(day) for day in days.days]
    local = func.timezone(zone, at)
    today = extract("isodow", local)
    ahead = {day: min((other - day) % 7 for other in on) for day in range(7)}
    ways = [(today == day + 1, interval(f"{n} days")) for day, n in ahead.items() if n]
    return case((today.in_([day + 1 for day in on]), at), else_=instant(local + case(*ways), zone))


def _since_monday(at: Sql, zone: Sql) -> Sql:
    local = func.timezone(zone, at)
    return cast(local - func.date_trunc("week", local), INTERVAL)


def _length(minutes: int) -> Sql:
    return interval(f"{minutes} minutes")
