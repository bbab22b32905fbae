"""Fields over HTTP: what is said of them, and that nothing is deleted under those who use it."""

from typing import Any

import httpx
from api_server import Server
from sqlalchemy import text

from headless.campaigns.anonymising import CHANGED

Api = httpx.AsyncClient


async def test_what_is_said_of_a_field(api: Api) -> None:
    more = {"label": "Spent so far", "description": "in euros", "personal": True}
    made = await api.post("/v1/fields", json={"name": "Spend", "type": "number", **more})
    assert (made.status_code, made.headers["location"]) == (201, "/v1/fields/Spend")
    assert {name: made.json()[name] for name in more} == more
    changed = await api.patch("/v1/fields/spend", json={"label": "Spent", "description": None})
    assert changed.json() | {"label": "Spent", "description": None} == changed.json()
    assert changed.json()["personal"] is True
    assert (await api.get(f"/v1/fields/{made.json()['id']}")).json() == changed.json()
    assert (await api.get("/v1/fields")).json()["data"] == [changed.json()]
    assert (await api.patch("/v1/fields/spend", json={"type": "number"})).status_code == 200
    other = await api.patch("/v1/fields/spend", json={"type": "text", "label": "x"})
    assert (other.status_code, other.json()["code"]) == (409, "wrong_state")
    assert "make a field of type text under another name" in other.json()["detail"]
    assert (await api.get("/v1/fields/spend")).json()["label"] == "Spent"
    assert (await api.get("/v1/fields/nobody")).status_code == 404


async def test_a_field_that_is_used_stays(api: Api) -> None:
    for name in ("city", "plan", "size", "cityname"):
        await api.post("/v1/fields", json={"name": name, "type": "text"})
    users: list[tuple[str, str, dict[str, Any]]] = [
        ("segment", "/v1/segments", {"name": "S", "condition": 'city is "Paris"'}),
        ("campaign", "/v1/campaigns", {"source": 'campaign "C"\nwhen did "x" then clear city'}),
        ("email", "/v1/emails",
         {"name": "E", "subject": "s", "html": "<p>{{ contact.city }}</p>"}),
        ("sms", "/v1/sms", {"name": "T", "body": "to {{ contact.city }}"}),
        ("form", "/v1/forms",
         {"name": "F", "slug": "f", "fields": [{"name": "a", "type": "text", "contact": "city"}]}),
        ("integration", "/v1/integrations",
         {"name": "I", "provider": "upsert",
          "settings": {"url": "https://example.com", "fields": {"town": "city"}},
          "secrets": {"token": "x"}}),
    ]  # fmt: skip
    for kind, path, body in users:
        made = await api.post(path, json=body)
        assert made.status_code == 201, (kind, made.text)
        name = made.json()["name"]
        used = await api.delete("/v1/fields/city")
        assert (used.status_code, used.json()["code"]) == (409, "in_use"), kind
        assert used.json()["used_by"] == [{"kind": kind, "name": name}]
        gone = await api.delete(f"{path}/{made.json()['id']}")
        assert gone.status_code == 204, gone.text
    for path, body in (
        ("/v1/segments", {"name": "S", "condition": 'cityname is "Paris"'}),
        ("/v1/sms", {"name": "T", "body": "{{ contact.cityname }}"}),
    ):
        assert (await api.post(path, json=body)).status_code == 201
    contact = {"external_id": "1", "fields": {"city": "Rome"}}
    await api.post("/v1/contacts", json=contact)
    used = await api.delete("/v1/fields/city")
    assert "1 contacts have a value" in used.json()["detail"]
    await api.post("/v1/contacts", json={**contact, "fields": {"city": None}})
    assert (await api.delete("/v1/fields/city")).status_code == 204
    assert (await api.get("/v1/fields/city")).status_code == 404


async def test_a_personal_number_does_not_stay_in_copies(api: Api, server: Server) -> None:
    for name, personal in (("age", True), ("orders", False)):
        body = {"name": name, "type": "number", "personal": personal}
        await api.post("/v1/fields", json=body)
    await api.post("/v1/contacts", json={"external_id": "1", "fields": {"age": 40, "orders": 3}})
    async with server.database.transaction() as tx:
        kept = await tx.scalar(text(f"select {CHANGED['contact']['fields']} from contact"))
    assert kept == {"orders": 3}
