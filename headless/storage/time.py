"""The database's clock: the one that all hosts agree on.

Read as the difference to a steady clock of the host, now and then, so that asking costs nothing.
The host's own clock may be set in between, and then nobody must wait an hour longer.
"""

from datetime import datetime, timedelta

from headless.clock import Clock, SteadyClock
from headless.storage.database import Database


class DatabaseClock:
    """The host's clock, set right by the database's."""

    def __init__(self, database: Database, host: Clock | None = None) -> None:
        self._database = database
        self._host = host or SteadyClock()  # set the host's clock: what is due now stays due now
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
