"""Tokens, scopes, problem details, health: what every route shares."""

import re
from datetime import timedelta
from pathlib import Path

import httpx
from api_server import NOW, Server, running, settings_for
from sqlalchemy import select

from headless.clock import ManualClock
from headless.storage.tables import token as token_table
from headless.workspace import tokens


async def test_whoami_says_who_calls(api: httpx.AsyncClient, server: Server) -> None:
    answer = await api.get("/v1/whoami")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["workspace"]["name"] == "Acme"
    assert body["workspace"]["mode"] == "sandbox"
    assert body["workspace"]["id"].startswith("wsp_")
    assert body["token"]["prefix"] == server.token[:12]
    assert body["token"]["scopes"] == ["admin"]
    assert body["server"]["now"] == "2026-11-23T09:30:00.000Z"


async def test_no_token(server: Server) -> None:
    async with server.client() as client:
        answer = await client.get("/v1/whoami")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="headless"'
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == "/problems/unauthenticated"
    assert body["code"] == "unauthenticated"
    assert body["request_id"] == answer.headers["x-request-id"]


async def test_a_torn_token_is_refused_without_a_look_up(server: Server) -> None:
    async with server.client(server.token[:-1]) as client:
        await server.database.engine.dispose()
        answer = await client.get("/v1/whoami")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert "not a whole token" in answer.json()["detail"]


async def test_an_unknown_a_revoked_and_an_expired_token(server: Server) -> None:
    revoked, revoked_text = await server.new_token("admin")
    async with server.database.transaction() as tx:
        await tokens.revoke(tx, server.workspace_id, revoked.id, now=server.clock.now())
    soon = server.clock.now() + timedelta(minutes=5)
    _, expired_text = await server.new_token("admin", expires_at=soon)
    async with server.client(expired_text) as client:
        assert (await client.get("/v1/whoami")).status_code == 200
        server.clock.advance(timedelta(minutes=5))
        assert (await client.get("/v1/whoami")).status_code == 401
    for text in (tokens.generate("test"), revoked_text):
        async with server.client(text) as client:
            answer = await client.get("/v1/whoami")
        assert answer.status_code == 401
        assert answer.json()["detail"].endswith(f"it ends in …{text[-4:]}")


async def test_only_the_hash_of_a_token_is_kept(server: Server) -> None:
    async with server.database.transaction() as tx:
        row = (await tx.execute(select(token_table))).mappings().one()
    assert server.token not in repr(dict(row))


async def test_the_last_use_is_noted_once_a_minute(api: httpx.AsyncClient, server: Server) -> None:
    async def last() -> object:
        async with server.database.transaction() as tx:
            return await tx.scalar(select(token_table.c.last_used_at))

    await api.get("/v1/whoami")
    first = await last()
    assert first == server.clock.now()
    server.clock.advance(timedelta(seconds=59))
    await api.get("/v1/whoami")
    assert await last() == first
    server.clock.advance(timedelta(seconds=1))
    await api.get("/v1/whoami")
    assert await last() == server.clock.now()


async def test_unknown_paths_methods_and_parameters(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    answer = await api.delete("/v1/whoami")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]
    answer = await api.get("/v1/whoami?who=me")
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_field")


async def test_a_fault_of_ours_tells_nothing_of_the_inside(
    api: httpx.AsyncClient, server: Server
) -> None:
    async with server.database.engine.begin() as connection:
        await connection.exec_driver_sql("alter table workspace rename to hidden")
    answer = await api.get("/v1/whoami", headers={"X-Request-Id": "from-the-proxy-1"})
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert answer.json()["request_id"] == "from-the-proxy-1"
    assert "workspace" not in answer.text
    async with server.database.engine.begin() as connection:
        await connection.exec_driver_sql("alter table hidden rename to workspace")


async def test_health(server: Server) -> None:
    async with server.client() as client:
        assert (await client.get("/healthz")).json() == {"ok": True}
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert {name: check["ok"] for name, check in checks.items()} == {
        "database": True,
        "schema": True,
        "redis": True,
        "workers": False,
    }
    assert checks["workers"]["says"] == "none has been seen for 30 s"


async def test_every_problem_can_be_read_here(server: Server) -> None:
    async with server.client() as client:
        listed = (await client.get("/problems")).json()["data"]
        for problem in listed:
            answer = await client.get(problem["type"])
            assert answer.status_code == 200, problem
            assert answer.json()["code"] == problem["code"]
        page = await client.get("/problems/stale-version", headers={"Accept": "text/html"})
    assert "If-Match" in page.text


async def test_the_documentation_needs_no_other_host(server: Server) -> None:
    async with server.client() as client:
        described = (await client.get("/openapi.json")).json()
        overview = await client.get("/docs")
    assert described["openapi"].startswith("3.1")
    assert "/v1/whoami" in described["paths"]
    assert "/v1/whoami" in overview.text
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', overview.text)


def test_every_route_says_which_scopes_do(server: Server) -> None:
    for route in server.app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if route.path.startswith("/v1") and "OPTIONS" not in handler.http_methods:
                assert {"needs", "write_key"} & set(handler.opt), route.path


async def test_without_redis_it_serves_and_says_so(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url, "redis://127.0.0.1:1/0", tmp_path)
    async with running(settings, ManualClock(NOW)) as server:
        server.workspace_id = await server.workspace()
        _, token = await server.new_token("admin")
        async with server.client(token) as client:
            answer = await client.post("/v1/contacts", json={"external_id": "1"})
            assert answer.status_code == 201
            checks = (await client.get("/readyz")).json()["checks"]
    assert (checks["database"]["ok"], checks["redis"]["ok"]) == (True, False)


async def test_without_the_database_it_says_come_again(redis_url: str, tmp_path: Path) -> None:
    settings = settings_for("postgresql://u:p@127.0.0.1:1/none", redis_url, tmp_path)
    async with (
        running(settings, ManualClock(NOW)) as server,
        server.client(tokens.generate("test")) as client,
    ):
        assert (await client.get("/healthz")).status_code == 200
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["checks"]["database"]["ok"] is False
        assert ready.json()["checks"]["redis"]["ok"] is True
        answer = await client.get("/v1/whoami")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert answer.headers["retry-after"] == "2"
    assert "127.0.0.1" not in answer.text


async def test_the_page_that_a_diagnostic_links_to_is_there(
    server: Server, api: httpx.AsyncClient
) -> None:
    answer = await api.post(
        "/v1/check",
        content="when opned email X then exit",
        headers={"Content-Type": "text/plain"},
    )
    (fault,) = answer.json()["diagnostics"]
    async with server.client() as reader:
        page = await reader.get(fault["docs"], headers={"Accept": "text/html"})
        assert (page.status_code, fault["code"] in page.text) == (200, True)
        plain = await reader.get(fault["docs"])
        assert plain.text.startswith(f"# {fault['code']}: ")
        assert (await reader.get("/docs/errors/E999")).status_code == 404
