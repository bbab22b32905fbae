"""Members: asked in by a ticket that works once, bounded by a role, one person each."""

from datetime import timedelta
from itertools import pairwise

import httpx
from api_server import Server

from headless.workspace.roles import ROLES, bounded, scopes_of
from headless.workspace.tokens import SCOPES

Api = httpx.AsyncClient
ANN = {"name": "Ann", "email": "ann@example.com", "role": "editor"}


async def joined(api: Api, server: Server, **more: str) -> dict[str, str]:
    """A new member's id and token."""
    made = await api.post("/v1/members/invites", json={**ANN, **more})
    assert made.status_code == 201, made.text
    ticket = made.json()["url"].removeprefix("http://testserver")
    async with server.client() as nobody:
        answer = await nobody.post(ticket)
    assert answer.status_code == 201, answer.text
    return {"id": answer.json()["member"]["id"], "token": answer.json()["token"]}


def test_each_role_may_do_what_the_one_before_it_may() -> None:
    for less, more in pairwise(ROLES[:-1]):
        assert set(scopes_of(less)) < set(scopes_of(more))
    assert scopes_of("admin") == ("admin",)
    assert set(scopes_of("approver")) < set(SCOPES)
    assert not [one for one in scopes_of("viewer") if not one.endswith(":read")]
    assert bounded(("admin",), "viewer") == scopes_of("viewer")
    assert bounded(("contacts:read", "tokens:write"), "editor") == ("contacts:read",)


async def test_an_invitation_makes_a_member_once(api: Api, server: Server) -> None:
    made = await api.post("/v1/members/invites", json=ANN)
    assert made.headers["cache-control"] == "no-store"
    path = made.json()["url"].removeprefix("http://testserver")
    async with server.client() as nobody:
        asked = await nobody.get(path, headers={"Accept": "text/html"})
        assert (asked.status_code, "Acme" in asked.text) == (200, True)
        assert (await api.get("/v1/members")).json()["data"] == []
        done = await nobody.post(path)
        assert done.status_code == 201, done.text
        again = await nobody.post(path)
        assert (again.status_code, again.json()["code"]) == (410, "gone")
        torn = await nobody.post("/join/abc")
        assert torn.status_code == 404
    (ann,) = (await api.get("/v1/members")).json()["data"]
    assert (ann["name"], ann["role"], ann["left_at"]) == ("Ann", "editor", None)
    (invite,) = (await api.get("/v1/members/invites")).json()["data"]
    assert (invite["state"], invite["member_id"]) == ("accepted", ann["id"])
    assert path.rpartition("/")[2] not in str(invite)
    (entry,) = (await api.get("/v1/audit?act=join_workspace")).json()["data"]
    assert (entry["actor"], entry["subject"]) == (ann["id"], ann["id"])


async def test_an_invitation_ends_by_time_and_by_hand(api: Api, server: Server) -> None:
    old = (await api.post("/v1/members/invites", json=ANN)).json()
    server.clock.advance(timedelta(days=7))
    new = (await api.post("/v1/members/invites", json=ANN)).json()
    assert (await api.delete(f"/v1/members/invites/{new['id']}")).status_code == 204
    async with server.client() as nobody:
        for made in (old, new):
            answer = await nobody.post(made["url"].removeprefix("http://testserver"))
            assert answer.status_code == 410
    states = [one["state"] for one in (await api.get("/v1/members/invites")).json()["data"]]
    assert states == ["expired", "revoked"]


async def test_a_role_bounds_every_token_and_changes_at_once(api: Api, server: Server) -> None:
    ann = await joined(api, server)
    async with server.client(ann["token"]) as hers:
        scopes = (await hers.get("/v1/whoami")).json()["token"]["scopes"]
        assert "campaigns:write" in scopes
        assert "admin" not in scopes
        assert (await hers.post("/v1/members/invites", json=ANN)).status_code == 403
        assert (await hers.post("/v1/contacts", json={"external_id": "1"})).status_code == 201
        changed = await api.patch(f"/v1/members/{ann['id']}", json={"role": "viewer"})
        assert changed.json()["role"] == "viewer"
        assert (await hers.post("/v1/contacts", json={"external_id": "2"})).status_code == 403
        (entry,) = (await api.get("/v1/audit?act=change_member")).json()["data"]
        assert (entry["detail"]["before"], entry["detail"]["role"]) == ("editor", "viewer")
        assert (await api.delete(f"/v1/members/{ann['id']}")).status_code == 204
        assert (await hers.get("/v1/whoami")).status_code == 401
    left = (await api.get(f"/v1/members/{ann['id']}")).json()
    assert (left["left_at"] is not None, left["role"]) == (True, "viewer")
    refused = await api.patch(f"/v1/members/{ann['id']}", json={"role": "admin"})
    assert refused.json()["code"] == "wrong_state"


async def test_two_tokens_of_a_member_are_one_person(api: Api, server: Server) -> None:
    ann = await joined(api, server, role="admin")
    async with server.client(ann["token"]) as hers:
        body = {"name": "laptop", "scopes": ["contacts:write"]}
        second = (await hers.post("/v1/tokens", json=body)).json()
        service = (await hers.post("/v1/tokens", json={**body, "service": True})).json()
    assert (second["member_id"], service["member_id"]) == (ann["id"], None)
    for number, token in enumerate((ann, second, service)):
        async with server.client(token["token"]) as client:
            await client.post("/v1/contacts", json={"external_id": str(number)})
    told = (await api.get("/v1/audit?act=save_contact")).json()["data"]
    assert [one["actor"] for one in told] == [service["id"], ann["id"], ann["id"]]
    stolen = await api.post(f"/v1/tokens/{second['id']}/rotate")
    assert (stolen.status_code, "colleague" in stolen.json()["detail"]) == (403, True)


async def test_nobody_gives_or_takes_more_than_they_may(api: Api, server: Server) -> None:
    ann = await joined(api, server, role="admin")
    _, text = await server.new_token("members:write", "contacts:read")
    async with server.client(text) as poor:
        refused = await poor.post("/v1/members/invites", json={**ANN, "role": "admin"})
        assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
        assert (await poor.patch(f"/v1/members/{ann['id']}", json={"role": "viewer"})).status_code
        assert (await poor.delete(f"/v1/members/{ann['id']}")).status_code == 403
    assert (await api.get(f"/v1/members/{ann['id']}")).json()["role"] == "admin"


async def test_names_and_addresses_belong_to_one(api: Api, server: Server) -> None:
    first = await joined(api, server)
    for other in ({"email": "other@example.com"}, {"name": "Eve"}):
        taken = await api.post("/v1/members/invites", json={**ANN, **other})
        assert (taken.status_code, taken.json()["code"]) == (409, "name_taken")
    odd = await api.post("/v1/members/invites", json={**ANN, "name": "Eve", "email": "no"})
    assert odd.json()["code"] == "invalid_value"
    await api.delete(f"/v1/members/{first['id']}")
    assert (await joined(api, server))["id"] == first["id"]
