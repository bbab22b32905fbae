"""The scratch schema: tables of a simulation's own, gone when it ends, however it ends.

A run holds an advisory lock as long as it lives. Whoever comes next takes the locks of schemas that
nobody holds any more, those of killed runs, and drops them. Imports storage.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from headless.simulation.faults import UnfitError
from headless.storage.database import Database, connect
from headless.storage.tables import metadata

PREFIX: Final = "headless_simulation_"
_LOCKS: Final = 7_236_520  # with the schema's number: the lock of the run that owns it
_MOST: Final = 2**31

_FOUND: Final = text("select nspname from pg_namespace where nspname like :like order by nspname")
_TRY: Final = text("select pg_try_advisory_lock(:locks, :number)")
_RELEASE: Final = text("select pg_advisory_unlock(:locks, :number)")


@asynccontextmanager
async def scratch(url: str) -> AsyncIterator[Database]:
    """A database that sees only a schema of its own, empty; both are gone after the block.

    Raises UnfitError where PostgreSQL is not there, or does not let us make a schema.
    """
    # With Alembic come all dialects, a fifth of a start: who never simulates need not load them.
    from headless.storage.migrate import migrate

    keeper = connect(url, pool_size=1, application="headless-simulation")
    try:
        async with _connected(keeper, url) as connection:
            await sweep(connection)
            number = secrets.randbelow(_MOST)
            await connection.execute(_TRY, {"locks": _LOCKS, "number": number})
            schema = f"{PREFIX}{number}"
            await _make(connection, schema)
            database = connect(url, pool_size=4, application="headless-simulation", schema=schema)
            try:
                await migrate(database)
                yield database
            finally:
                await database.close()
                await connection.execute(text(f'drop schema if exists "{schema}" cascade'))
    finally:
        await keeper.close()


async def sweep(connection: AsyncConnection) -> int:
    """Drop the schemas of runs that were killed; how many there were."""
    found = [row[0] for row in await connection.execute(_FOUND, {"like": PREFIX + "%"})]
    dropped = 0
    for schema in found:
        number = schema.removeprefix(PREFIX)
        if not number.isdecimal() or int(number) >= _MOST:
            continue
        lock = {"locks": _LOCKS, "number": int(number)}
        if (await connection.execute(_TRY, lock)).scalar():
            await connection.execute(text(f'drop schema if exists "{schema}" cascade'))
            await connection.execute(_RELEASE, lock)
            dropped += 1
    return dropped


async def empty(database: Database) -> None:
    """Every table as new: for the next case in the same schema."""
    names = ", ".join(f'"{name}"' for name in metadata.tables)
    async with database.transaction() as tx:
        await tx.execute(text(f"truncate {names} restart identity"))


@asynccontextmanager
async def _connected(keeper: Database, url: str) -> AsyncIterator[AsyncConnection]:
    """One connection outside of any transaction, for the lock."""
    engine = keeper.engine.execution_options(isolation_level="AUTOCOMMIT")
    try:
        connection = await engine.connect()
    except (OSError, DBAPIError) as error:
        said = str(error).splitlines()[0]
        raise UnfitError(
            f"the database does not answer: {said}",
            "start it, or unset DATABASE_URL: then a PostgreSQL of our own is used",
        ) from error
    try:
        yield connection
    finally:
        await connection.close()


async def _make(connection: AsyncConnection, schema: str) -> None:
    try:
        await connection.execute(text(f'create schema "{schema}"'))
    except DBAPIError as error:
        said = str(error.orig).rpartition(":")[2].strip() if error.orig else str(error)
        raise UnfitError(
            f"the database lets us make no scratch schema: {said}",
            "grant `create` on the database to this user, or unset DATABASE_URL",
        ) from error
