"""A fresh world for each test of who is asked for and who is found."""

from collections.abc import AsyncIterator

import pytest
from world import World

from headless.storage.database import connect


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    database = connect(database_url, pool_size=4)
    try:
        yield await World(database).begin()
    finally:
        await database.close()
