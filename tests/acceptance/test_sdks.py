"""The real SDKs of the Segment spec against a real server that is killed in the middle.

`analytics` (Python) and `@segment/analytics-node` (npm) each send 1,000 events; the server gets
SIGKILL half-way and is started again: none is lost, none counts twice.
"""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import analytics
import httpx
import pytest
from sqlalchemy import func, select

from headless.clock import SystemClock
from headless.storage.database import connect
from headless.storage.tables import activity, contact, subject
from headless.workspace import tokens, workspaces

EVENTS = 1_000
PEOPLE = 20
PATIENCE = 120
HALF = EVENTS // 2
NODE = """
const { Analytics } = require('@segment/analytics-node');
const [key, host, count, people] = process.argv.slice(2);
const sdk = new Analytics({
  writeKey: key, host, flushAt: 20, flushInterval: 50, maxRetries: 60, httpRequestTimeout: 5000,
});
sdk.on('error', (error) => console.error('error', error.code, error.reason || ''));
(async () => {
  for (let n = 0; n < Number(people); n += 1) {
    sdk.identify({ userId: `p${n}`, traits: { email: `p${n}@example.com` } });
  }
  for (let n = 0; n < Number(count); n += 1) {
    sdk.track({ userId: `p${n % people}`, event: 'Counted', properties: { n } });
    if (n % 50 === 49) await new Promise((done) => setTimeout(done, 60));
  }
  await sdk.closeAndFlush({ timeout: 100000 });
})();
"""


class Serving:
    """A server process on a port of its own, which can be killed and started again."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._environ = {
            **{n: t for n, t in os.environ.items() if not n.startswith("HEADLESS_")},
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "HEADLESS_SECRET_KEYS": "only-this-test-knows-this-key-and-it-is-long",
            "HEADLESS_URL": self.url,
            "HEADLESS_LOG_LEVEL": "error",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        program = "from headless.cli import main; main()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, "serve", "--host", "127.0.0.1", "--port",
             str(self.port)],
            env=self._environ, stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        until(lambda: self._answers())

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=1).status_code == 200
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        """SIGKILL for it and its children."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def until(holds: Callable[[], bool]) -> None:
    """Wait for a condition."""
    ends = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends, "it has not come true in time"
        time.sleep(0.02)


async def a_key(database_url: str) -> str:
    database = connect(database_url)
    now = SystemClock().now()
    async with database.transaction() as tx:
        made = await workspaces.create(tx, "Acme", now=now)
        scopes = ("activities:write", "contacts:write")
        _, text = await tokens.make(tx, made.id, "sdk", scopes, kind="test", now=now)
    await database.close()
    return text


def counted(database_url: str) -> list[Any]:
    """The numbers of all events that were taken, each as often as it was."""

    async def ask() -> list[Any]:
        database = connect(database_url)
        async with database.transaction() as tx:
            rows = await tx.execute(
                select(activity.c.properties["n"].as_integer())
                .join(subject, subject.c.id == activity.c.ref)
                .where(subject.c.name == "Counted")
            )
            found = list(rows.scalars())
        await database.close()
        return found

    return asyncio.run(ask())


def people(database_url: str) -> int:
    async def ask() -> int:
        database = connect(database_url)
        async with database.transaction() as tx:
            count: int = await tx.scalar(
                select(func.count()).select_from(contact).where(contact.c.email.is_not(None))
            )
        await database.close()
        return count

    return asyncio.run(ask())


def shoot(serving: Serving, database_url: str, sending: Callable[[], None]) -> None:
    """Send in a thread; kill the server when half is there, and start it again."""
    thread = threading.Thread(target=sending)
    thread.start()
    until(lambda: len(counted(database_url)) >= HALF // 2)
    serving.kill()
    before = len(counted(database_url))
    assert before < EVENTS, "the server was killed too late"
    serving.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert sorted(counted(database_url)) == list(range(EVENTS))


@pytest.fixture
def serving(database_url: str, redis_url: str) -> Any:
    made = Serving(database_url, redis_url)
    made.start()
    yield made
    made.kill()


def test_the_python_sdk_loses_and_doubles_nothing(serving: Serving, database_url: str) -> None:
    key = asyncio.run(a_key(database_url))
    failed: list[Any] = []
    client = analytics.Client(
        key, host=serving.url, gzip=True, upload_size=20, upload_interval=0.05,
        max_retries=60, on_error=lambda error, items: failed.append(error),
    )  # fmt: skip

    def send() -> None:
        for n in range(PEOPLE):
            client.identify(f"p{n}", {"email": f"p{n}@example.com"})
        for n in range(EVENTS):
            client.track(f"p{n % PEOPLE}", "Counted", {"n": n})
            if n % 50 == 49:
                time.sleep(0.06)
        client.flush()

    shoot(serving, database_url, send)
    client.join()
    assert failed == []
    assert people(database_url) == PEOPLE


def test_the_node_sdk_loses_and_doubles_nothing(
    serving: Serving, database_url: str, tmp_path: Path
) -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("Node and npm are not installed here")
    installed = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--silent", "@segment/analytics-node@2"],
        cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    if installed.returncode != 0:
        pytest.skip(f"npm cannot install the SDK here: {installed.stderr.strip()[:200]}")
    (tmp_path / "send.js").write_text(NODE)
    key = asyncio.run(a_key(database_url))
    said: list[str] = []

    def send() -> None:
        done = subprocess.run(
            [node, "send.js", key, serving.url, str(EVENTS), str(PEOPLE)],
            cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        said.append(done.stderr)

    shoot(serving, database_url, send)
    assert said == [""]
    assert people(database_url) == PEOPLE
