"""One scratch schema for all simulations of a module, and a world for what they cannot say.

What the engine cannot run yet is an expected failure, until it can.
"""

from collections.abc import AsyncIterator, Iterator

import pytest
from servers import TestServers
from world import World

from headless.dsl.diagnostics import has_errors
from headless.dsl.later import CODE
from headless.problems import Problem
from headless.simulation.faults import FaultyTextError
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


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    try:
        return (yield)
    except FaultyTextError as fault:
        found = [each for each in fault.diagnostics if each.code == CODE]
        if found and not has_errors(fault.diagnostics):
            pytest.xfail(found[0].message)
        raise
    except Problem as problem:
        if problem.code == "invalid_text" and "cannot run yet" in problem.detail:
            pytest.xfail(problem.detail)
        raise
