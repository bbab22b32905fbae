"""Time zones: the names that are taken, as the tz database writes them.

Pure. Only names that PostgreSQL knows as well may get into a table, for the engine counts days in
them; a test compares the two lists.
"""

from functools import cache
from typing import Final
from zoneinfo import available_timezones

from headless.dsl.near import did_you_mean
from headless.problems import Problem

_ALONE: Final = ("UTC", "GMT")
_NO_PLACES: Final = ("posix/", "right/", "SystemV/")


@cache
def names() -> dict[str, str]:
    """Every zone by its name in lower case: `{"europe/paris": "Europe/Paris"}`."""
    return {
        name.lower(): name
        for name in available_timezones()
        if name in _ALONE or ("/" in name and not name.startswith(_NO_PLACES))
    }


def zone(text: str) -> str:
    """The zone's name in its own spelling; raises Problem `invalid_value` with the nearest ones."""
    found = names().get(text.strip().lower())
    if found is None:
        hint = did_you_mean(text, names().values()) or "write it as in `Europe/Paris`"
        raise Problem("invalid_value", f"there is no time zone `{text[:60]}`; {hint}")
    return found
