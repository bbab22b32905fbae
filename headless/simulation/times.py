"""Times as people write them: `+2d3h`, `30d`, `2026-01-05T09:00Z`, `2026-01-05`.

Lengths are read by the language's own grammar. A time without a zone is UTC, and months and days
are added by UTC's calendar. Pure; every reader raises ValueError with what would fit.
"""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from headless.dsl import ast
from headless.dsl.parser import parse

_LAST: Final = datetime(9000, 1, 1, tzinfo=UTC)
_FIRST: Final = datetime(1900, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=4096)
def length(text: str) -> ast.Duration:
    """`2d3h`, `2 weeks`, `1mo`."""
    read = parse(f"wait {text}")
    steps = read.campaign.steps if read.campaign is not None else ()
    if len(steps) != 1 or not isinstance(steps[0], ast.WaitFor):
        raise ValueError(f"`{text}` is no length of time; write it as in `30d`, `2d3h` or `1mo`")
    return steps[0].duration


def moved(instant: datetime, by: ast.Duration, *, back: bool = False) -> datetime:
    """An instant moved by a length; the 31st becomes the last day of a shorter month."""
    sign = -1 if back else 1
    months = instant.year * 12 + instant.month - 1 + sign * by.months
    year, month = divmod(months, 12)
    try:
        day = min(instant.day, monthrange(year, month + 1)[1])
        moved_on = instant.replace(year=year, month=month + 1, day=day)
        return moved_on + sign * timedelta(days=by.calendar_days, seconds=by.exact_seconds)
    except (ValueError, OverflowError) as error:
        raise ValueError("that is beyond the calendar") from error


@lru_cache(maxsize=4096)
def instant(text: str) -> datetime:
    """`2026-01-05T09:00Z`, `2026-01-05 09:00` (UTC), `2026-01-05` (its midnight, UTC)."""
    try:
        read = datetime.fromisoformat(text.strip())
        at = read.astimezone(UTC) if read.tzinfo is not None else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"`{text}` is no time; write it as in `2026-01-05T09:00Z` or `2026-01-05`"
        ) from error
    if not _FIRST <= at < _LAST:
        raise ValueError(f"`{text}` is too far away")
    return at


def moment(text: str, start: datetime) -> datetime:
    """`+2d3h` after the start, `-5d` before it, or an instant."""
    text = text.strip()
    sign, rest = text[:1], text[1:].strip()
    if sign not in ("+", "-"):
        try:
            return instant(text)
        except ValueError as error:
            raise ValueError(
                f"`{text}` is no time; write it as in `+2d3h` (after the start) or "
                "`2026-01-05T09:00Z`"
            ) from error
    return start if rest == "0" else moved(start, length(rest), back=sign == "-")


def end(text: str, start: datetime) -> datetime:
    """`30d` after the start, or an instant, which must not lie before it."""
    try:
        at = moved(start, length(text.strip().removeprefix("+")))
    except ValueError:
        try:
            at = instant(text)
        except ValueError as error:
            raise ValueError(
                f"`{text}` is neither a length of time (`30d`) nor a date (`2026-02-01`)"
            ) from error
    if at < start:
        raise ValueError(f"`{text}` lies before the start, {start:%Y-%m-%d %H:%M} UTC")
    return at


def shown(at: datetime) -> str:
    """`2026-01-05 09:00`, with seconds only where there are any; in UTC."""
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}" if at.second or at.microsecond else f"{at:%Y-%m-%d %H:%M}"
