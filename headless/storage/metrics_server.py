"""`/metrics` on an address of its own, for whoever can reach that address.

Several workers on a host may be given the same address: the first gets the port, and when it ends
another takes it over. Imports `metrics`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from headless.storage import metrics
from headless.storage.database import Database

_AGAIN_SECONDS: Final = 5.0
_PATIENCE: Final = 10.0

log = structlog.get_logger(__name__)


@asynccontextmanager
async def serving(database: Database, url: str, *, bind: str | None) -> AsyncIterator[None]:
    """Answer on `bind` (`127.0.0.1:9090`) for the length of the block; None: nowhere."""
    if bind is None:
        yield
        return
    runner = web.AppRunner(_application(database, url), access_log=None)
    await runner.setup()
    task = asyncio.create_task(_listen(runner, bind), name="metrics")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await runner.cleanup()


def _application(database: Database, url: str) -> web.Application:
    async def answer(_: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(_PATIENCE):
                body = await metrics.exposition(database, url)
        except (SQLAlchemyError, OSError) as error:
            said = (str(error) or "no answer").splitlines()[0]
            return web.Response(status=503, text=f"the database cannot be asked: {said}\n")
        return web.Response(body=body, headers={"Content-Type": metrics.CONTENT_TYPE})

    application = web.Application()
    application.router.add_get("/metrics", answer)
    return application


async def _listen(runner: web.AppRunner, bind: str) -> None:
    host, _, port = bind.rpartition(":")
    told = False
    while True:
        try:
            await web.TCPSite(runner, host.strip("[]"), int(port)).start()
            log.info("metrics_answered", bind=bind)
            return
        except OSError as error:
            if not told:
                log.info("metrics_elsewhere", bind=bind, error=error.strerror)
                told = True
        await asyncio.sleep(_AGAIN_SECONDS)
