"""Several transactions as one: what a request does is kept whole, or not at all.

A `Whole` stands in for the database while a request runs. Each `transaction()` is a savepoint on
one connection, so that what fails inside is undone as ever, and `commit` keeps all that did not.
Afterwards it is the plain database again. One task at a time may use it. Imports `database`.
"""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from headless.storage.database import Database, Transaction
from headless.storage.diary import Entry
from headless.storage.wake import Wake

_PARTITION: Final = re.compile(r"_(?:0|\d{4}_\d{2})$")
_TOUCHED: Final = text(
    "select relname, n_tup_ins, n_tup_upd, n_tup_del from pg_stat_xact_user_tables "
    "where n_tup_ins + n_tup_upd + n_tup_del > 0"
)


class Touched(msgspec.Struct, frozen=True):
    """How many rows of a table were made, changed and deleted."""

    made: int = 0
    changed: int = 0
    deleted: int = 0


class Whole(Database):
    """A database whose transactions are kept together by `commit`, or lost by `rollback`."""

    def __init__(self, database: Database, *, counted: bool = False) -> None:
        """`counted` makes `touched` know what was done; it costs a query at the beginning."""
        super().__init__(database.engine, database.waker, database.opened)
        self.diary = database.diary
        self._plain = database
        self._counted = counted
        self._stack = AsyncExitStack()
        self._connection: AsyncConnection | None = None
        self._before: dict[str, Touched] = {}
        self._wakes: dict[Wake, None] = {}
        self._entries: list[Entry] = []
        self._over = False

    async def _begun(self) -> AsyncConnection:
        if self._connection is None:
            connection = await self._stack.enter_async_context(self.engine.connect())
            await connection.begin()
            if self._counted:
                self._before = await _counts(connection)
            self._connection = connection
        return self._connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A part of the whole: undone when the block raises, else kept with the rest."""
        if self._over:
            async with self._plain.transaction() as transaction:
                yield transaction
            return
        connection = await self._begun()
        async with connection.begin_nested():
            transaction = Transaction(connection, self.diary)
            yield transaction
        self._wakes |= transaction.wakes
        self._entries += transaction.entries

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[Transaction]:
        """A look from within the whole."""
        if self._over:
            async with self._plain.glance() as transaction:
                yield transaction
            return
        yield Transaction(await self._begun())

    async def touched(self) -> dict[str, Touched]:
        """What has been done so far, by table; tables of which nothing is known are left out."""
        if self._connection is None:
            return {}
        found: dict[str, Touched] = {}
        for name, now in (await _counts(self._connection)).items():
            was = self._before.get(name, Touched())
            done = Touched(
                now.made - was.made, now.changed - was.changed, now.deleted - was.deleted
            )
            if done != Touched():
                found[name] = done
        return found

    async def commit(self) -> None:
        """Keep it all, with the diary's entries, then send the wake-ups."""
        self._over = True
        connection, self._connection = self._connection, None
        if connection is not None:
            async with self._stack:
                if self.diary is not None and self._entries:
                    await self.diary.write(self._entries)
                await connection.commit()
        if self._wakes:
            await self.waker.send(tuple(self._wakes))

    async def rollback(self) -> None:
        """Keep nothing; without effect after `commit`."""
        self._over = True
        connection, self._connection = self._connection, None
        if connection is not None:
            async with self._stack:
                await connection.rollback()


async def _counts(connection: AsyncConnection) -> dict[str, Touched]:
    """What this connection has done and not yet reported, partitions under their table's name."""
    counts: dict[str, Touched] = {}
    for name, made, changed, deleted in await connection.execute(_TOUCHED):
        table = _PARTITION.sub("", name)
        was = counts.get(table, Touched())
        counts[table] = Touched(was.made + made, was.changed + changed, was.deleted + deleted)
    return counts
