"""Tokens over HTTP: made narrower, rotated with grace, ended; never seen by another workspace."""

from datetime import timedelta

import httpx
from api_server import Server
from sqlalchemy import select

from headless import ids
from headless.storage.tables import token as token_table


async def test_a_token_is_shown_once_and_works(api: httpx.AsyncClient, server: Server) -> None:
    made = await api.post("/v1/tokens", json={"name": "CI", "scopes": ["contacts:read"]})
    assert made.status_code == 201, made.text
    assert made.headers["cache-control"] == "no-store"
    body = made.json()
    assert body["token"].startswith("hk_test_")
    async with server.client(body["token"]) as client:
        assert (await client.get("/v1/contacts")).status_code == 200
        assert (await client.get("/v1/tokens")).status_code == 403
    listed = await api.get("/v1/tokens")
    assert body["token"] not in listed.text
    entry = listed.json()["data"][-1]
    assert (entry["id"], entry["name"], entry["state"]) == (body["id"], "CI", "active")
    assert entry == (await api.get(f"/v1/tokens/{body['id']}")).json()
    async with server.database.transaction() as tx:
        rows = (await tx.execute(select(token_table))).mappings().all()
    assert body["token"] not in repr([dict(row) for row in rows])


async def test_a_token_hands_on_only_what_it_has(server: Server) -> None:
    own, text = await server.new_token("tokens:write", "contacts:read")
    async with server.client(text) as client:
        fine = await client.post("/v1/tokens", json={"name": "a", "scopes": ["contacts:read"]})
        assert fine.status_code == 201, fine.text
        for scopes in (["contacts:write"], ["admin"], ["contacts:read", "emails:write"]):
            refused = await client.post("/v1/tokens", json={"name": "b", "scopes": scopes})
            assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
        wrong = await client.post("/v1/tokens", json={"name": "c", "scopes": ["contact:read"]})
        assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_value")
        assert "contacts:read" in wrong.json()["detail"]
        admin, _ = await server.new_token("admin")
        path = f"/v1/tokens/{ids.encode('tok', admin.id)}"
        assert (await client.post(f"{path}/rotate")).status_code == 403
        assert (await client.delete(path)).status_code == 403
        assert (await client.delete(f"/v1/tokens/{ids.encode('tok', own.id)}")).status_code == 204
        assert (await client.get("/v1/tokens")).status_code == 401


async def test_a_token_that_ends_makes_none_that_outlives_it(server: Server) -> None:
    ends = server.clock.now() + timedelta(days=1)
    own, text = await server.new_token("tokens:write", "contacts:read", expires_at=ends)
    later = (ends + timedelta(hours=1)).isoformat()
    past = (server.clock.now() - timedelta(hours=1)).isoformat()
    async with server.client(text) as client:
        body = {"name": "a", "scopes": ["contacts:read"]}
        made = (await client.post("/v1/tokens", json=body)).json()
        assert made["expires_at"] == "2026-11-24T09:30:00.000Z"
        refused = await client.post("/v1/tokens", json={**body, "expires_at": later})
        assert "outlives" in refused.json()["detail"]
        refused = await client.post("/v1/tokens", json={**body, "expires_at": past})
        assert "has passed" in refused.json()["detail"]
        server.clock.advance(timedelta(hours=12))
        again = await client.post(f"/v1/tokens/{ids.encode('tok', own.id)}/rotate")
        assert again.json()["expires_at"] == "2026-11-24T09:30:00.000Z"


async def test_rotating_leaves_the_old_one_its_grace(
    api: httpx.AsyncClient, server: Server
) -> None:
    old, old_text = await server.new_token("contacts:read")
    path = f"/v1/tokens/{ids.encode('tok', old.id)}"
    made = await api.post(f"{path}/rotate", json={"grace_hours": 2})
    assert made.status_code == 201, made.text
    new_text = made.json()["token"]
    assert (made.json()["scopes"], made.json()["expires_at"]) == (["contacts:read"], None)
    async with server.client(old_text) as before, server.client(new_text) as after:
        assert (await before.get("/v1/contacts")).status_code == 200
        server.clock.advance(timedelta(hours=2))
        assert (await before.get("/v1/contacts")).status_code == 401
        assert (await after.get("/v1/contacts")).status_code == 200
    assert (await api.get(path)).json()["state"] == "expired"
    again = await api.post(f"{path}/rotate")
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    assert (await api.post(f"{path}/rotate", json={"grace_hours": -1})).status_code == 400


async def test_a_revoked_token_ends_at_once_and_stays_in_the_list(
    api: httpx.AsyncClient, server: Server
) -> None:
    known, text = await server.new_token("contacts:read")
    path = f"/v1/tokens/{ids.encode('tok', known.id)}"
    assert (await api.delete(path)).status_code == 204
    async with server.client(text) as client:
        assert (await client.get("/v1/contacts")).status_code == 401
    shown = (await api.get(path)).json()
    assert (shown["state"], shown["revoked_at"]) == ("revoked", "2026-11-23T09:30:00.000Z")
    assert (await api.delete(path)).status_code == 204


async def test_another_workspaces_tokens_are_not_there(
    api: httpx.AsyncClient, server: Server
) -> None:
    other = await server.workspace("Other")
    known, _ = await server.new_token("admin", workspace_id=other)
    path = f"/v1/tokens/{ids.encode('tok', known.id)}"
    for answer in (
        await api.get(path),
        await api.post(f"{path}/rotate"),
        await api.delete(path),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert len((await api.get("/v1/tokens")).json()["data"]) == 1


async def test_the_list_goes_on_behind_its_cursor(api: httpx.AsyncClient, server: Server) -> None:
    for _ in range(3):
        await server.new_token("contacts:read")
    first = (await api.get("/v1/tokens?limit=3")).json()
    rest = (await api.get("/v1/tokens", params={"cursor": first["next_cursor"]})).json()
    assert (len(first["data"]), len(rest["data"]), rest["next_cursor"]) == (3, 1, None)
