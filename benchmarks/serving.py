"""A running installation for benchmarks: the API and a worker as processes, and a load generator.

The generator speaks bare HTTP/1.1 over connections that stay open: it takes processor time from the
two cores that it measures, so it does as little as it can.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

from headless.cli.ports import any_free
from headless.storage.database import Database
from headless.workspace import tokens

KEY: Final = "a-key-of-thirty-two-bytes-or-more-for-benchmarks"
_HEAD_END: Final = b"\r\n\r\n"
_PATIENCE: Final = 60


def environment(database: Database, redis_url: str, port: int) -> dict[str, str]:
    """What the processes are told."""
    url = database.engine.url.set(drivername="postgresql")
    return {
        **os.environ,
        "DATABASE_URL": url.render_as_string(hide_password=False),
        "REDIS_URL": redis_url,
        "HEADLESS_SECRET_KEYS": KEY,
        "HEADLESS_URL": f"http://127.0.0.1:{port}",
        "HEADLESS_LOG_LEVEL": "warning",
    }


@contextlib.asynccontextmanager
async def installation(
    database: Database, redis_url: str, *, worker: bool, more: Mapping[str, str] | None = None
) -> AsyncIterator[int]:
    """The API, and a worker if wanted; answers the API's port when it is ready.

    `more` are settings besides the usual.
    """
    port = any_free("127.0.0.1")
    environ = {**environment(database, redis_url, port), **(more or {})}
    commands = [["serve", "--port", str(port)], *([["work"]] if worker else [])]
    headless = str(Path(sys.executable).with_name("headless"))
    started = [subprocess.Popen([headless, *command], env=environ) for command in commands]
    try:
        await _ready(port, "/readyz" if worker else "/healthz")
        yield port
    finally:
        for process in started:
            process.terminate()
        for process in started:  # meanwhile this one may have to answer them
            await asyncio.to_thread(process.wait, 30)


async def _ready(port: int, path: str) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            connection = await Connection.open(port)
            status, _ = await connection.ask(request("GET", path))
            connection.close()
            if status == 200:
                return
        await asyncio.sleep(0.1)
    raise SystemExit("the API did not become ready")


async def token(database: Database, workspace_id: int) -> str:
    """A token that may do everything."""
    now = await database.now()
    async with database.transaction() as tx:
        _, text = await tokens.make(tx, workspace_id, "bench", ("admin",), kind="test", now=now)
    return text


def request(method: str, path: str, body: bytes = b"", *, token: str | None = None) -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench"]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + _HEAD_END + body


class Connection:
    """One connection that stays open: ask, wait for the answer, ask again."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connect to the API on this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, raw: bytes) -> tuple[int, bytes]:
        """Send a request; the status and the body of its answer."""
        self._writer.write(raw)
        head = (await self._reader.readuntil(_HEAD_END)).lower()
        status = int(head[9:12])
        _, found, rest = head.partition(b"content-length: ")
        length = int(rest.partition(b"\r\n")[0]) if found else 0
        return status, await self._reader.readexactly(length) if length else b""

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def load(port: int, requests: list[bytes], *, width: int, wanted: int) -> float:
    """The seconds for all requests over so many connections; each must answer `wanted`."""
    line = iter(requests)
    connections = [await Connection.open(port) for _ in range(width)]

    async def keep_busy(connection: Connection) -> None:
        for raw in line:
            status, body = await connection.ask(raw)
            if status != wanted:
                raise AssertionError(f"{status} was answered: {body[:300]!r}")

    began = time.perf_counter()
    await asyncio.gather(*(keep_busy(connection) for connection in connections))
    took = time.perf_counter() - began
    for connection in connections:
        connection.close()
    return took
