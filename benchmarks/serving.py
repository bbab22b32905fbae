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
from functools import partial
from pathlib import Path
from typing import Final, cast

import msgspec
import psutil  # type: ignore[import-untyped]  # it ships no types

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


class Load(msgspec.Struct, frozen=True):
    """What requests took: seconds by the clock, and of the processors by who used them."""

    requests: int
    seconds: float
    api: float
    postgres: float
    generator: float

    @property
    def rate(self) -> float:
        """Requests a second by the clock."""
        return self.requests / self.seconds

    def __add__(self, other: "Load") -> "Load":
        mine, more = msgspec.structs.astuple(self), msgspec.structs.astuple(other)
        return Load(*(a + b for a, b in zip(mine, more, strict=True)))


async def load(port: int, requests: list[bytes], *, width: int, wanted: int) -> Load:
    """Ask it all over so many connections; each must answer `wanted`."""
    asked = _Asked(requests, wanted)
    lines = [_Line(asked) for _ in range(width)]
    for line in lines:
        await asked.loop.create_connection(partial(_same, line), "127.0.0.1", port)
    before, began = _used(), time.perf_counter()
    for line in lines:
        line.ask()
    await asked.over
    took, after = time.perf_counter() - began, _used()
    for line in lines:
        line.hang_up()
    return Load(len(requests), took, *(after[name] - before[name] for name in after))


def _same(line: "_Line") -> "_Line":
    return line


class _Asked:
    """What all lines ask together."""

    def __init__(self, requests: list[bytes], wanted: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.rest = iter(requests)
        self.left = len(requests)
        self.wanted = b"HTTP/1.1 %d " % wanted
        self.over: asyncio.Future[None] = self.loop.create_future()

    def answered(self) -> None:
        """One more is answered."""
        self.left -= 1
        if not self.left and not self.over.done():
            self.over.set_result(None)

    def failed(self, why: str) -> None:
        """Whoever waits is told."""
        if not self.over.done():
            self.over.set_exception(AssertionError(why))


class _Line(asyncio.Protocol):
    """A connection that asks the next question as soon as the last is answered.

    Without streams, futures and tasks for each request: whoever asks shares the processors with
    what is measured.
    """

    def __init__(self, asked: _Asked) -> None:
        self._asked = asked
        self._came = b""
        self._transport = cast(asyncio.Transport, None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The line is there."""
        self._transport = cast(asyncio.Transport, transport)

    def ask(self) -> None:
        """The next question, if there is one."""
        if (raw := next(self._asked.rest, None)) is not None:
            self._transport.write(raw)

    def data_received(self, data: bytes) -> None:
        """Some of an answer, or all of it."""
        came = self._came + data if self._came else data
        end = came.find(_HEAD_END)
        if end < 0 or len(came) < end + len(_HEAD_END) + _length(came[:end]):
            self._came = came
            return
        self._came = b""
        if not came.startswith(self._asked.wanted):
            self._asked.failed(f"this was answered: {came[:500]!r}")
        self._asked.answered()
        self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """Somebody hung up."""
        self._asked.failed("the API hung up")

    def hang_up(self) -> None:
        """No more questions."""
        self._transport.close()


def _length(head: bytes) -> int:
    """How many bytes of a body an answer's head announces."""
    _, found, rest = head.lower().partition(b"content-length: ")
    return int(rest.partition(b"\r\n")[0]) if found else 0


def _used() -> dict[str, float]:
    """Seconds of the processors that the API, PostgreSQL and this process have used so far."""
    own = psutil.Process()
    used = {"serve": 0.0, "postgres": 0.0, "generator": _seconds(own)}
    for process in own.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess, IndexError):
            words = process.cmdline()
            name = "postgres" if "postgres" in words[0] else words[2]
            if name in used:
                used[name] += _seconds(process)
    return used


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
