"""Recurrence as SQL: the ticks of `every`, for each contact in its own zone.

Pure. A schedule counts either from its own first tick (`every 2 weeks`, `every month`), so that the
31st comes back after a short month, or by the calendar (`every week on monday`, `on day 1`). The
next tick is one expression, worked out for a whole batch. Imports the language and `times`.
"""

import datetime
from typing import Any, Final

from sqlalchemy import Date, DateTime, Integer, Time, cast, extract, func, literal, select
from sqlalchemy.dialects.postgresql import INTERVAL

from headless.audience.values import Scope, Sql, interval
from headless.dsl import ast
from headless.runtime.times import instant, next_time

Schedule = ast.EveryDuration | ast.EveryPeriod
_MIDNIGHT: Final = datetime.time(0)
_PERIODS: Final[dict[ast.Period, ast.Duration]] = {
    "hour": ast.Duration(hours=1),
    "day": ast.Duration(days=1),
    "week": ast.Duration(weeks=1),
    "month": ast.Duration(months=1),
}


def first_tick(schedule: Schedule, at: Sql, scope: Scope) -> Sql:
    """The first tick at or after an arrival."""
    if _steps(schedule) is None:
        return next_tick(schedule, at, at, scope)
    if schedule.time is None:
        return at
    return next_time(at, schedule.time, ast.WEEKDAYS, scope)


def next_tick(schedule: Schedule, first: Sql, at: Sql, scope: Scope) -> Sql:
    """The first tick that is not before `at`; `first` is the schedule's own first tick."""
    length = _steps(schedule)
    if length is not None:
        return _steady(first, length, at, scope)
    time = schedule.time or _MIDNIGHT
    match schedule:
        case ast.EveryPeriod(days=ast.Days(days=days)):
            return next_time(at, time, days, scope)
        case ast.EveryPeriod(day=int(day)):
            return _monthly(day, time, at, scope)
    raise TypeError(f"no ticks for {schedule!r}")


def _steps(schedule: Schedule) -> ast.Duration | None:
    """How far apart the ticks of a steady schedule are; None for one of the calendar."""
    if isinstance(schedule, ast.EveryDuration):
        return schedule.duration
    if schedule.days is None and schedule.day is None:
        return _PERIODS[schedule.period]
    return None


def _steady(first: Sql, length: ast.Duration, at: Sql, scope: Scope) -> Sql:
    """The first of `first`, one length later, two lengths later ... that is not before `at`."""
    gone = func.greatest(0, extract("epoch", at - first))
    least = cast(func.floor(gone / length.most_seconds), Integer) - 1
    most = cast(func.ceil(gone / length.least_seconds), Integer) + 1
    rounds = func.generate_series(func.greatest(0, least), most).table_valued("n", name="rounds")
    count = rounds.render_derived()
    tick: Sql = first
    if length.months or length.calendar_days:
        far = _times(f"{length.months} months {length.calendar_days} days", count.c.n)
        local = cast(func.timezone(scope.zone, first), DateTime()) + far
        tick = instant(local, scope.zone)
    if length.exact_seconds:
        tick = tick + _times(f"{length.exact_seconds} seconds", count.c.n)
    return _earliest(tick, at, count)


def _times(length: str, count: Sql) -> Sql:
    return interval(length).op("*", return_type=INTERVAL())(count)


def _monthly(day: int, time: datetime.time, at: Sql, scope: Scope) -> Sql:
    """The first such day of a month that is not before `at`; a shorter month has its last day."""
    ahead = func.generate_series(0, 2).table_valued("n", name="months").render_derived()
    month = cast(func.date_trunc("month", func.timezone(scope.zone, at)), DateTime())
    month = cast(month + func.make_interval(0, cast(ahead.c.n, Integer)), DateTime())
    last = month + func.make_interval(0, 1) - interval("1 day")
    wanted = month + func.make_interval(0, 0, 0, day - 1)
    local = cast(cast(func.least(wanted, last), Date), DateTime()) + literal(time, Time)
    return _earliest(instant(local, scope.zone), at, ahead)


def _earliest(tick: Any, at: Sql, of: Any) -> Sql:
    found = select(func.min(tick)).select_from(of).where(tick >= at)
    return found.correlate_except(of).scalar_subquery()
