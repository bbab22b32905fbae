"""Fixtures for every test: `database_url` and `redis_url` are the test's own, and empty."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from servers import TestServers
from sqlalchemy import Connection, Engine, event
from sqlalchemy.util import LRUCache

_KEY = pytest.StashKey[TestServers]()


def pytest_configure(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", None)
    config.stash[_KEY] = TestServers(Path(given["servers"]) if given else None)


class _Compiled(LRUCache[Any, Any]):
    """Compiled statements of every engine: each test has one of its own, to the same server."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(key[1:], default)  # without the engine's dialect

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key[1:], value)


_COMPILED = _Compiled(5_000)


@event.listens_for(Engine, "engine_connect")
def _share_compiled(connection: Connection) -> None:
    connection.execution_options(compiled_cache=_COMPILED)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["servers"] = str(node.config.stash[_KEY].place)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything is installed, a test that is skipped is a test that was not run."""
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("skipped tests are failures here", red=True)
        session.exitstatus = 1


def pytest_unconfigure(config: pytest.Config) -> None:
    if _KEY in config.stash:
        config.stash[_KEY].close()


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> TestServers:
    """The run's PostgreSQL and Valkey."""
    return pytestconfig.stash[_KEY]


@pytest.fixture
def database_url(servers: TestServers) -> Iterator[str]:
    """A fresh database with the newest schema."""
    with servers.database() as url:
        yield url


@pytest.fixture
def empty_database_url(servers: TestServers) -> Iterator[str]:
    """A fresh database without any schema."""
    with servers.database("template0") as url:
        yield url


@pytest.fixture
def redis_url(servers: TestServers) -> str:
    """An empty Redis database that no other xdist worker uses."""
    url = servers.redis()
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url
