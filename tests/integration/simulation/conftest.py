"""One scratch schema for a module; each simulation empties it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest
from servers import TestServers

from headless.simulation.outcome import Simulated
from headless.simulation.run import simulate
from headless.simulation.scratch import scratch

Simulate = Callable[..., Awaitable[Simulated]]


@pytest.fixture(scope="module")
async def simulated(servers: TestServers) -> AsyncIterator[Simulate]:
    """`simulate` over a database that other tests do not see."""
    with servers.database("template0") as url:
        async with scratch(url) as database:
            yield partial(simulate, database)
