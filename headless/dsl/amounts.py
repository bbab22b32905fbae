"""Numbers that stand in a campaign by themselves: shares, counts, limits, dates, zones, devices.

Each is held against what it can sensibly be, without a workspace. Imports `ast`, `diagnostics`,
`near`, `phrases`; reads the list of time zones that Python ships.
"""

import datetime
import zoneinfo
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache
from typing import Any, Final

from headless.dsl import ast, phrases
from headless.dsl.diagnostics import Diagnostic, Span, error, replacing, warning
from headless.dsl.near import did_you_mean, nearest

_HUNDRED: Final = Decimal(100)
_DEVICES: Final = ("desktop", "mobile", "tablet")


def check_amounts(campaign: ast.Campaign) -> Iterator[Diagnostic]:
    """What is wrong with the shares, counts, dates and zones of a campaign."""
    for node in ast.walk(campaign):
        check = _CHECKS.get(type(node))
        if check is not None:
            yield from check(node)
        if isinstance(node, ast.Happening) and node.times < 1:
            yield _at_least_one("an event cannot happen", node.times, node.span)


def _split(split: ast.Split) -> Iterator[Diagnostic]:
    shares = [arm.share for arm in split.arms if arm.share is not None]
    total = sum(shares, Decimal(0))
    rests = [arm for arm in split.arms if arm.share is None]
    if len(rests) > 1:
        yield error(
            "E211",
            "only one arm can be the rest",
            rests[1].span,
            help="give the other arms their shares, such as `50%:`",
        )
    elif total > _HUNDRED or (total < _HUNDRED and not rests):
        yield error(
            "E211",
            f"the shares add up to {phrases.plain(total)}%, not 100%",
            split.span,
            help="use `rest:` for the last arm" if total < _HUNDRED else "make them smaller",
        )
    elif total == _HUNDRED and rests:
        yield warning(
            "W211",
            "nothing is left for the rest: the other shares are 100% already",
            rests[0].span,
            help="leave the arm out, or make the others smaller",
        )
    for arm in split.arms:
        if arm.share is not None and arm.share <= 0:
            yield error("E211", "a share is more than 0%", arm.span, help="leave the arm out")


def _active(active: ast.Active) -> Iterator[Diagnostic]:
    if active.end is not None and instant(active.end, last=True) <= instant(active.start):
        yield error(
            "E210",
            "the campaign ends before it begins",
            active.span,
            help=f"it begins on {phrases.date(active.start)}: write a later date after `to`",
        )


def instant(date: ast.Date, *, last: bool = False) -> datetime.datetime:
    """A date as a point on the calendar; with `last` a whole day counts to its end."""
    if date.time is not None:
        return datetime.datetime.combine(date.date, date.time)
    midnight = datetime.datetime.combine(date.date, datetime.time())
    return midnight + datetime.timedelta(days=1) if last else midnight


def _same_times(hours: ast.Hours | ast.QuietHours) -> Iterator[Diagnostic]:
    if hours.start == hours.end:
        yield error(
            "E212",
            f"from {phrases.clock(hours.start)} to {phrases.clock(hours.end)} is no time at all",
            hours.span,
            help="write two different times; `22:00` to `06:00` crosses midnight",
        )


def _quiet_days(quiet: ast.QuietDays) -> Iterator[Diagnostic]:
    if len(quiet.days.days) == len(ast.WEEKDAYS):
        yield error(
            "E212",
            "no day is left to send on",
            quiet.span,
            help="leave at least one day of the week out",
        )


def _limit(limit: ast.Limit) -> Iterator[Diagnostic]:
    if limit.count < 1:
        yield _at_least_one("a limit cannot be", limit.count, limit.span)


def _repeat(repeat: ast.Repeat) -> Iterator[Diagnostic]:
    if repeat.times < 1:
        yield _at_least_one("a loop cannot run", repeat.times, repeat.span)


def _ticks(stop: ast.ForTimes) -> Iterator[Diagnostic]:
    if stop.times < 1:
        yield _at_least_one("a loop cannot run", stop.times, stop.span)


