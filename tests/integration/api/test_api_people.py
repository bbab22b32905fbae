"""Searching, merging and erasing contacts over HTTP, and their devices."""

import httpx
from api_server import Server
from sqlalchemy import text

Api = httpx.AsyncClient


async def _person(api: Api, name: str, **more: object) -> str:
    body = {"external_id": name, "email": f"{name}@example.org", **more}
    return str((await api.post("/v1/contacts", json=body)).json()["id"])


async def test_contacts_are_found_by_a_condition(api: Api) -> None:
    people = [await _person(api, n, tags={"add": ["vip"]}) for n in ("a", "b", "c")]
    await _person(api, "d")
    first = (
        await api.post("/v1/contacts/search", json={"where": "has tag vip", "limit": 2})
    ).json()
    assert [one["id"] for one in first["data"]] == people[:2]
    body = {"where": "has tag vip", "limit": 2, "cursor": first["next_cursor"]}
    assert [
        one["id"] for one in (await api.post("/v1/contacts/search", json=body)).json()["data"]
    ] == people[2:]
    assert (await api.post("/v1/contacts/search", json={"where": "points >"})).status_code == 422


async def test_an_erased_contact_is_gone_and_stays_suppressed(api: Api, server: Server) -> None:
    ada = await _person(api, "ada", phone="+33612345678", preferred_channel="sms")
    async with server.database.transaction() as tx:
        await tx.execute(
            text(
                "insert into suppression (workspace_id, contact_id, channel, reason, source, at)"
                " select workspace_id, id, 1, 'unsubscribed', 'link', created_at from contact"
            )
        )
    assert (await api.delete(f"/v1/contacts/{ada}")).status_code == 204
    gone = await api.get(f"/v1/contacts/{ada}")
    assert (gone.status_code, gone.json()["code"]) == (410, "gone")
    assert (await api.delete(f"/v1/contacts/{ada}")).status_code == 410
    again = (await api.post("/v1/contacts", json={"email": "ADA@example.org"})).json()
    assert again["suppressed"] == ["email"]
    assert again["id"] != ada
    _, poor = await server.new_token("contacts:write")
    async with server.client(poor) as writer:
        assert (await writer.delete(f"/v1/contacts/{again['id']}")).status_code == 403


async def test_two_contacts_become_one(api: Api) -> None:
    kept = (await api.post("/v1/contacts", json={"external_id": "1"})).json()["id"]
    gone = await _person(api, "2", tags={"add": ["vip"]})
    assert (
        await api.post("/v1/contacts/merge", json={"kept": kept, "gone": kept})
    ).status_code == 400
    merged = (await api.post("/v1/contacts/merge", json={"kept": kept, "gone": gone})).json()
    assert (merged["id"], merged["email"], merged["tags"]) == (kept, "2@example.org", ["vip"])
    answer = await api.get(f"/v1/contacts/{gone}")
    assert (answer.status_code, answer.json()["into"]) == (410, kept)


async def test_the_devices_of_a_contact(api: Api) -> None:
    ada, bob = await _person(api, "ada"), await _person(api, "bob")
    device = {"token": "abc", "platform": "ios"}
    made = await api.post(f"/v1/contacts/{ada}/devices", json=device)
    assert made.status_code == 201
    assert (await api.get(f"/v1/contacts/{ada}/devices")).json()["data"] == [made.json()]
    moved = (await api.post(f"/v1/contacts/{bob}/devices", json=device)).json()
    assert (await api.get(f"/v1/contacts/{ada}/devices")).json()["data"] == []
    path = f"/v1/contacts/{bob}/devices/{moved['id']}"
    assert [(await api.delete(path)).status_code for _ in range(2)] == [204, 404]
