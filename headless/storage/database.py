"""The database: one pool, transactions, and the wake-ups that leave only after a commit.

Imports SQLAlchemy, `diary` and `wake`. Whoever reads or writes does it inside
`Database.transaction()`; what that transaction hands to `wake()` reaches the workers if, and only
if, it commits, and what it puts into `entries` stands in the diary before it does.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any, Final

import msgspec
from sqlalchemy import CursorResult, Executable, event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from headless.storage.diary import Diary, Entry
from headless.storage.wake import NoWaker, Wake, Waker

WORKSPACES: Final = 256
"""Of how many workspaces a process keeps the statements that it runs all the time: to put one
together anew costs as much as to run it."""
Rows = CursorResult[*tuple[Any, ...]]
Params = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class Transaction:
    """One PostgreSQL transaction, with the hints to send when it has committed."""

    def __init__(self, connection: AsyncConnection, diary: Diary | None = None) -> None:
        self.connection = connection
        self.diary = diary
        self.entries: list[Entry] = []
        self.wakes: dict[Wake, None] = {}

    async def execute(self, statement: Executable, params: Params | None = None) -> Rows:
        """Run a statement; the result is buffered."""
        return await self.connection.execute(statement, params)

    async def scalar(self, statement: Executable, params: Params | None = None) -> Any:
        """The first column of the first row, or None."""
        return (await self.connection.execute(statement, params)).scalar()

    def wake(self, job: str, *args: int) -> None:
        """After the commit, hint to the workers that `job(*args)` may have work."""
        self.wakes[Wake(job, args)] = None

    async def whole_tables(self) -> None:
        """For the rest of the transaction, let the planner read whole tables: full rebuilds."""
        for way in ("enable_seqscan", "enable_mergejoin"):
            await self.connection.execute(text(f"set local {way} = on"))

    async def copy_in(
        self, table: str, columns: Sequence[str], records: Sequence[Sequence[Any]]
    ) -> None:
        """Rows by PostgreSQL's COPY, the quickest way in; `table` may be a temporary one."""
        raw = await self.connection.get_raw_connection()
        driver = raw.driver_connection
        if driver is None:
            raise RuntimeError("the connection is closed")
        await driver.copy_records_to_table(table, columns=columns, records=records)


class Database:
    """A pool of connections to one PostgreSQL."""

    def __init__(
        self, engine: AsyncEngine, waker: Waker, opened: Callable[[int], AsyncEngine]
    ) -> None:
        self.engine = engine
        self.waker = waker
        self.diary: Diary | None = None
        self.opened = opened

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Commit at the end of the block, roll back when it raises, then send the wake-ups."""
        async with self.engine.begin() as connection:
            transaction = Transaction(connection, self.diary)
            yield transaction
            if self.diary is not None and transaction.entries:
                await self.diary.write(transaction.entries)
        if transaction.wakes:
            await self.waker.send(tuple(transaction.wakes))

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[Transaction]:
        """For single statements, each a transaction of its own: without `begin` and `commit`, two
        trips less. What is left in `wakes` is the caller's to send."""
        engine = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            yield Transaction(connection)

    def aside(self) -> "Database":
        """The same over one or two connections of its own, for what may not stand in line when all
        others are taken. It wakes nobody; close it."""
        return Database(self.opened(1), NoWaker(), self.opened)

    async def now(self) -> datetime:
        """The database's own clock: the one that all hosts agree on."""
        async with self.engine.connect() as connection:
            instant: datetime = (
                await connection.execute(select(func.clock_timestamp()))
            ).scalar_one()
            return instant

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def connect(
    url: str,
    *,
    waker: Waker | None = None,
    pool_size: int = 10,
    application: str = "headless",
    schema: str | None = None,
) -> Database:
    """A database over `url` (`postgresql://…`); no connection is made before the first use.

    A connection that the server has ended is not given out, so that a restarted database costs
    nobody an error. With `schema` every table is looked for, and made, in that schema alone.
    """
    opened = partial(_engine, url, application, schema)
    return Database(opened(pool_size), waker or NoWaker(), opened)


def _engine(url: str, application: str, schema: str | None, size: int) -> AsyncEngine:
    engine = create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        pool_size=size,
        max_overflow=size,
        hide_parameters=True,  # an error's text goes into logs; what people are called does not
        json_serializer=lambda value: msgspec.json.encode(value).decode(),
        json_deserializer=msgspec.json.decode,
        connect_args={
            "prepared_statement_cache_size": 500,
            "server_settings": {
                "application_name": application,
                "timezone": "UTC",
                "jit": "off",
                # a table that was filled a moment ago looks empty to the planner, and a scan of it
                # for each row of a batch takes minutes; those who want all of a table say so
                "enable_seqscan": "off",
                "enable_mergejoin": "off",
                **({} if schema is None else {"search_path": schema}),
            },
        },
    )
    event.listen(engine.sync_engine, "checkout", _refuse_ended)
    return engine


def _refuse_ended(connection: Any, record: object, proxy: object) -> None:
    """Have the pool connect anew when the server has hung up.

    The end of a connection is heard when it comes, whether somebody asks or not: so there is no
    need to ask, which SQLAlchemy's own way does with three round trips for each transaction.
    """
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError
