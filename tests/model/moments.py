"""Times as the language means them, by `zoneinfo` and nothing else."""

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from headless.dsl import ast

MIDNIGHT = time(0)


def instant(local: datetime, zone: str) -> datetime:
    """The instant of a local time: in a gap it moves forward, of a doubled hour it is the first."""
    return local.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)


def local(at: datetime, zone: str) -> datetime:
    """What the clock on the wall says."""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def shifted(at: datetime, by: ast.Duration, zone: str, *, back: bool = False) -> datetime:
    """Months and days by the calendar of the zone, hours and less exactly."""
    sign = -1 if back else 1
    if by.months or by.calendar_days:
        wall = _months_on(local(at, zone), sign * by.months)
        at = instant(wall + sign * timedelta(days=by.calendar_days), zone)
    return at + sign * timedelta(seconds=by.exact_seconds)


def _months_on(wall: datetime, months: int) -> datetime:
    """A month from the 31st is the last day of a shorter one."""
    year, month = divmod(wall.year * 12 + wall.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return wall.replace(year=year, month=month + 1, day=min(wall.day, last))


def next_time(at: datetime, clock: time, days: tuple[str, ...], zone: str) -> datetime:
    """The first such time on such a day that is not before `at`."""
    return next(found for found in _times(at, clock, days, zone) if found >= at)


def _times(at: datetime, clock: time, days: tuple[str, ...], zone: str) -> Iterator[datetime]:
    day = local(at, zone).date() - timedelta(days=1)
    while True:
        if ast.WEEKDAYS[day.weekday()] in days:
            yield instant(datetime.combine(day, clock), zone)
        day += timedelta(days=1)


def moment(
    until: ast.Moment, at: datetime, zone: str, field: date | datetime | None
) -> datetime | None:
    """When `wait until` is over; None where its field is empty. One that has passed is past."""
    match until:
        case ast.AtTime(time=clock, days=days):
            return next_time(at, clock, days.days if days else ast.WEEKDAYS, zone)
        case ast.OnWeekday(day=day, time=clock):
            if clock is None and ast.WEEKDAYS[local(at, zone).weekday()] == day:
                return at
            return next_time(at, clock or MIDNIGHT, (day,), zone)
        case ast.OnDate(date=ast.Date(date=day, time=clock)):
            return instant(datetime.combine(day, clock or MIDNIGHT), zone)
        case ast.AtField(time=clock) | ast.AroundField(time=clock):
            if field is None:
                return None
            found = _of_field(field, zone)
            if isinstance(until, ast.AroundField):
                found = shifted(found, until.duration, zone, back=until.direction == "before")
            if clock is None:
                return found
            return instant(datetime.combine(local(found, zone).date(), clock), zone)


def _of_field(value: date | datetime, zone: str) -> datetime:
    if isinstance(value, datetime):
        return value
    return instant(datetime.combine(value, MIDNIGHT), zone)


def ticks(
    schedule: ast.EveryDuration | ast.EveryPeriod, at: datetime, zone: str
) -> Iterator[datetime]:
    """The times of `every`, from the first at or after an arrival."""
    clock = schedule.time
    if isinstance(schedule, ast.EveryDuration):
        first = at if clock is None else next_time(at, clock, ast.WEEKDAYS, zone)
        yield from _steady(first, schedule.duration, zone)
    elif schedule.day is not None:
        yield from _monthly(at, schedule.day, clock or MIDNIGHT, zone)
    elif schedule.days is not None:
        days, clock = schedule.days.days, clock or MIDNIGHT
        yield from (found for found in _times(at, clock, days, zone) if found >= at)
    else:
        lengths = {
            "hour": ast.Duration(hours=1), "day": ast.Duration(days=1),
            "week": ast.Duration(weeks=1), "month": ast.Duration(months=1),
        }  # fmt: skip
        first = at if clock is None else next_time(at, clock, ast.WEEKDAYS, zone)
        yield from _steady(first, lengths[schedule.period], zone)


def _steady(first: datetime, by: ast.Duration, zone: str) -> Iterator[datetime]:
    """Each from the first, not from the one before: the 31st comes back after a short month."""
    count = 0
    while True:
        times = {
            name: getattr(by, name) * count
            for name in ("months", "weeks", "days", "hours", "minutes", "seconds")
        }
        yield shifted(first, ast.Duration(**times), zone)
        count += 1


def _monthly(at: datetime, day: int, clock: time, zone: str) -> Iterator[datetime]:
    month = local(at, zone).replace(day=1)
    while True:
        last = calendar.monthrange(month.year, month.month)[1]
        found = instant(datetime.combine(month.date().replace(day=min(day, last)), clock), zone)
        if found >= at:
            yield found
        month = _months_on(month, 1)


def allowed(at: datetime, closed: "list[Window]", zone: str) -> datetime:
    """The first moment from `at` on that lies in none of the closed windows, if there is one."""
    never = at + timedelta(days=21)
    while at < never:
        ends = [end for window in closed if (end := window.end_around(at, zone)) is not None]
        if not ends:
            return at
        at = max(ends)
    return never


class Window:
    """Hours of certain days at which nothing may be sent: [start, end), over midnight too."""

    def __init__(self, start: time, end: time, days: tuple[str, ...] = ast.WEEKDAYS) -> None:
        self.start, self.end, self.days = start, end, days

    def end_around(self, at: datetime, zone: str) -> datetime | None:
        """When the window that `at` lies in ends; None where it lies in none."""
        today = local(at, zone).date()
        for day in (today - timedelta(days=1), today):
            if ast.WEEKDAYS[day.weekday()] not in self.days:
                continue
            over = day if self.start < self.end else day + timedelta(days=1)
            begin = instant(datetime.combine(day, self.start), zone)
            end = instant(datetime.combine(over, self.end), zone)
            if begin <= at < end:
                return end
        return None
