"""Exports: NDJSON that an import takes back, a ZIP of one person, the events with properties."""

import io
import zipfile
from typing import Any

import httpx
import msgspec
import pytest
from api_server import Server
from sqlalchemy import insert

from headless import ids
from headless.audience import exports
from headless.storage.codes import Channel
from headless.storage.tables import message


def rows(body: bytes) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in body.splitlines()]


async def test_contacts_go_out_page_by_page_and_come_back(
    server: Server, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PAGE", 3)
    await api.post("/v1/fields", json={"name": "city", "type": "text"})
    people = [
        {"email": f"p{n}@example.com", "fields": {"city": f"C{n}"},
         "tags": {"add": ["even" if n % 2 == 0 else "odd"]}}
        for n in range(8)
    ]  # fmt: skip
    await api.post("/v1/contacts/batch", json={"contacts": people})
    answer = await api.get("/v1/exports/contacts")
    assert answer.headers["content-type"] == "application/x-ndjson"
    out = rows(answer.content)
    assert [one["email"] for one in out] == [one["email"] for one in people]
    assert (out[1]["fields"], out[1]["tags"]) == ({"city": "C1"}, ["odd"])
    odd = await api.get("/v1/exports/contacts?tag=odd")
    assert len(rows(odd.content)) == 4
    assert (await api.get("/v1/exports/contacts?segment=None")).status_code == 404
    other = await server.workspace("Other")
    _, token = await server.new_token("admin", workspace_id=other)
    async with server.client(token) as elsewhere:
        assert (await elsewhere.get("/v1/exports/contacts")).content == b""
        back = await elsewhere.post(
            "/v1/imports?on_missing_field=create",
            content=b"".join(
                msgspec.json.encode({k: one[k] for k in ("email", "fields", "tags")}) + b"\n"
                for one in out
            ),
            headers={"Content-Type": "application/x-ndjson"},
        )
        assert back.json()["counts"]["created"] == 8
        again = rows((await elsewhere.get("/v1/exports/contacts")).content)
    assert [(o["email"], o["fields"], o["tags"]) for o in again] == [
        (o["email"], o["fields"], o["tags"]) for o in out
    ]
    _, poor = await server.new_token("contacts:read")
    async with server.client(poor) as reader:
        assert (await reader.get("/v1/exports/contacts")).status_code == 403


async def test_all_that_is_kept_of_one_person_and_nothing_of_others(
    server: Server, api: httpx.AsyncClient
) -> None:
    ann = (await api.post("/v1/contacts", json={"email": "ann@example.com"})).json()["id"]
    await api.post("/v1/contacts", json={"email": "bob@example.com"})
    for email, count in (("ann@example.com", 2), ("bob@example.com", 1)):
        for n in range(count):
            await api.post(
                "/v1/activities",
                json={"contact": {"email": email}, "did": "Order Placed", "id": f"{email}{n}",
                      "properties": {"total": n, "gift": True, "items": [1]}},
            )  # fmt: skip
    now, number = server.clock.now(), ids.decode("con", ann)
    async with server.database.transaction() as tx:
        sent = {"workspace_id": server.workspace_id, "contact_id": number, "created_at": now,
                "channel": int(Channel.EMAIL), "due_at": now}  # fmt: skip
        await tx.execute(insert(message).values(sent))
    answer = await api.get(f"/v1/contacts/{ann}/export")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        kept = {name.removesuffix(".ndjson"): rows(archive.read(name))
                for name in archive.namelist()}  # fmt: skip
    assert set(kept) == {
        "contact", "activities", "messages", "runs", "suppressions", "consents", "points",
        "devices",
    }  # fmt: skip
    assert kept["contact"][0]["email"] == "ann@example.com"
    assert [one["name"] for one in kept["activities"]] == ["Order Placed", "Order Placed"]
    assert [one["state"] for one in kept["messages"]] == ["pending"]
    assert b"bob" not in answer.content
    everything = rows((await api.get("/v1/exports/activities")).content)
    assert len(everything) == 3
    later = now.isoformat().replace("+00:00", "Z").replace("T09", "T10")
    assert (await api.get(f"/v1/exports/activities?since={later}")).content == b""
    (event,) = (await api.get("/v1/events")).json()["data"]
    assert event["name"] == "Order Placed"
    assert event["properties"] == {"total": "number", "gift": "boolean"}
    assert (await api.get("/v1/contacts/con_nobody/export")).status_code == 404


async def test_what_no_tag_can_be_called_is_refused_before_the_stream_begins(
    api: httpx.AsyncClient,
) -> None:
    odd = await api.get("/v1/exports/contacts?tag=a%00b")
    assert (odd.status_code, odd.json()["code"]) == (400, "invalid_value")
    assert "`tag`" in odd.json()["detail"]
