"""Contacts over HTTP: matching, merging, conflicts, fields, tags, pages."""

import asyncio
from typing import Any

import httpx
import pytest
from api_server import Server
from sqlalchemy import select, text

from headless import ids
from headless.storage.tables import contact, contact_change, contact_tag, listener, tag

Api = httpx.AsyncClient


async def made(api: Api, **body: Any) -> dict[str, Any]:
    answer = await api.post("/v1/contacts", json=body)
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json())


@pytest.fixture(autouse=True)
async def fields(api: Api) -> None:
    for name, type_ in (
        ("first_name", "text"),
        ("spend", "number"),
        ("vip", "boolean"),
        ("birthday", "date"),
        ("trial_ends", "datetime"),
    ):
        answer = await api.post("/v1/fields", json={"name": name, "type": type_})
        assert answer.status_code == 201, answer.text


async def test_made_once_then_found_again(api: Api) -> None:
    body = {"external_id": "42", "email": "Ada@EXAMPLE.com", "fields": {"first_name": "Ada"}}
    answer = await api.post("/v1/contacts", json=body)
    assert answer.status_code == 201
    first = answer.json()
    assert answer.headers["location"] == f"/v1/contacts/{first['id']}"
    assert first["created"] is True
    assert first["email"] == "Ada@example.com"
    assert first["created_at"] == "2026-11-23T09:30:00.000Z"
    answer = await api.post("/v1/contacts", json=body)
    assert answer.status_code == 200
    assert answer.json() == {**first, "created": False}
    by_mail = await made(api, email="ADA@example.COM", fields={"spend": 12.5})
    assert by_mail["id"] == first["id"]
    assert by_mail["fields"] == {"first_name": "Ada", "spend": 12.5}
    got = (await api.get(f"/v1/contacts/{first['id']}")).json()
    assert {**got, "created": False} == by_mail


