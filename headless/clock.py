"""The clock: the one place where the product learns what time it is.

A `Clock` is handed to whatever needs the time; the engine itself takes `now` as an argument and
binds it in every query, so that the same code runs live, in tests and in a simulation of a year.
Imports nothing of ours. Instants are aware datetimes in UTC.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the present instant, in UTC."""

    def now(self) -> datetime:
        """The present instant: aware, in UTC."""
        ...


class SystemClock:
    """The host's own clock."""

    def now(self) -> datetime:
        """The host's time in UTC."""
        return datetime.now(UTC)


class SteadyClock:
    """The host's clock as it was at the start, going on evenly: nobody can set it meanwhile."""

    def __init__(self) -> None:
        self._start = SystemClock().now()
        self._began = time.monotonic()

    def now(self) -> datetime:
        """The start, and what has passed since, whatever the host's clock says by now."""
        return self._start + timedelta(seconds=time.monotonic() - self._began)


class ManualClock:
    """A clock that stands still until somebody moves it: tests, benchmarks, simulations."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock needs a time with a zone")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The instant the clock was last set to."""
        return self._now

    def set(self, to: datetime) -> None:
        """Move the clock to an instant, forwards or backwards."""
        self._now = to.astimezone(UTC)

    def advance(self, by: timedelta) -> datetime:
        """Move the clock and answer where it stands now."""
        self._now += by
        return self._now
