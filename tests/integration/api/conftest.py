"""An application over a fresh database for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from api_server import NOW, Server, running, settings_for
from provider_doubles import serving
from webhook_receiver import Receiver, Told

from headless.clock import ManualClock


@pytest.fixture
async def server(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Server]:
    settings = settings_for(database_url, redis_url, tmp_path)
    async with running(settings, ManualClock(NOW)) as server:
        server.workspace_id = await server.workspace()
        _, server.token = await server.new_token("admin")
        yield server


@pytest.fixture
async def api(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A client that may do everything in its workspace."""
    async with server.client(server.token) as client:
        yield client


@pytest.fixture
async def told(server: Server) -> AsyncIterator[Told]:
    """Somebody else's server, where webhooks can be sent to."""
    receiver = Receiver()
    async with serving(receiver.app()) as url:
        yield Told(receiver, f"{url}/hook", server)
