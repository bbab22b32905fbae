"""The face: the parts of the Slack face, put together for a server and for a worker.

A server receives (HTTP, or the socket where an app-level token is set) and installs; a worker does
what was received. Imports everything of this room.
"""

import asyncio
from functools import partial
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler

from headless.clock import Clock
from headless.settings import Settings
from headless.slack import switchboard
from headless.slack.incoming.receive import Receiver
from headless.slack.installing.oauth import Installing
from headless.slack.people.asker import Asker
from headless.slack.teams.clients import Clients
from headless.slack.work import Line
from headless.storage.database import Database


def listens(settings: Settings) -> bool:
    """Whether the environment names a Slack app to listen to."""
    return bool(settings.slack_signing_secret or settings.slack_app_token)


class Face:
    """What a server has of Slack; `open` it, `close` it."""

    def __init__(self, database: Database, clock: Clock, settings: Settings) -> None:
        self.clients = Clients(database, clock, settings)
        self.desk = switchboard.desk(database, clock, settings, self.clients.of)
        self.installing = Installing(database, clock, settings, self.clients)
        self._settings = settings
        self._database, self._clock = database, clock
        self._receiver: Receiver | None = None
        self._socket: AsyncSocketModeHandler | None = None
        self._connecting: asyncio.Task[None] | None = None

    @property
    def receiver(self) -> Receiver:
        """Takes what Slack sends."""
        if self._receiver is None:
            self._receiver = Receiver(
                self._database, self._clock, self._settings, self.clients, self._submit
            )
        return self._receiver

    async def open(self) -> None:
        """Listen to the socket, where Socket Mode is on; it connects again by itself."""
        token = self._settings.slack_app_token
        if token is None:
            return
        receiver = self.receiver
        self._socket = AsyncSocketModeHandler(
            receiver.app, app_token=token, web_client=self.clients.bare(token)
        )
        connecting = self._socket.client.connect()  # type: ignore[no-untyped-call]  # bolt's
        self._connecting = asyncio.create_task(connecting)

    async def settle(self) -> None:
        """Wait for what goes on in the background: windows that are being opened."""
        if self._receiver is not None:
            await self._receiver.settle()

    async def close(self) -> None:
        """Stop listening, finish what is under way, end all connections."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        if self._socket is not None:
            await self._socket.client.close()  # type: ignore[no-untyped-call]  # bolt's
        if self._receiver is not None:
            await self._receiver.close()
        await self.clients.close()

    async def _submit(self, asker: Asker, view: dict[str, Any]) -> dict[str, Any] | None:
        taken = switchboard.SUBMISSIONS.get(str(view.get("callback_id")))
        return None if taken is None else await taken(self.desk, asker, view)


def line(database: Database, clock: Clock, settings: Settings) -> Line:
    """What a worker has of Slack."""
    clients = Clients(database, clock, settings)
    desk = switchboard.desk(database, clock, settings, clients.of)
    timers = [partial(timer, desk) for timer in switchboard.TIMERS]
    return Line(database, clients, clock, desk, timers)
