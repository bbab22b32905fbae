"""The whole application over a real database, in the test's own loop, and clients for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import structlog
from litestar import Litestar
from living import application

from headless.clock import ManualClock
from headless.settings import Settings, load
from headless.storage.database import Database, connect
from headless.workspace import tokens, workspaces

structlog.configure(processors=[structlog.processors.JSONRenderer(default=repr)])
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


class Server:
    """An application, and clients with one token or another."""

    def __init__(self, app: Litestar, database: Database, clock: ManualClock) -> None:
        self.app = app
        self.database = database
        self.clock = clock
        self.workspace_id = 0
        self.token = ""

    async def workspace(self, name: str = "Acme") -> int:
        async with self.database.transaction() as tx:
            return (await workspaces.create(tx, name, now=self.clock.now())).id

    async def new_token(
        self, *scopes: str, workspace_id: int | None = None, **more: Any
    ) -> tuple[tokens.Token, str]:
        async with self.database.transaction() as tx:
            return await tokens.make(
                tx,
                workspace_id or self.workspace_id,
                "test",
                scopes or ("admin",),
                kind="test",
                now=self.clock.now(),
                **more,
            )

    def client(self, token: str | None = None) -> httpx.AsyncClient:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False),
            base_url="http://testserver",
            headers=headers,
        )


def settings_for(database_url: str, redis_url: str, data_dir: Path, **more: str) -> Settings:
    environ = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "HEADLESS_SECRET_KEYS": "k" * 40,
        "HEADLESS_URL": "http://testserver",
        "HEADLESS_DATA_DIR": str(data_dir),
        **more,
    }
    return load(environ)


@asynccontextmanager
async def running(
    settings: Settings, clock: ManualClock, *, development: bool = True
) -> AsyncIterator[Server]:
    assert settings.database_url
    database = connect(settings.database_url, pool_size=4)
    async with application(database, settings, clock, development=development) as app:
        yield Server(app, database, clock)
