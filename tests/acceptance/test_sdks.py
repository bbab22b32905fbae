"""The real SDKs of the Segment spec against a real server that is killed in the middle.

`analytics` (Python) and `@segment/analytics-node` (npm) each send 1,000 events at the same time,
each to a workspace of its own; the server gets SIGKILL half-way for both and is started again: none
is lost, none counts twice.
"""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import analytics
import httpx
import pytest
from servers import TestServers
from sqlalchemy import func, select

from headless.clock import SystemClock
from headless.storage.database import Database, connect
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


class Sdk:
    """One SDK with its workspace, and what it has to say."""

    def __init__(self, workspace_id: int, key: str) -> None:
        self.workspace_id, self.key = workspace_id, key
        self.failed: list[Any] = []
        self.numbers: list[int] = []
        self.people = 0

    async def look(self, database: Database) -> int:
        """Count what was taken: each event as often as it was, and the people."""
        own = activity.c.workspace_id == self.workspace_id
        async with database.transaction() as tx:
            rows = await tx.execute(
                select(activity.c.properties["n"].as_integer())
                .join(subject, subject.c.id == activity.c.ref)
                .where(own, subject.c.name == "Counted")
            )
            self.numbers = sorted(rows.scalars())
            self.people = await tx.scalar(
                select(func.count())
                .select_from(contact)
                .where(contact.c.workspace_id == self.workspace_id, contact.c.email.is_not(None))
            )
        return len(self.numbers)

    def lost_and_doubled_nothing(self) -> bool:
        assert self.failed == []
        assert self.numbers == list(range(EVENTS))
        return self.people == PEOPLE


async def workspace(database: Database) -> Sdk:
    now = SystemClock().now()
    async with database.transaction() as tx:
        made = await workspaces.create(tx, "Acme", now=now)
        scopes = ("activities:write", "contacts:write")
        _, key = await tokens.make(tx, made.id, "sdk", scopes, kind="test", now=now)
    return Sdk(made.id, key)


def send_by_python(sdk: Sdk, url: str) -> None:
    client = analytics.Client(
        sdk.key, host=url, gzip=True, upload_size=20, upload_interval=0.05,
        max_retries=60, on_error=lambda error, items: sdk.failed.append(error),
    )  # fmt: skip
    for n in range(PEOPLE):
        client.identify(f"p{n}", {"email": f"p{n}@example.com"})
    for n in range(EVENTS):
        client.track(f"p{n % PEOPLE}", "Counted", {"n": n})
        if n % 50 == 49:
            time.sleep(0.06)
    client.flush()
    client.join()


def send_by_node(sdk: Sdk, url: str, place: Path) -> None:
    done = subprocess.run(
        ["node", "send.js", sdk.key, url, str(EVENTS), str(PEOPLE)],
        cwd=place, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    if done.stderr or done.returncode:
        sdk.failed.append(done.stderr)


def node_is_missing(place: Path) -> str:
    """Why the SDK for Node cannot run here; it is installed when it can."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        return "Node and npm are not installed here"
    (place / "send.js").write_text(NODE)
    installed = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--silent", "@segment/analytics-node@2"],
        cwd=place, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    if installed.returncode == 0:
        return ""
    return f"npm cannot install the SDK here: {installed.stderr.strip()[:200]}"


class Outcome(NamedTuple):
    """What came of both; `missing` says why there is no Node."""

    python: Sdk
    node: Sdk
    missing: str


@pytest.fixture(scope="module")
async def outcome(
    servers: TestServers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Outcome]:
    """Both send; the server is killed when half of each is there, and started again."""
    place = tmp_path_factory.mktemp("node")
    missing = await asyncio.to_thread(node_is_missing, place)
    with servers.database() as database_url:
        database = connect(database_url, pool_size=1)
        serving = Serving(database_url, servers.redis())
        try:
            await asyncio.to_thread(serving.start)
            python, node = await workspace(database), await workspace(database)
            sending = [asyncio.to_thread(send_by_python, python, serving.url)]
            used = [python]
            if not missing:
                sending.append(asyncio.to_thread(send_by_node, node, serving.url, place))
                used.append(node)
            under_way = asyncio.gather(*sending)
            async with asyncio.timeout(PATIENCE):
                while any([await sdk.look(database) < HALF // 2 for sdk in used]):
                    assert not under_way.done(), "they ended before half was there"
                    await asyncio.sleep(0.02)
                serving.kill()
                for sdk in used:
                    assert await sdk.look(database) < EVENTS, "the server was killed too late"
                await asyncio.to_thread(serving.start)
                await under_way
            for sdk in used:
                await sdk.look(database)
            yield Outcome(python, node, missing)
        finally:
            serving.kill()
            await database.close()


def test_the_python_sdk_loses_and_doubles_nothing(outcome: Outcome) -> None:
    assert outcome.python.lost_and_doubled_nothing()


def test_the_node_sdk_loses_and_doubles_nothing(outcome: Outcome) -> None:
    if outcome.missing:
        pytest.skip(outcome.missing)
    assert outcome.node.lost_and_doubled_nothing()
