"""An endpoint of somebody else's that hears of a workspace's events, and how to make it known."""

from typing import Any

import httpx
import msgspec
import time_machine
from aiohttp import web
from api_server import Server
from standardwebhooks.webhooks import Webhook

from headless.channels.notices import Notices
from headless.workspace.webhooks import deliveries


class Receiver:
    """Answers with `statuses` in turn, the last for ever; keeps what came."""

    def __init__(self) -> None:
        self.statuses = [200]
        self.headers: dict[str, str] = {}
        self.came: list[tuple[dict[str, str], bytes]] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/{tail:.*}", self._take)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        self.came.append((dict(request.headers), await request.read()))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status, headers=self.headers)

    def events(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(body) for _, body in self.came]


class Told:
    """A receiver, the address it has, and the workspace's notices."""

    def __init__(self, receiver: Receiver, url: str, server: Server) -> None:
        self.receiver, self.url, self.server = receiver, url, server
        self.notices: Notices = server.app.state.house.notices

    async def all(self) -> int:
        """Send everything that is due."""
        count = 0
        for place in await deliveries.due(self.server.database, now=self.server.clock.now()):
            while sent := await self.notices.deliver(*place):
                count += sent
        return count

    async def types(self) -> list[str]:
        await self.all()
        return [event["type"] for event in self.receiver.events()]


async def hook(api: httpx.AsyncClient, told: Told, *events: str, **more: Any) -> dict[str, Any]:
    made = await api.post("/v1/webhooks", json={"url": told.url, "events": list(events), **more})
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def verified(secret: str, came: tuple[dict[str, str], bytes], server: Server) -> Any:
    headers, body = came
    with time_machine.travel(server.clock.now(), tick=False):
        return Webhook(secret).verify(body.decode(), {k.lower(): v for k, v in headers.items()})
