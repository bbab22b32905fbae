"""A database that was restarted costs nobody an error, and to be sure of it costs no round trip."""

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy import literal, select, text

from headless.storage.database import Database, connect

_END_OTHERS = text(
    "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid()"
)


async def _two(database: Database) -> None:
    """Two connections at a time, each given back."""

    async def one(both: asyncio.Barrier) -> None:
        async with database.transaction() as tx:
            assert await tx.scalar(select(literal(1))) == 1
            await both.wait()

    both = asyncio.Barrier(2)
    await asyncio.gather(one(both), one(both))


async def _with(url: str, do: Callable[[Database, Database], Awaitable[None]]) -> None:
    ours, other = connect(url), connect(url)
    try:
        await do(ours, other)
    finally:
        await ours.close()
        await other.close()


async def test_connections_that_the_server_ended_are_made_anew(database_url: str) -> None:
    async def each(ours: Database, other: Database) -> None:
        await _two(ours)
        async with other.transaction() as tx:
            assert len((await tx.execute(_END_OTHERS)).all()) >= 2
        await _two(ours)
        async with ours.glance() as tx:
            assert await tx.scalar(select(literal(2))) == 2

    await _with(database_url, each)
