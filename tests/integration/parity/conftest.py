"""One scratch schema for all simulations of a module, and a world for what they cannot say."""

from collections.abc import AsyncIterator

import pytest
from servers import TestServers
from world import World

from headless.simulation.scratch import scratch
from headless.storage.database import Database, connect


@pytest.fixture(scope="module")
async def room(servers: TestServers) -> AsyncIterator[Database]:
    with servers.database("template0") as url:
        async with scratch(url) as database:
            yield database


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    database = connect(database_url, pool_size=4)
    try:
        yield await World(database).begin()
    finally:
        await database.close()