def _at_most(step: ast.Jump | ast.Whenever) -> Iterator[Diagnostic]:
    if step.at_most is not None and step.at_most < 1:
        yield _at_least_one("it cannot happen", step.at_most, step.span)


def _points(step: ast.AddPoints | ast.RemovePoints) -> Iterator[Diagnostic]:
    if step.points < 1:
        yield error(
            "E213",
            f"{step.points} points change nothing that way",
            step.span,
            help="write a number above 0, with `add points` or `remove points`",
        )


def _at_least_one(what: str, number: int, span: Span) -> Diagnostic:
    return error("E213", f"{what} {number} times", span, help="write a number of at least 1")


def _within(within: ast.Within) -> Iterator[Diagnostic]:
    if within.duration.most_seconds == 0:
        yield error(
            "E213",
            "a window of no time is closed before it opens",
            within.span,
            help="write a length of time such as `3d` after `within`",
        )


def _every(every: ast.Every) -> Iterator[Diagnostic]:
    match every.schedule:
        case ast.EveryDuration(duration=length) if length.most_seconds == 0:
            yield error(
                "E302",
                "this loop can spin without any time passing",
                every.schedule.span,
                help="write a length of time such as `1d` after `every`",
            )
        case ast.EveryPeriod(day=int() as day) if not 1 <= day <= 31:
            yield error(
                "E210",
                f"no month has a day {day}",
                every.schedule.span,
                help="write a day from 1 to 31; 31 means the last day of a shorter month",
            )
        case _:
            pass


def _zone(zone: ast.TimeZone) -> Iterator[Diagnostic]:
    if zone.zone is not None and not is_zone(zone.zone):
        yield _no_zone(zone.zone, zone.span, "time zone ")


def _zone_set(step: ast.SetField) -> Iterator[Diagnostic]:
    """A contact's zone decides when its waits end: only a real one may be set."""
    if step.field.scope != "contact" or step.field.name not in ("timezone", "time_zone"):
        return
    if not isinstance(step.value, ast.Text):
        yield error(
            "E214",
            "a time zone must be written out",
            step.value.span,
            help='write it as `"Europe/Paris"`',
        )
    elif not is_zone(step.value.text):
        yield _no_zone(step.value.text, step.value.span)


def _no_zone(name: str, span: Span, before: str = "") -> Diagnostic:
    near = nearest(name, _zones()) or tuple(
        sorted(known for known in _zones() if known.casefold().endswith(f"/{name.casefold()}"))
    )
    return error(
        "E214",
        f"there is no time zone `{name}`",
        span,
        help=f"did you mean `{near[0]}`?" if near else 'write it as `"Europe/Paris"`',
        fix=replacing(span, f'{before}"{near[0]}"') if near else None,
    )


def is_zone(name: str) -> bool:
    """Whether there is a time zone of that name."""
    try:
        return zoneinfo.ZoneInfo(name).key == name
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _device(event: ast.PageVisited | ast.SiteVisited) -> Iterator[Diagnostic]:
    if event.device is not None and event.device.text.casefold() not in _DEVICES:
        yield error(
            "E217",
            f"there is no kind of device called `{event.device.text}`",
            event.device.span,
            help=did_you_mean(event.device.text, _DEVICES)
            or "the kinds are `desktop`, `mobile` and `tablet`",
        )


_CHECKS: Final[dict[type[ast.Node], Callable[[Any], Iterator[Diagnostic]]]] = {
    ast.Split: _split,
    ast.Active: _active,
    ast.Hours: _same_times,
    ast.ForTimes: _ticks,
    ast.QuietHours: _same_times,
    ast.QuietDays: _quiet_days,
    ast.Limit: _limit,
    ast.Repeat: _repeat,
    ast.Jump: _at_most,
    ast.Whenever: _at_most,
    ast.AddPoints: _points,
    ast.RemovePoints: _points,
    ast.Within: _within,
    ast.Every: _every,
    ast.TimeZone: _zone,
    ast.SetField: _zone_set,
    ast.PageVisited: _device,
    ast.SiteVisited: _device,
}
