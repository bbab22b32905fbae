"""The whole application in the test's own loop; one that nobody uses now is furnished anew."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from litestar import Litestar

from headless.api.app import build, furnish
from headless.clock import Clock
from headless.settings import Settings
from headless.storage.database import Database

_IDLE: Final[dict[bool, Litestar]] = {}
"""Applications that nobody uses now: to build one takes longer than most tests."""


@asynccontextmanager
async def application(
    database: Database, settings: Settings, clock: Clock, *, development: bool = True
) -> AsyncIterator[Litestar]:
    """The application over a database, which it closes at its end."""
    app = _IDLE.pop(development, None)
    if app is None:
        app = build(database, settings, clock, development=development)
    else:
        furnish(app, database, settings, clock, development=development)
    ready, over = asyncio.Event(), asyncio.Event()

    async def live() -> None:  # a lifespan ends in the task that it began in
        try:
            async with app.lifespan():
                ready.set()
                await over.wait()
        finally:
            ready.set()

    task = asyncio.create_task(live())
    await ready.wait()
    try:
        yield app
    finally:
        over.set()
        await task
    _IDLE[development] = app
