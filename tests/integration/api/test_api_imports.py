"""CSV imports over HTTP: good rows come in, faulty ones are told, again changes nothing."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from api_server import Server
from sqlalchemy import func, select, text

from headless.audience import imports
from headless.storage.tables import contact, contact_change, contact_tag, field, job

Api = httpx.AsyncClient


async def sent(api: Api, data: str | bytes, **query: Any) -> httpx.Response:
    body = data.encode() if isinstance(data, str) else data

    async def stream() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 1000):
            yield body[at : at + 1000]

    return await api.post(
        "/v1/imports", content=stream(), params=query, headers={"Content-Type": "text/csv"}
    )


async def count(server: Server, table: Any) -> int:
    async with server.database.transaction() as tx:
        return int(await tx.scalar(select(func.count()).select_from(table)))


async def test_the_good_come_in_and_the_bad_are_told(api: Api, server: Server) -> None:
    answer = await sent(
        api,
        "email,external_id,first_name,spend,tags,time_zone\n"
        "ada@example.com,1,Ada,12.5,vip;new,Europe/Paris\n"
        "bob,2,Bob,1,,\n"
        "cy@example.com,3,Cy,x,,\n"
        "dee@example.com,4,Dee,3,vip,Mars/Base\n"
        "ada@example.com,5,Eve,4,,\n",
        on_missing_field="create",
    )
    assert answer.status_code == 202, answer.text
    made = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{made['id']}"
    assert (made["state"], made["done"], made["total"]) == ("done", 5, 5)
    assert made["counts"] == {
        "created": 3, "updated": 0, "unchanged": 0, "rejected": 2, "warnings": 1,
        "suppressed": 0,
    }  # fmt: skip
    assert made["result"]["new_fields"] == {"first_name": "text", "spend": "text"}
    faults = (await api.get(made["errors_url"])).json()["data"]
    assert [(fault["line"], fault["column"]) for fault in faults] == [
        (3, "email"),
        (5, "time_zone"),
        (6, None),
    ]


async def test_typed_fields_and_sheets_for_people(api: Api) -> None:
    await api.post("/v1/fields", json={"name": "spend", "type": "number"})
    answer = await sent(api, "email,Spend\na@example.com,12\nb@example.com,=1+1\n")
    made = answer.json()
    assert made["counts"]["created"] == 1
    found = await api.post("/v1/contacts/lookup", json={"email": "a@example.com"})
    assert found.json()["fields"] == {"spend": 12}
    sheet = await api.get(made["errors_url"], headers={"Accept": "text/csv"})
    assert sheet.text == (
        '"line","column","reason"\r\n"3","Spend","`=1+1`: this must be a number such as `12.5`"\r\n'
    )
    got = (await api.get(f"/v1/jobs/{made['id']}?wait=20")).json()
    assert got == made
    listed = (await api.get("/v1/jobs?state=done")).json()["data"]
    assert [one["id"] for one in listed] == [made["id"]]


async def test_the_same_file_again_changes_nothing(api: Api, server: Server) -> None:
    file = "email,plan,tags\n" + "".join(f"{n}@example.com,p{n % 3},t{n % 2}\n" for n in range(50))
    first = (await sent(api, file, on_missing_field="create")).json()["counts"]
    assert first["created"] == 50
    async with server.database.transaction() as tx:
        await tx.execute(contact_change.delete())
    again = (await sent(api, file)).json()["counts"]
    assert (again["created"], again["unchanged"]) == (0, 50)
    assert await count(server, contact_change) == 0
    assert await count(server, contact_tag) == 50
    changed = file.replace("7@example.com,p1", "7@example.com,p9")
    third = (await sent(api, changed)).json()["counts"]
    assert (third["updated"], third["unchanged"]) == (2, 48)  # 7 and 37
    assert await count(server, contact_change) == 2


async def test_pieces_and_repeated_contacts(
    api: Api, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "AT_ONCE", 7)
    rows = [f"{n % 20}@example.com,{n}" for n in range(100)]
    answer = await sent(api, "email,n:number\n" + "\n".join(rows), on_missing_field="create")
    made = answer.json()
    assert (made["done"], made["counts"]["rejected"]) == (100, 0)
    assert await count(server, contact) == 20
    async with server.database.transaction() as tx:
        got = await tx.scalar(text("select sum((fields->>'n')::int) from contact"))
    assert got == sum(range(80, 100))


async def test_dry_run_writes_nothing(api: Api, server: Server) -> None:
    await sent(api, "email\na@example.com\n")
    file = "email,plan,tags,segments\na@example.com,x,t,New\nb@example.com,y,t,\nbad,y,t,\n"
    answer = await sent(api, file, on_missing_field="create", dry_run="true")
    assert answer.headers["headless-dry-run"] == "true"
    counts = answer.json()["counts"]
    assert (counts["created"], counts["updated"], counts["rejected"]) == (1, 1, 1)
    assert await count(server, contact) == 1
    assert await count(server, field) == 0
    assert await count(server, contact_tag) == 0


async def test_on_conflict(api: Api) -> None:
    await sent(api, "email,external_id\na@example.com,1\n")
    file = "email,stage\na@example.com,lead\nb@example.com,lead\n"
    skipped = (await sent(api, file, on_conflict="skip")).json()["counts"]
    assert (skipped["created"], skipped["unchanged"], skipped["updated"]) == (1, 1, 0)
    failed = await sent(api, file, on_conflict="fail")
    assert failed.json()["counts"]["rejected"] == 2
    faults = (await api.get(failed.json()["errors_url"])).json()["data"]
    assert "is here already" in faults[0]["reason"]


async def test_segments_column(api: Api) -> None:
    file = "email,segments\na@example.com,Leads;Paris\nb@example.com,leads\n"
    made = (await sent(api, file)).json()
    assert made["counts"]["warnings"] == 3
    made = (await sent(api, file, on_missing_field="create")).json()
    assert made["counts"]["warnings"] == 0
    found = await api.post("/v1/contacts/lookup", json={"email": "a@example.com"})
    assert found.json()["segments"] == ["Leads", "Paris"]
    listed = (await api.get("/v1/contacts?segment=Leads")).json()["data"]
    assert len(listed) == 2


async def test_headings_that_cannot_be_used_leave_no_job(api: Api, server: Server) -> None:
    answer = await sent(api, "email,plan\na@example.com,x\n")
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_field")
    assert "on_missing_field=create" in answer.json()["detail"]
    answer = await sent(api, "email,plan\na@example.com,x\n", on_missing_field="ignore")
    assert answer.json()["counts"]["created"] == 1
    answer = await sent(api, "")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_body")
    answer = await sent(api, "name\nx\n")
    assert answer.status_code == 400
    answer = await sent(api, "email\n", on_missing_field="maybe")
    assert answer.status_code == 400
    answer = await api.post("/v1/imports", content=b"x", headers={"Content-Type": "image/png"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media")
    assert await count(server, job) == 1


async def test_a_stream_that_breaks_leaves_a_failed_job(
    api: Api, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "AT_ONCE", 10)

    async def stream() -> AsyncIterator[bytes]:
        yield b"email\n" + b"".join(b"%d@example.com\n" % n for n in range(25))
        raise ConnectionResetError

    importing = imports.Import(
        server.database, server.workspace_id, server.clock, imports.Options()
    )
    with pytest.raises(ConnectionResetError):
        await importing.run(stream())
    listed = (await api.get("/v1/jobs")).json()["data"]
    assert (listed[0]["state"], listed[0]["detail"]) == ("failed", "the stream broke off")
    assert await count(server, contact) == listed[0]["done"] == 20


async def test_two_imports_at_once(api: Api, server: Server) -> None:
    rows = [f"{n}@example.com,{n},t{n % 5}" for n in range(3000)]
    one = "email,external_id,tags\n" + "\n".join(rows)
    two = "email,external_id,tags\n" + "\n".join(reversed(rows))
    answers = await asyncio.gather(sent(api, one), sent(api, two))
    counts = [answer.json()["counts"] for answer in answers]
    assert sum(c["created"] for c in counts) == 3000
    assert sum(c["rejected"] for c in counts) == 0
    assert await count(server, contact) == 3000