async def test_absent_keeps_and_null_clears(api: Api) -> None:
    one = await made(
        api, external_id="1", time_zone="europe/paris", fields={"spend": 1, "first_name": "A"}
    )
    assert one["time_zone"] == "Europe/Paris"
    two = await made(api, external_id="1", fields={"spend": None})
    assert two["fields"] == {"first_name": "A"}
    assert two["time_zone"] == "Europe/Paris"
    answer = await api.patch(f"/v1/contacts/{one['id']}", json={"time_zone": None, "stage": "lead"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["time_zone"], answer.json()["stage"]) == (None, "lead")
    assert answer.json()["fields"] == {"first_name": "A"}


async def test_an_address_can_be_given_an_external_id_later(api: Api) -> None:
    one = await made(api, email="a@example.com")
    two = await made(api, email="a@example.com", external_id="7")
    assert two["id"] == one["id"]
    three = await made(api, external_id="7", email="b@example.com")
    assert (three["id"], three["email"]) == (one["id"], "b@example.com")


async def test_two_contacts_are_meant(api: Api) -> None:
    one = await made(api, external_id="1", email="one@example.com")
    two = await made(api, external_id="2", email="two@example.com")
    answer = await api.post("/v1/contacts", json={"external_id": "1", "email": "TWO@example.com"})
    assert (answer.status_code, answer.json()["code"]) == (409, "identity_conflict")
    assert answer.json()["contacts"] == [one["id"], two["id"]]
    answer = await api.post("/v1/contacts", json={"external_id": "3", "email": "two@example.com"})
    assert (answer.status_code, answer.json()["contacts"]) == (409, [two["id"]])
    answer = await api.patch(f"/v1/contacts/{one['id']}", json={"email": "two@example.com"})
    assert (answer.status_code, answer.json()["contacts"]) == (409, [one["id"], two["id"]])


@pytest.mark.parametrize(
    ("field", "bad", "told"),
    [
        ("spend", "12", "must be a number"),
        ("spend", True, "must be a number"),
        ("spend", 1e300, "between"),
        ("vip", "yes", "true or false"),
        ("birthday", "2026-02-30", "no day"),
        ("birthday", "23.11.2026", "2026-11-23"),
        ("trial_ends", "2026-11-23T09:30:00", "zone"),
        ("trial_ends", "tomorrow", "must be a time"),
        ("first_name", 5, "must be text"),
        ("first_name", "a\0b", "U+0000"),
    ],
)
async def test_values_are_held_against_their_type(
    api: Api, field: str, bad: object, told: str
) -> None:
    answer = await api.post("/v1/contacts", json={"external_id": "1", "fields": {field: bad}})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_value")
    assert told in answer.json()["detail"]
    assert answer.json()["errors"][0]["pointer"] == f"/fields/{field}"


async def test_kept_values_can_be_cast_by_sql(api: Api, server: Server) -> None:
    await made(
        api,
        external_id="1",
        fields={
            "spend": 1.25e-5,
            "vip": False,
            "birthday": "2024-02-29",
            "trial_ends": "2026-11-23T10:30:00.123456+01:00",
        },
    )
    async with server.database.transaction() as tx:
        row = (
            await tx.execute(
                text(
                    "select (fields->>'spend')::numeric, (fields->>'vip')::boolean,"
                    " (fields->>'birthday')::date, (fields->>'trial_ends')::timestamptz,"
                    " fields->>'trial_ends' from contact"
                )
            )
        ).one()
    assert float(row[0]) == 1.25e-5
    assert row[1] is False
    assert row[4] == "2026-11-23T09:30:00.123Z"


async def test_every_fault_is_told_at_once(api: Api) -> None:
    body = {"email": "nobody", "time_zone": "Europe/Pariss", "fields": {"spent": 1, "vip": 3}}
    answer = await api.post("/v1/contacts", json=body)
    assert answer.status_code == 400
    told = {error["pointer"]: error["detail"] for error in answer.json()["errors"]}
    assert set(told) == {"/email", "/time_zone", "/fields/spent", "/fields/vip"}
    assert "did you mean `Europe/Paris`" in told["/time_zone"]
    assert "did you mean `spend`?" in told["/fields/spent"]


async def test_the_body_is_read_strictly(api: Api) -> None:
    answer = await api.post("/v1/contacts", json={"emial": "a@example.com", "fields": []})
    assert answer.status_code == 400
    told = {error["pointer"]: error["detail"] for error in answer.json()["errors"]}
    assert told["/emial"] == "there is no member `emial` here; did you mean `email`?"
    assert told["/fields"] == "this must be an object, and it is a list"
    answer = await api.post("/v1/contacts", json={"emial": "a@example.com"})
    assert answer.json()["code"] == "unknown_field"
    answer = await api.post(
        "/v1/contacts", content=b"{", headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_body")
    answer = await api.post(
        "/v1/contacts", content=b"email=a", headers={"Content-Type": "text/csv"}
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media")
    answer = await api.post("/v1/contacts", json={"fields": {"first_name": "x" * 1_100_000}})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    answer = await api.post("/v1/contacts", json={})
    assert answer.status_code == 400


async def test_new_fields_by_use(api: Api) -> None:
    body = {
        "external_id": "1",
        "fields": {"plan": "pro", "seats": 3, "since": "2026-01-01"},
        "fields_mode": "create",
    }
    assert (await made(api, **body))["fields"] == body["fields"]
    listed = (await api.get("/v1/fields")).json()["data"]
    types = {field["name"]: field["type"] for field in listed}
    assert (types["plan"], types["seats"], types["since"]) == ("text", "number", "date")
    answer = await api.post("/v1/fields", json={"name": "Plan", "type": "text"})
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
    for bad in ("email", "9lives", "a b", ""):
        answer = await api.post("/v1/fields", json={"name": bad, "type": "text"})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_value"), bad


async def test_tags_are_added_and_removed(api: Api, server: Server) -> None:
    one = await made(api, external_id="1", tags={"add": ["vip", "Beta"]})
    assert one["tags"] == ["Beta", "vip"]
    two = await made(api, external_id="1", tags={"add": ["VIP"], "remove": ["beta"]})
    assert two["tags"] == ["vip"]
    async with server.database.transaction() as tx:
        assert len((await tx.execute(select(tag))).all()) == 2
        assert len((await tx.execute(select(contact_tag))).all()) == 1


async def test_who_listens_hears_of_tags_and_changed_fields(api: Api, server: Server) -> None:
    one = await made(api, external_id="1", fields={"spend": 1}, tags={"add": ["a"]})
    kinds = {"GOT_TAG": 16, "CHANGED": 19}
    async with server.database.transaction() as tx:
        spend = await tx.scalar(text("select id from field where name = 'spend'"))
        for kind, ref in ((kinds["GOT_TAG"], 0), (kinds["CHANGED"], spend)):
            await tx.execute(
                listener.insert().values(
                    workspace_id=server.workspace_id, kind=kind, ref=ref, version_id=1, step=1
                )
            )
    await made(api, external_id="1", fields={"spend": 1, "vip": True}, tags={"add": ["a"]})
    await made(api, external_id="1", fields={"spend": 2}, tags={"add": ["b"]})
    await made(api, external_id="1", fields={"spend": None})
    async with server.database.transaction() as tx:
        rows = await tx.execute(
            text("select kind, contact_id, properties from activity order by id")
        )
        told = [tuple(row) for row in rows]
        todo = await tx.scalar(text("select count(*) from activity_todo"))
    number = ids.decode("con", one["id"])
    assert sorted(told, key=str) == [
        (16, number, None),
        (19, number, {"from": 1, "to": 2}),
        (19, number, {"from": 2, "to": None}),
    ]
    assert todo == 3


async def test_a_change_is_noted_and_no_change_is_not(api: Api, server: Server) -> None:
    async def noted() -> int:
        async with server.database.transaction() as tx:
            count = len((await tx.execute(select(contact_change))).all())
            await tx.execute(contact_change.delete())
        return count

    body = {"external_id": "1", "fields": {"spend": 1}, "tags": {"add": ["a"]}}
    await made(api, **body)
    assert await noted() == 1
    await made(api, **body)
    assert await noted() == 0
    await made(api, external_id="1", tags={"remove": ["a"]})
    assert await noted() == 1


async def test_batch_takes_the_good_and_tells_the_bad(api: Api) -> None:
    one = await made(api, external_id="1", email="one@example.com")
    items = [
        {"external_id": "1", "fields": {"spend": 5}},
        {"external_id": "2", "email": "two@example.com"},
        {"email": "not an address"},
        {"external_id": "3", "email": "one@example.com"},
        {"external_id": "2", "email": "two@example.com", "fields": {"spend": 7}},
        {"external_id": "2", "fields": {"vip": True}},
        {"external_id": "1", "email": "one@example.com"},
        {"email": "TWO@example.com", "tags": {"add": ["x"]}},
    ]
    answer = await api.post("/v1/contacts/batch", json={"contacts": items})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert [item["result"] for item in body["results"]] == [
        "updated", "created", "rejected", "rejected",
        "updated", "updated", "unchanged", "updated",
    ]  # fmt: skip
    assert body["results"][0]["id"] == one["id"]
    assert body["results"][3]["problem"]["code"] == "identity_conflict"
    two = (await api.post("/v1/contacts/lookup", json={"external_id": "2"})).json()
    assert two["fields"] == {"spend": 7, "vip": True}
    assert two["tags"] == ["x"]
    many = [{"external_id": str(n)} for n in range(1001)]
    answer = await api.post("/v1/contacts/batch", json={"contacts": many})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_lookup_and_what_is_not_there(api: Api) -> None:
    one = await made(api, external_id="1", email="One@example.com")
    for body in ({"email": "one@EXAMPLE.com"}, {"external_id": "1"}):
        answer = await api.post("/v1/contacts/lookup", json=body)
        assert answer.json()["id"] == one["id"]
    for body in ({"email": "two@example.com"}, {"external_id": "1", "email": "x@example.com"}):
        assert (await api.post("/v1/contacts/lookup", json=body)).status_code == 404
    assert (await api.get("/v1/contacts/nonsense")).status_code == 404
    assert (await api.get(f"/v1/contacts/{ids.encode('con', 99)}")).status_code == 404


async def test_another_workspace_sees_nothing(api: Api, server: Server) -> None:
    one = await made(api, external_id="1", email="one@example.com")
    other = await server.workspace("Other")
    _, token = await server.new_token(workspace_id=other)
    async with server.client(token) as stranger:
        assert (await stranger.get(f"/v1/contacts/{one['id']}")).status_code == 404
        answer = await stranger.patch(f"/v1/contacts/{one['id']}", json={"stage": "x"})
        assert answer.status_code == 404
        assert (await stranger.get("/v1/contacts")).json()["data"] == []
        theirs = await made(stranger, external_id="1", email="one@example.com")
        assert theirs["created"] is True


async def test_scopes(api: Api, server: Server) -> None:
    _, token = await server.new_token("contacts:read")
    async with server.client(token) as reader:
        assert (await reader.get("/v1/contacts")).status_code == 200
        answer = await reader.post("/v1/contacts", json={"external_id": "1"})
    assert (answer.status_code, answer.json()["scopes"]) == (403, ["contacts:write"])
    assert 'scope="contacts:write"' in answer.headers["www-authenticate"]


async def test_pages(api: Api) -> None:
    items = [{"external_id": str(n), "tags": {"add": ["odd"] if n % 2 else []}} for n in range(7)]
    await api.post("/v1/contacts/batch", json={"contacts": items})
    seen: list[str] = []
    cursor = None
    sizes = []
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        answer = (await api.get("/v1/contacts", params=query)).json()
        seen += [item["external_id"] for item in answer["data"]]
        sizes.append(len(answer["data"]))
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert (seen, sizes) == ([str(n) for n in range(7)], [3, 3, 1])
    first = (await api.get("/v1/contacts?limit=2&tag=ODD")).json()
    assert [item["external_id"] for item in first["data"]] == ["1", "3"]
    cursor = first["next_cursor"]
    answer = await api.get(f"/v1/contacts?limit=2&cursor={cursor}")
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_mismatch")
    for bad in ("?limit=0", "?limit=501", "?limit=x", "?cursor=%C3%A9!", "?limmit=5"):
        assert (await api.get(f"/v1/contacts{bad}")).status_code == 400, bad


async def test_writers_at_once_make_one_contact(api: Api, server: Server) -> None:
    bodies = [
        {"contacts": [{"external_id": str(n), "email": f"{n}@example.com"} for n in order]}
        for order in (range(50), reversed(range(50)), range(20, 40), range(50))
    ]
    answers = await asyncio.gather(*(api.post("/v1/contacts/batch", json=b) for b in bodies))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert sum(answer.json()["created"] for answer in answers) == 50
    assert sum(answer.json()["rejected"] for answer in answers) == 0
    async with server.database.transaction() as tx:
        assert len((await tx.execute(select(contact.c.id))).all()) == 50


async def test_who_loses_a_race_for_an_address_is_told(api: Api, server: Server) -> None:
    one = await made(api, external_id="1", email="one@example.com")
    async with server.database.engine.connect() as rival:
        await rival.execute(
            contact.insert().values(
                workspace_id=server.workspace_id,
                email="two@example.com",
                created_at=server.clock.now(),
                updated_at=server.clock.now(),
            )
        )
        body = {"email": "TWO@example.com"}
        late = asyncio.create_task(api.patch(f"/v1/contacts/{one['id']}", json=body))
        waits = text("select count(*) from pg_locks where not granted")
        async with asyncio.timeout(20):
            while not (await rival.execute(waits)).scalar_one():
                await asyncio.sleep(0.01)
        await rival.commit()
    answer = await late
    assert (answer.status_code, answer.json()["code"]) == (409, "identity_conflict")
