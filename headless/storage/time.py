"""The database's clock: the one that all hosts agree on.

Read as the difference to the host's own clock, now and then, so that asking costs nothing.
"""

from datetime import datetime, timedelta

from headless.clock import Clock, SystemClock
from headless.storage.database import Database


class DatabaseClock:
    """The host's clock, set right by the database's."""

    def __init__(self, database: Database, host: Clock | None = None) -> None:
        self._database = database
        self._host = host or SystemClock()
        self.difference = timedelta(0)

    async def read(self) -> timedelta:
        """Ask the database again; how far the host is behind it (negative: ahead)."""
        before = self._host.now()
        there = await self._database.now()
        after = self._host.now()
        self.difference = there - (before + (after - before) / 2)
        return self.difference

    def now(self) -> datetime:
        """The database's time, as far as it is known."""
        return self._host.now() + self.difference
