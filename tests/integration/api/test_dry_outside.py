"""A rehearsal calls nobody: every route that changes something, found in the application, is asked
with things that exist and a body that fits, and no connection leaves this process."""

import re
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from api_server import Server
from mail_double import MailDouble

from headless.api import openapi
from headless.api.auth import mutates

Api = httpx.AsyncClient
DRY = {"dry_run": "true"}
SENDING = {"/v1/channels/{name}/test", "/v1/webhook-targets/{name}/test",
           "/v1/webhooks/{webhook_id}/ping"}  # fmt: skip


@pytest.fixture
def called(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Where this process connects to, and whom it looks up, other than its own servers."""
    found: list[Any] = []
    own = {urlsplit(database_url).port, urlsplit(redis_url).port, None}
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    look_up = socket.getaddrinfo

    def noted(address: Any) -> None:
        if isinstance(address, tuple) and address[1] not in own:
            found.append(address)

    def noting(self: socket.socket, address: Any) -> None:
        noted(address)
        connect(self, address)

    def noting_ex(self: socket.socket, address: Any) -> int:
        noted(address)
        return connect_ex(self, address)

    def looking(host: Any, port: Any, *more: Any, **named: Any) -> Any:
        noted((host, port))
        return look_up(host, port, *more, **named)

    monkeypatch.setattr(socket.socket, "connect", noting)
    monkeypatch.setattr(socket.socket, "connect_ex", noting_ex)
    monkeypatch.setattr(socket, "getaddrinfo", looking)
    return found


async def test_no_rehearsal_talks_to_anybody(api: Api, server: Server, called: list[Any]) -> None:
    async with MailDouble() as double:
        port = urlsplit(double.url).port
        mail = {"host": "127.0.0.1", "port": port, "tls": "never"}
        there = await _things(api, mail, f"http://127.0.0.1:{port}/")
        described = openapi.describe(server.app)
        asked, answered = 0, set()
        called.clear()
        for route in server.app.routes:
            for handler in getattr(route, "route_handlers", ()):
                if "needs" not in handler.opt or not mutates(handler):
                    continue
                path = re.sub(r":\w+}", "}", route.path)
                if path == "/v1/imports":  # reads its file, also to rehearse; sends nothing
                    continue
                (method,) = handler.http_methods
                content = described["paths"][path][method.lower()].get("requestBody", {})
                body = content.get("content", {}).get("application/json", {}).get("example", {})
                if path.endswith("channels/{name}/test"):
                    body = {"to": "me@example.com"}
                answer = await api.request(method, _filled(path, there), params=DRY, json=body)
                assert answer.status_code < 500, (method, path, answer.text)
                assert called == [], (method, path, called)
                asked += 1
                if path in SENDING:
                    assert answer.json()["code"] == "wrong_state", (path, answer.text)
                    assert "cannot be rehearsed" in answer.json()["detail"]
                    answered.add(path)
        assert asked > 60
        assert answered == SENDING
        assert double.taken == {}
        # the same without a rehearsal is seen: the watch is no blind one
        sent = await api.post("/v1/channels/Mail/test", json={"to": "me@example.com"})
        assert sent.json()["ok"] is True, sent.text
        assert ("127.0.0.1", port) in called
        called.clear()
        hook = there["webhook-targets"]
        await api.post(f"/v1/webhook-targets/{hook}/test")
        assert called


async def _things(api: Api, mail: dict[str, Any], url: str) -> dict[str, str]:
    """One of each kind of thing, by the name of its collection."""
    wanted: dict[str, dict[str, Any]] = {
        "channels": {"name": "Mail", "provider": "smtp", "settings": mail},
        "webhook-targets": {"name": "Hook", "url": url},
        "integrations": {"name": "Crm", "provider": "upsert", "settings": {"url": url},
                         "secrets": {"token": "x"}},
        "webhooks": {"url": url, "events": ["contact.created"]},
        "emails": {"name": "Welcome", "subject": "s", "html": "<p>x</p>"},
        "sms": {"name": "Text", "body": "x"},
        "segments": {"name": "Group"},
        "contacts": {"email": "ada@example.com"},
        "campaigns": {"source": 'campaign "C"\nstart when did "x"\nsend email Welcome'},
        "topics": {"name": "News"},
        "companies": {"name": "Acme"},
    }  # fmt: skip
    there = {}
    for collection, body in wanted.items():
        made = await api.post(f"/v1/{collection}", json=body)
        assert made.status_code in (200, 201), (collection, made.text)
        there[collection] = made.json().get("id") or body["name"]
    return there


def _filled(path: str, there: dict[str, str]) -> str:
    """A path with the things that exist."""
    collection = path.split("/")[2]
    one = re.sub(r"\{\w+}", there.get(collection, "nobody"), path, count=1)
    return re.sub(r"[{}]", "", one)
