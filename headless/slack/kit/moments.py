"""Moments: instants as a reader in a time zone writes them, and lengths of time in words.

Computes only; imports nothing of ours.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_MOMENT: Final = re.compile(r"\b(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d)(?::(\d\d))?(?: UTC)?\b")
_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60))


def clock(instant: datetime, zone: str) -> str:
    """`09:31:20`."""
    return f"{instant.astimezone(ZoneInfo(zone)):%H:%M:%S}"


def day(instant: datetime, zone: str) -> str:
    """`Mon 5 Jan 2026`."""
    local = instant.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b %Y}"


def moment(instant: datetime, zone: str) -> str:
    """`Mon 5 Jan 2026 09:31`."""
    return f"{day(instant, zone)} {instant.astimezone(ZoneInfo(zone)):%H:%M}"


def ago(instant: datetime, now: datetime) -> str:
    """`3 days ago`, `just now`; of what is to come `in 2 hours`."""
    length = now - instant
    told = span(abs(length))
    if told == "a moment":
        return "just now"
    return f"{told} ago" if length > timedelta(0) else f"in {told}"


def span(length: timedelta) -> str:
    """`3 days`, `1 hour`, `a moment`: the largest unit alone."""
    seconds = int(length.total_seconds())
    for name, size in _UNITS:
        if seconds >= size:
            many = seconds // size
            return f"{many} {name}" if many == 1 else f"{many} {name}s"
    return "a moment"


def in_zone(text: str, zone: str) -> str:
    """A sentence whose instants are in UTC, as `2026-01-05 09:31:20`, told in another zone."""
    if zone == "UTC":
        return text
    there = ZoneInfo(zone)

    def local(found: re.Match[str]) -> str:
        year, month, day_, hour, minute, second = map(int, found.groups(default="0"))
        utc = datetime(year, month, day_, hour, minute, second, tzinfo=UTC)
        instant = utc.astimezone(there)
        return f"{instant:%Y-%m-%d %H:%M:%S}" if found[6] else f"{instant:%Y-%m-%d %H:%M}"

    return _MOMENT.sub(local, text)
