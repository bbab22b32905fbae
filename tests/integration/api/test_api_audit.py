"""The audit: every act and every look at somebody's data, kept with what was done."""

from datetime import timedelta
from typing import Any

import httpx
from api_server import Server
from litestar.handlers import HTTPRouteHandler

from headless.api import commits
from headless.api.auditing import deed_of
from headless.api.auth import mutates, needs_of
from headless.workspace import audit

Api = httpx.AsyncClient

NOT_AUDITED = {
    "list_stages", "list_tags", "list_point_groups", "list_owners", "list_fields",
    "list_company_fields", "list_companies", "get_company", "list_jobs", "get_job", "list_topics",
    "get_topic", "get_hold", "get_field",
}  # fmt: skip
"""Of the routes that ask for a scope for people, those whose answers show nobody."""
PEOPLE = ("contacts:", "messages:", "suppressions:", "consents:")


def handlers(server: Server) -> list[HTTPRouteHandler]:
    return [
        handler
        for route in server.app.routes
        if route.path.startswith("/v1")
        for handler in getattr(route, "route_handlers", ())
        if "needs" in handler.opt
    ]


async def entries(api: Api, **query: str) -> list[dict[str, Any]]:
    answer = await api.get("/v1/audit", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def test_no_route_is_forgotten(server: Server) -> None:
    left_out = set()
    for handler in handlers(server):
        around = [getattr(each, "middleware", each) for each in handler.resolve_middleware()]
        assert commits.around in around, handler.handler_name
        scopes = needs_of(handler).scopes
        if "activities:write" in scopes:
            continue  # each activity is kept as such
        wanted = mutates(handler) or any(scope.startswith(PEOPLE) for scope in scopes)
        if wanted and deed_of(handler) is None:
            left_out.add(handler.handler_name)
    assert left_out == NOT_AUDITED


async def test_an_act_and_a_look_are_told_with_who_and_whose(api: Api, server: Server) -> None:
    made = await api.post("/v1/contacts", json={"email": "ada@example.com"})
    contact = made.json()["id"]
    await api.get(f"/v1/contacts/{contact}")
    await api.post("/v1/contacts/lookup", json={"email": "ada@example.com"})
    await api.patch(f"/v1/contacts/{contact}", json={"time_zone": "Mars/Olympus"})
    await api.get("/v1/campaigns")
    told = await entries(api)
    assert [one["act"] for one in told] == ["look_up", "get_contact", "save_contact"]
    assert {one["subject"] for one in told} == {contact}
    assert {one["actor"] for one in told} == {(await api.get("/v1/whoami")).json()["token"]["id"]}
    first = told[-1]
    assert first["detail"]["status"] == 201
    assert first["detail"]["request_id"] == made.headers["x-request-id"]
    assert "ada" not in str(told)


async def test_what_was_made_and_what_was_overwritten_is_named(api: Api) -> None:
    first = {"name": "Hi", "subject": "a", "html": "<p>x</p>"}
    made = (await api.post("/v1/emails", json=first)).json()
    await api.put("/v1/emails/Hi", json={**first, "subject": "b"})
    await api.put("/v1/emails/Hi", json={**first, "subject": "c"}, headers={"If-Match": '"2"'})
    told = await entries(api, act="replace_email")
    assert [one["detail"].get("overwrote") for one in told] == [None, 1]
    assert [one["detail"]["version"] for one in told] == [3, 2]
    assert {one["subject"] for one in told} == {made["id"]}
    assert [one["subject"] for one in await entries(api, act="create_email")] == [made["id"]]


async def test_what_fails_leaves_neither_deed_nor_entry(api: Api, server: Server) -> None:
    async with server.database.engine.begin() as connection:
        await connection.exec_driver_sql("alter table audit rename to hidden")
    answer = await api.post("/v1/contacts", json={"email": "ada@example.com"})
    assert answer.status_code == 500
    async with server.database.engine.begin() as connection:
        await connection.exec_driver_sql("alter table hidden rename to audit")
    assert (await api.get("/v1/contacts")).json()["data"] == []
    assert [one["act"] for one in await entries(api)] == ["list_contacts"]


async def test_entries_are_sought_paged_and_go_when_old(api: Api, server: Server) -> None:
    for number in range(3):
        await api.post("/v1/contacts", json={"external_id": str(number)})
        server.clock.advance(timedelta(hours=1))
    whole = await entries(api)
    assert len(whole) == 3
    page = (await api.get("/v1/audit?limit=2")).json()
    rest = (await api.get("/v1/audit", params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert page["data"] + rest["data"] == whole
    assert await entries(api, since="2026-11-23T10:30:00Z", until="2026-11-23T11:30:00Z") == [
        whole[1]
    ]
    assert await entries(api, subject=whole[0]["subject"]) == [whole[0]]
    assert await entries(api, actor="mem_nobody") == []
    refused = await api.get("/v1/audit", params={"since": "yesterday"})
    assert refused.json()["code"] == "invalid_value"
    later = server.clock.now() + timedelta(days=30.4375) - timedelta(hours=2)
    assert await audit.drop(server.database, 0, now=later + timedelta(days=9000)) == 0
    assert await audit.drop(server.database, 1, now=later) == 1
    assert len(await entries(api)) == 2


async def test_of_an_erased_contact_the_details_go(api: Api, server: Server) -> None:
    contact = (await api.post("/v1/contacts", json={"email": "ada@example.com"})).json()["id"]
    async with server.database.transaction() as tx:
        await audit.record(
            tx,
            server.workspace_id,
            actor="slack:T1/U1",
            act="why",
            subject=contact,
            detail={"asked": "ada@example.com"},
            now=server.clock.now(),
        )
    assert (await api.delete(f"/v1/contacts/{contact}")).status_code < 300
    told = await entries(api, subject=contact)
    assert [one["act"] for one in told] == ["erase_contact", "why", "save_contact"]
    assert [one["detail"] for one in told[1:]] == [{}, {}]
    assert "ada" not in str(told)


async def test_programs_that_report_activities_are_not_entered_one_by_one(api: Api) -> None:
    await api.post("/v1/contacts", json={"email": "ada@example.com"})
    body = {"contact": {"email": "ada@example.com"}, "did": "signed up", "id": "1"}
    assert (await api.post("/v1/activities", json=body)).status_code == 202
    assert [one["act"] for one in await entries(api)] == ["save_contact"]
