"""One PostgreSQL and one Valkey for the whole test run, its xdist workers included.

The first test that asks starts them; they end when the last process that holds the lifeline (a
named pipe) has ended, even one that was killed. Each test gets a database of its own, copied from a
migrated template, and each xdist worker a Redis database of its own, emptied before each test.
"""

import asyncio
import fcntl
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import asyncpg
import psutil

from headless.storage import migrate
from headless.storage.data_folder import hold
from headless.storage.database import connect
from headless.storage.embedded import Postgres, Valkey

_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0")


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

        with ThreadPoolExecutor(1) as thread:  # the test's own loop is left alone
            thread.submit(asyncio.run, make_template()).result()
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
        name = f"test_{_WORKER}_{next(self._numbers)}"
        self._sql(f"create database {name} template {template} strategy file_copy")
        try:
            yield addresses["database"].replace("/DATABASE", f"/{name}")
        finally:
            self._sql(f"drop database {name} with (force)")

    def redis(self) -> str:
        """The address of this xdist worker's Redis database."""
        number = int("".join(filter(str.isdigit, _WORKER)) or 0) % 64
        return self.addresses()["redis"].replace("db=0", f"db={number}")

    def _sql(self, statement: str) -> None:
        async def run() -> None:
            connection = await asyncpg.connect(self.addresses()["postgres"])
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, run()).result()

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
