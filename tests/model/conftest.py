"""One database for all stories of a module: what is in it is cleared between two of them."""

from collections.abc import AsyncIterator

import pytest
from model.stage import Stage
from servers import TestServers

from headless.storage.database import connect


@pytest.fixture(scope="module")
async def stage(servers: TestServers) -> AsyncIterator[Stage]:
    with servers.database() as url:
        database = connect(url, pool_size=4)
        try:
            yield await Stage(database).raise_curtain()
        finally:
            await database.close()
