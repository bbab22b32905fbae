"""A host whose clock is set while it works: the time of the database goes on."""

from datetime import datetime, timedelta

import pytest

from headless.clock import SystemClock
from headless.storage.database import connect
from headless.storage.time import DatabaseClock


async def test_a_clock_that_is_set_moves_nobody(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = connect(database_url)
    try:
        clock = DatabaseClock(database)
        await clock.read()
        told = SystemClock.now

        def ahead(host: SystemClock) -> datetime:
            return told(host) + timedelta(hours=1)

        monkeypatch.setattr(SystemClock, "now", ahead)
        assert abs(clock.now() - await database.now()) < timedelta(minutes=1)
    finally:
        await database.close()
