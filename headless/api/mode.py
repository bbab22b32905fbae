"""The mode: whether these data are a copy, said in each answer, and looked at again now and then.

`Headless-Mode: copy` tells every client that nothing leaves this installation; `held` that it came
out of a backup and was not released yet. Imports `channels.restored`.
"""

import asyncio
from typing import Any, Final

import structlog
from litestar import Litestar, Request
from litestar.enums import ScopeType
from litestar.types import Message, Scope
from sqlalchemy.exc import SQLAlchemyError

from headless.channels.restored import arrive
from headless.clock import Clock
from headless.problems import Problem
from headless.storage import installation
from headless.storage.database import Database
from headless.storage.installation import Stance

_LOOK_SECONDS: Final = 5.0
HEADER: Final = b"headless-mode"
_WHY: Final = {
    b"copy": "a copy of another installation's data",
    b"held": "restored from a backup and not released yet",
}

log = structlog.get_logger(__name__)


class Mode:
    """What is known of the installation's stance; None until the database has answered."""

    def __init__(self, database: Database, url: str, clock: Clock) -> None:
        self._database = database
        self._url = url
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._stance: Stance | None = None
        self.word: bytes | None = None  # what the header says; None: there is none

    async def open(self) -> None:
        """Look once, then again every few seconds."""
        await self._look()
        self._task = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self._look()

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                self._stance = stance = await self._found()
                self.word = None if stance.speaks else b"copy" if stance.copy else b"held"
        except (SQLAlchemyError, OSError) as error:  # `/readyz` says what is wrong
            log.warning("mode_unknown", error=(str(error) or "no answer").splitlines()[0])

    async def _found(self) -> Stance:
        if self._stance is None:
            return await arrive(self._database, self._url, now=self._clock.now())
        async with self._database.glance() as tx:
            return await installation.stance(tx, self._url)


def need_voice(request: Request[Any, Any, Any]) -> None:
    """For routes that send by themselves: raises Problem `held` where nothing may leave."""
    mode: Mode = request.app.state.mode
    if mode.word is not None:
        raise Problem("held", f"nothing is sent from here: this is {_WHY[mode.word]}")


async def say_mode(message: Message, scope: Scope) -> None:
    """For `before_send`: the header, where there is something to say."""
    if message["type"] != "http.response.start" or scope["type"] != ScopeType.HTTP:
        return
    app: Litestar = scope["litestar_app"]
    mode: Mode = app.state.mode
    if mode.word is not None:
        message["headers"] = [*message["headers"], (HEADER, mode.word)]
