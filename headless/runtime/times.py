"""Times as SQL: when a wait ends, for each contact in its own zone.

Pure. Instants are timestamptz; a local time is turned into an instant by the zone's rules: in the
gap of a clock change it moves forward, in the fold the first of the two is taken. Imports the
language and `audience.values`.
"""

import datetime
from typing import Final

from sqlalchemy import (
    Date,
    DateTime,
    Integer,
    Time,
    case,
    cast,
    extract,
    func,
    literal,
    select,
)

from headless.audience.values import Scope, Sql, contact_field, interval, shifted
from headless.dsl import ast

_HOUR: Final = interval("1 hour")
_MIDNIGHT: Final = datetime.time(0)


def instant(local: Sql, zone: Sql) -> Sql:
    """The instant of a local time. PostgreSQL takes the second of a fold; we take the first."""
    second = func.timezone(zone, local)
    first = second - _HOUR
    return case((func.timezone(zone, first) == local, first), else_=second)


def ends(until: ast.Duration | ast.Moment, at: Sql, scope: Scope) -> Sql:
    """When a wait that begins at `at` is over: never before `at`, at once where it has passed."""
    match until:
        case ast.Duration():
            return shifted(at, until, scope.zone)
        case ast.AtTime(time=time, days=days):
            return next_time(at, time, days.days if days else ast.WEEKDAYS, scope)
        case ast.OnWeekday(day=day, time=None):
            today = extract("isodow", func.timezone(scope.zone, at)) == _number(day)
            return case((today, at), else_=next_time(at, _MIDNIGHT, (day,), scope))
        case ast.OnWeekday(day=day, time=datetime.time() as time):
            return next_time(at, time, (day,), scope)
        case ast.OnDate(date=date):
            local = datetime.datetime.combine(date.date, date.time or _MIDNIGHT)
            return func.greatest(at, instant(literal(local, DateTime()), scope.zone))
        case ast.AtField(field=field, time=time):
            return func.greatest(at, _of_field(field, time, scope))
        case ast.AroundField(duration=duration, direction=direction, field=field, time=time):
            moved = shifted(
                _of_field(field, None, scope), duration, scope.zone, back=direction == "before"
            )
            if time is not None:
                moved = instant(_day(moved, scope) + literal(time, Time), scope.zone)
            return func.greatest(at, moved)
    raise TypeError(f"no end for {until!r}")


def is_missing(until: ast.Duration | ast.Moment, scope: Scope) -> Sql | None:
    """Whether the field that a moment hangs on is empty; None where it hangs on none."""
    if isinstance(until, ast.AtField | ast.AroundField):
        return contact_field(until.field.name, scope).sql.is_(None)
    return None


def _number(day: ast.Weekday) -> int:
    return ast.WEEKDAYS.index(day) + 1


def _day(moment: Sql, scope: Scope) -> Sql:
    return cast(cast(func.timezone(scope.zone, moment), Date), DateTime())


def _of_field(field: ast.Field, time: datetime.time | None, scope: Scope) -> Sql:
    """A date's midnight or given time in the zone, or a datetime's own instant."""
    operand = contact_field(field.name, scope)
    if operand.type == "datetime" and time is None:
        return operand.sql
    day = cast(operand.sql, Date) if operand.type != "datetime" else _day(operand.sql, scope)
    return instant(cast(day, DateTime()) + literal(time or _MIDNIGHT, Time), scope.zone)


def next_time(at: Sql, time: datetime.time, days: tuple[ast.Weekday, ...], scope: Scope) -> Sql:
    """The first such time of day on such a weekday that is not before `at`."""
    local = func.timezone(scope.zone, at)
    days_ahead = func.generate_series(0, 8).table_valued("day", name="ahead")
    ahead = days_ahead.render_derived()
    day = cast(func.date_trunc("day", local), DateTime()) + func.make_interval(
        0, 0, 0, cast(ahead.c.day, Integer)
    )
    candidate = day + literal(time, Time)
    return (
        select(func.min(instant(candidate, scope.zone)))
        .select_from(ahead)
        .where(
            instant(candidate, scope.zone) >= at,
            extract("isodow", day).in_([_number(name) for name in days]),
        )
        .correlate_except(ahead)
        .scalar_subquery()
    )
