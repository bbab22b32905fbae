"""One PostgreSQL and one Valkey for the whole test run, its xdist workers included.

The first test that asks starts them; they end when the last process that holds the lifeline (a
named pipe) has ended, even one that was killed. Each test gets an empty database: a copy of a
migrated template, which is emptied and given to the next test unless its schema was changed. Each
xdist worker has a Redis database of its own, emptied before each test.
"""

import asyncio
import fcntl
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from headless.storage import migrate
from headless.storage.data_folder import hold
from headless.storage.database import connect
from headless.storage.embedded import Postgres, Valkey

_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
_COPY = "strategy file_copy"
_BIG = 128 * 1024
"""Bytes above which a table is truncated; below, deleting is quicker."""


class TestServers:
    """The run's servers, as one of its processes sees them."""

    __test__ = False

    def __init__(self, place: Path | None = None) -> None:
        self._owner = place is None
        self.place = place or Path(tempfile.mkdtemp(prefix="hl-"))
        self._fifo = self.place / "lifeline"
        if self._owner:
            os.mkfifo(self._fifo)
        self._lifeline = os.open(self._fifo, os.O_RDWR)
        self._numbers = itertools.count(1)
        self._kept = ExitStack()  # the servers outlive the process that started them
        self._addresses: dict[str, str] | None = None
        self._free: list[str] = []
        self._fresh: _Fresh | None = None

    def addresses(self) -> dict[str, str]:
        """`postgres` (the address of the maintenance database) and `redis`, started if need be."""
        if self._addresses is None:
            with (self.place / "start.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                told = self.place / "addresses.json"
                if not told.exists():
                    told.write_text(json.dumps(self._start()))
                self._addresses = json.loads(told.read_text())
        return self._addresses

    def _start(self) -> dict[str, str]:
        reading = os.open(self._fifo, os.O_RDONLY)
        try:
            folder = self._kept.enter_context(hold(self.place / "data"))
            self._postgres = Postgres(folder, durable=False, lifeline=reading)
            self._valkey = Valkey(folder, lifeline=reading)
            self._postgres.start()
            self._valkey.start()
        finally:
            os.close(reading)

        async def make_template() -> None:
            database = connect(self._postgres.url)
            await migrate.migrate(database)
            await database.close()

        _apart(make_template())
        return {
            "postgres": self._postgres.url_of("postgres"),
            "redis": self._valkey.url,
            "database": self._postgres.url_of("DATABASE"),
            "psql": str(self._postgres.program("psql")),
        }

    @contextmanager
    def database(self, template: str = "headless") -> Iterator[str]:
        """A fresh database (`template="template0"`: an empty one) for the block; its address."""
        addresses = self.addresses()
        lasting = template == "headless"
        name = self._free.pop() if lasting and self._free else None
        if name is None:
            name = f"test_{_WORKER}_{next(self._numbers)}"
            self._maintain(f"create database {name} template {template} {_COPY}")
        url = addresses["database"].replace("/DATABASE", f"/{name}")
        if lasting and self._fresh is None:
            self._fresh = _apart(_with(url, _Fresh.of))
        try:
            yield url
        finally:
            if lasting and self._fresh and _apart(_with(url, self._fresh.like_new)):
                self._free.append(name)
            else:
                self._maintain(f"drop database {name} with (force)")

    def redis(self) -> str:
        """The address of this xdist worker's Redis database."""
        number = int("".join(filter(str.isdigit, _WORKER)) or 0) % 64
        return self.addresses()["redis"].replace("db=0", f"db={number}")

    def _maintain(self, statement: str) -> None:
        _apart(_with(self.addresses()["postgres"], lambda c: c.execute(statement)))

    def close(self) -> None:
        """Let go of the servers; the process that began the run also clears up."""
        os.close(self._lifeline)
        if self._owner:
            here = str(self.place)
            guards = [process for process in psutil.process_iter() if _holds(process, here)]
            psutil.wait_procs(guards, timeout=30)
            shutil.rmtree(self.place, ignore_errors=True)
        self._kept.close()


def _holds(process: psutil.Process, here: str) -> bool:
    try:
        return any(word.startswith(here) for word in process.cmdline())
    except psutil.Error:
        return False


# ---------------------------------------------------------------- one database after the other

_END_OTHERS = """
select pg_terminate_backend(pid, 5000) from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid()
"""
_TABLES = """
select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = 'public' and c.relkind = 'r' order by 1
"""
_SHAPE = """
select row(
  (select row(count(*), max(c.oid::bigint), sum(c.relnatts)) from pg_class c
     join pg_namespace n on n.oid = c.relnamespace where n.nspname !~ '^pg_'),
  (select string_agg(nspname, ',' order by nspname) from pg_namespace where nspname !~ '^pg_'),
  (select count(*) from pg_constraint), (select count(*) from pg_trigger),
  (select max(oid::bigint) from pg_proc), (select count(*) from pg_db_role_setting))::text
"""
_FIRST_NUMBERS = """
select setval(quote_ident(schemaname) || '.' || quote_ident(sequencename), 1, false)
  from pg_sequences where last_value is not null
"""


class _Fresh:
    """What a database is like before its first test; `like_new` makes it so again."""

    def __init__(self, shape: str, empty: list[str], kept: str) -> None:
        self._shape = shape
        self._kept = kept
        self._full = "select array_remove(array[{}], null)".format(
            ", ".join(f"(select '{table}' from {table} limit 1)" for table in empty)
        )

    @classmethod
    async def of(cls, connection: asyncpg.Connection) -> "_Fresh":
        tables = [row[0] for row in await connection.fetch(_TABLES)]
        empty = [t for t in tables if not await connection.fetchval(f"select 1 from {t} limit 1")]
        contents = " || ".join(
            f"coalesce((select string_agg(t::text, ',' order by t::text) from {table} t), '')"
            for table in tables
            if table not in empty
        )
        shape = f"select ({_SHAPE}) || {contents}"
        return cls(await connection.fetchval(shape), empty, shape)

    async def like_new(self, connection: asyncpg.Connection) -> bool:
        """False when the schema or its first rows are not what they were: then it is of no use."""
        await connection.execute(_END_OTHERS)
        if await connection.fetchval(self._kept) != self._shape:
            return False
        for table in await connection.fetchval(self._full):
            size = await connection.fetchval("select pg_relation_size($1::text::regclass)", table)
            await connection.execute(f"{'truncate' if size > _BIG else 'delete from'} {table}")
        await connection.execute(_FIRST_NUMBERS)
        return True


def _apart(work: Coroutine[Any, Any, Any]) -> Any:
    """Runs in a loop and a thread of its own: the test's loop is left alone."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _with(url: str, do: Callable[[asyncpg.Connection], Awaitable[Any]]) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await do(connection)
    finally:
        await connection.close()
