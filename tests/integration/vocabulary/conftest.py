"""One scratch schema for all simulations of a module."""

from collections.abc import AsyncIterator

import pytest
from servers import TestServers

from headless.simulation.scratch import scratch
from headless.storage.database import Database


@pytest.fixture(scope="module")
async def room(servers: TestServers) -> AsyncIterator[Database]:
    with servers.database("template0") as url:
        async with scratch(url) as database:
            yield database
