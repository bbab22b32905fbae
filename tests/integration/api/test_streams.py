"""The journal as server-sent events: live, taken up again behind the last one, nothing twice."""

import asyncio
from datetime import timedelta
from typing import Any, Self
from urllib.parse import quote

import httpx
import msgspec
import pytest
from api_server import Server

from headless.api.shapes import instant
from headless.runtime.engine import Engine

TEXT = "campaign Hi\nfrom segment Leads\nadd points 5\nwait 1 day\nadd tag x\n"


class Listening:
    """A client of a stream, spoken to over ASGI, for it must be read while it goes on."""

    def __init__(
        self, server: Server, path: str, last: str | None = None, query: bytes = b""
    ) -> None:
        self.server, self.path, self.last, self.query = server, path, last, query
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self._gone = asyncio.Event()
        self._more = asyncio.Condition()

    async def __aenter__(self) -> Self:
        headers = [(b"authorization", f"Bearer {self.server.token}".encode())]
        if self.last is not None:
            headers.append((b"last-event-id", self.last.encode()))
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
            "scheme": "http", "path": self.path, "raw_path": self.path.encode(),
            "query_string": self.query, "headers": headers, "client": ("127.0.0.1", 1),
            "server": ("testserver", 80), "root_path": "",
        }  # fmt: skip
        self._task = asyncio.create_task(self.server.app(scope, self._receive, self._send))  # type: ignore[arg-type]  # a scope is a dict
        await self.until(b"retry:")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._gone.set()
        await asyncio.wait_for(self._task, 10)

    async def _receive(self) -> Any:
        if not hasattr(self, "_asked"):
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        async with self._more:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {k.decode().lower(): v.decode() for k, v in message["headers"]}
            else:
                self.body += message.get("body", b"")
            self._more.notify_all()

    async def until(self, text: bytes, count: int = 1) -> None:
        async with asyncio.timeout(20), self._more:
            await self._more.wait_for(lambda: self.body.count(text) >= count)

    def events(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Id, name and data of what came."""
        found = []
        for block in self.body.decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
            if "id" in fields:
                data = msgspec.json.decode(fields["data"])
                found.append((fields["id"], fields["event"], data))
        return found


@pytest.fixture
async def moving(server: Server, api: httpx.AsyncClient) -> list[str]:
    """A campaign with three people, not yet moved by the engine."""
    await api.post("/v1/segments", json={"name": "Leads"})
    people = []
    for n in range(3):
        made = await api.post("/v1/contacts", json={"email": f"p{n}@example.com"})
        people.append(made.json()["id"])
    await api.post("/v1/segments/Leads/members", json={"add": people})
    await api.post("/v1/campaigns", json={"source": TEXT})
    plan = (await api.post("/v1/campaigns/Hi/start", json={})).json()["plan"]["hash"]
    await api.post("/v1/campaigns/Hi/start", json={"plan": plan})
    return people


async def test_a_stream_tells_what_happens_and_goes_on_where_it_broke_off(
    server: Server, api: httpx.AsyncClient, moving: list[str]
) -> None:
    async with Listening(server, "/v1/campaigns/Hi/stream") as first:
        assert first.status == 200
        assert first.headers["content-type"].startswith("text/event-stream")
        assert first.headers["x-accel-buffering"] == "no"
        await Engine(server.database).settle(now=server.clock.now())
        server.clock.advance(timedelta(seconds=60))  # what is older than all that write is told
        await first.until(b"event: entered", 3)
        await first.until(b"event: done", 3)
    events = first.events()
    assert {data["contact_id"] for _, _, data in events} == set(moving)
    assert all(data["campaign"]["name"] == "Hi" for _, _, data in events)
    ids = [id_ for id_, _, _ in events]
    assert len(set(ids)) == len(ids)
    async with Listening(server, "/v1/stream", ids[1]) as second:
        await second.until(b"data:", len(ids) - 2)
        server.clock.advance(timedelta(days=1))
        await Engine(server.database).settle(now=server.clock.now())
        server.clock.advance(timedelta(seconds=60))
        await second.until(b"data:", len(ids) - 2 + 3)
    assert [id_ for id_, _, _ in second.events()][: len(ids) - 2] == ids[2:]
    begun = quote(instant(server.clock.now() - timedelta(hours=23))).encode()
    async with Listening(server, "/v1/stream", query=b"since=" + begun) as third:
        await third.until(b"data:", 6)
    assert not {id_ for id_, _, _ in third.events()} & set(ids), "what is older is left out"


async def test_a_mark_that_is_none_or_too_old_is_refused(
    server: Server, api: httpx.AsyncClient, moving: list[str]
) -> None:
    async with Listening(server, "/v1/stream") as stream:
        await Engine(server.database).settle(now=server.clock.now())
        server.clock.advance(timedelta(seconds=60))
        await stream.until(b"data:")
    server.clock.advance(timedelta(hours=25))
    for last in (stream.events()[0][0], "nonsense", ""):
        answer = await api.get("/v1/stream", headers={"Last-Event-ID": last})
        assert answer.json()["code"] == "cursor_mismatch", last
    assert (await api.get("/v1/campaigns/Nobody/stream")).status_code == 404
    for since in ("yesterday", instant(server.clock.now() - timedelta(hours=25))):
        answer = await api.get("/v1/stream", params={"since": since})
        assert answer.json()["code"] == "invalid_value", since
