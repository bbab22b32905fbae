"""Imports beyond plain CSV: NDJSON, and going on where an import of the same file has stopped."""

import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jsonschema_rs
import msgspec
import pytest
from api_server import Server
from sqlalchemy import select

from headless.audience import imports, records
from headless.storage.tables import contact, delivery
from headless.workspace.webhooks.catalogue import published, schema

NDJSON = {"Content-Type": "application/x-ndjson"}


def lines(*rows: Any) -> bytes:
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


async def everybody(server: Server) -> dict[str, Any]:
    async with server.database.transaction() as tx:
        rows = await tx.execute(select(contact.c.email, contact.c.fields, contact.c.time_zone))
        return {row.email: (row.fields, row.time_zone) for row in rows}


async def test_ndjson_comes_in_beside_csv(server: Server, api: httpx.AsyncClient) -> None:
    await api.post("/v1/fields", json={"name": "city", "type": "text"})
    body = lines(
        {"email": "a@example.com", "fields": {"city": "Paris"}, "age": 3, "tags": ["x", "y"],
         "segments": ["New"]},
        {"email": "b@example.com", "city": "Rome", "time_zone": "Europe/Rome"},
        [1], {"email": 5}, {"email": "no address"}, {"city": "nobody"}, {"email": "c@example.com",
                                                                       "age": "old"},
    ) + b"{broken\n\n" + lines({"email": "d@example.com", "city": None, "tags": "x"})  # fmt: skip
    path = "/v1/imports?on_missing_field=create"
    tried = (await api.post(f"{path}&dry_run=true", content=body, headers=NDJSON)).json()
    assert (tried["counts"]["created"], tried["counts"]["rejected"]) == (2, 7)
    assert await everybody(server) == {}
    job = (await api.post(path, content=body, headers=NDJSON)).json()
    assert (job["state"], job["counts"]["created"], job["counts"]["rejected"]) == ("done", 2, 7)
    assert await everybody(server) == {
        "a@example.com": ({"city": "Paris", "age": 3}, None),
        "b@example.com": ({"city": "Rome"}, "Europe/Rome"),
    }
    faults = (await api.get(job["errors_url"], headers={"Accept": "text/csv"})).text
    assert [row.split(",")[0] for row in faults.splitlines()[1:]] == [
        f'"{n}"' for n in (3, 4, 5, 6, 7, 8, 10)
    ]
    members = (await api.get("/v1/segments/New/members")).json()["data"]
    assert [one["email"] for one in members] == ["a@example.com"]
    again = lines({"email": "a@example.com", "city": None})
    await api.post("/v1/imports", content=again, headers=NDJSON)
    assert (await everybody(server))["a@example.com"] == ({"age": 3}, None)


async def test_members_that_are_no_field_are_refused_ignored_or_renamed(
    server: Server, api: httpx.AsyncClient
) -> None:
    body = lines({"Mail": "a@example.com", "what": 1})
    refused = await api.post("/v1/imports", content=body, headers=NDJSON)
    assert refused.json()["code"] == "unknown_field"
    path = "/v1/imports?on_missing_field=ignore&map=Mail:email"
    job = (await api.post(path, content=body, headers=NDJSON)).json()
    assert job["counts"]["created"] == 1
    for empty in (b"", b"\n\n", b"no json\n"):
        answer = await api.post("/v1/imports", content=empty, headers=NDJSON)
        assert answer.json()["code"] == "invalid_body"


@pytest.mark.parametrize("form", ["csv", "ndjson"])
async def test_the_same_file_goes_on_where_it_stopped(
    server: Server, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(imports, "AT_ONCE", 10)
    monkeypatch.setattr(records, "_FIRST", 10)
    hook = {"url": "http://127.0.0.1:9/", "events": ["import.finished"]}
    await api.post("/v1/webhooks", json=hook)
    if form == "csv":
        rows = [b"email\n", *(b"p%d@example.com\n" % n for n in range(100))]
        headers = {"Content-Type": "text/csv"}
    else:
        rows = [lines({"email": f"p{n}@example.com"}) for n in range(100)]
        headers = dict(NDJSON)
    whole = b"".join(rows)
    headers["Repr-Digest"] = digest(whole)

    async def torn() -> AsyncIterator[bytes]:
        for row in rows[:55]:
            yield row
        raise ConnectionError("the sender is gone")

    answer = await api.post("/v1/imports", content=torn(), headers=headers)
    assert answer.status_code >= 400
    (stopped,) = (await api.get("/v1/jobs?state=failed")).json()["data"]
    assert 0 < stopped["done"] < 60
    other = await api.post("/v1/imports?on_conflict=skip", content=whole, headers=headers)
    assert "resumed" not in other.json()["result"]  # another way of taking it in
    job = (await api.post("/v1/imports", content=whole, headers=headers)).json()
    assert job["result"]["resumed"] == stopped["id"]
    assert job["result"]["skipped"] == stopped["done"]
    assert (job["state"], job["done"]) == ("done", 100)
    assert sum(job["counts"].values()) == 100 - stopped["done"]
    assert len(await everybody(server)) == 100
    once_more = (await api.post("/v1/imports", content=whole, headers=headers)).json()
    assert "resumed" not in once_more["result"]  # that one came to its end
    async with server.database.transaction() as tx:
        told = await tx.execute(select(delivery.c.data).order_by(delivery.c.id))
        events = [published(data) for data in told.scalars()]
    assert [event["state"] for event in events] == ["failed", "done", "done", "done"]
    shape = schema("import.finished")
    whole_shape = {**shape["properties"]["data"], "$defs": shape["$defs"]}
    jsonschema_rs.validator_for(whole_shape).validate(events[0])


async def test_a_file_that_is_not_what_its_digest_says_ends_as_failed(
    api: httpx.AsyncClient,
) -> None:
    headers = {"Content-Type": "text/csv", "Repr-Digest": digest(b"another")}
    job = (await api.post("/v1/imports", content=b"email\na@example.com\n", headers=headers)).json()
    assert (job["state"], job["counts"]["created"]) == ("failed", 1)
    assert "digest" in job["detail"]
    headers["Repr-Digest"] = "md5=:abc:"
    answer = await api.post("/v1/imports", content=b"email\n", headers=headers)
    assert answer.json()["code"] == "invalid_value"
