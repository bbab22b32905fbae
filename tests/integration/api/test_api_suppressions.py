"""`/v1/suppressions`: listed, written by hand, lifted with a reason that is kept."""

from typing import Any

import httpx
import pytest
from api_server import Server
from sqlalchemy import insert, text

from headless import ids
from headless.storage.codes import Channel
from headless.storage.tables import suppression

Api = httpx.AsyncClient
BY_HAND = {"email": "ada@acme.test", "because": "she called us"}


async def contact(api: Api, email: str = "ada@acme.test") -> str:
    made = await api.post("/v1/contacts", json={"email": email})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def test_by_hand_and_lifted_again(api: Api, server: Server) -> None:
    who = await contact(api)
    made = await api.post("/v1/suppressions", json=BY_HAND)
    assert made.status_code == 201, made.text
    assert made.json() == {
        "contact_id": who,
        "email": "ada@acme.test",
        "channel": "email",
        "reason": "by_hand",
        "source": "by hand: she called us",
        "at": "2026-11-23T09:30:00.000Z",
    }
    assert (await api.get(f"/v1/contacts/{who}")).json()["suppressed"] == ["email"]
    path = f"/v1/suppressions/{who}/email"
    assert (await api.delete(path)).status_code == 400
    assert (await api.delete(path, params={"reason": " "})).status_code == 400
    assert (await api.delete(path, params={"reason": "she wrote to us"})).status_code == 204
    assert (await api.get(f"/v1/contacts/{who}")).json()["suppressed"] == []
    assert (await api.delete(path, params={"reason": "again"})).status_code == 404
    async with server.database.transaction() as tx:
        row = (await tx.execute(text("select * from lifted_suppression"))).one()
        changed = await tx.scalar(text("select count(*) from contact_change"))
    assert (row.because, row.source) == ("she wrote to us", "by hand: she called us")
    assert (row.token_id is not None, changed) == (True, 1)


async def test_a_stronger_reason_stays(api: Api, server: Server) -> None:
    who = await contact(api)
    async with server.database.transaction() as tx:
        await tx.execute(
            insert(suppression).values(
                workspace_id=server.workspace_id,
                contact_id=ids.decode("con", who),
                channel=int(Channel.EMAIL),
                reason="complaint",
                source="ses",
                at=server.clock.now(),
            )
        )
    made = await api.post("/v1/suppressions", json={"contact_id": who, "because": "x"})
    assert (made.json()["reason"], made.json()["source"]) == ("complaint", "ses")


async def test_the_list_and_its_filters(api: Api) -> None:
    whos = [await contact(api, f"{name}@acme.test") for name in ("ada", "bob")]
    for who in whos:
        for channel in ("email", "sms"):
            body = {"contact_id": who, "channel": channel, "because": "x"}
            await api.post("/v1/suppressions", json=body)
    wanted = [(who, channel) for who in whos for channel in ("email", "sms")]

    async def listed(**query: Any) -> list[tuple[str, str]]:
        rows = (await api.get("/v1/suppressions", params=query)).json()["data"]
        return [(row["contact_id"], row["channel"]) for row in rows]

    assert await listed() == wanted
    assert await listed(channel="sms") == wanted[1::2]
    assert await listed(contact=whos[1]) == wanted[2:]
    assert await listed(reason="complaint") == []
    assert await listed(reason="by_hand") == wanted
    pages, cursor = [], None
    while True:
        query = {"limit": 1} if cursor is None else {"limit": 1, "cursor": cursor}
        answer = (await api.get("/v1/suppressions", params=query)).json()
        pages += [(row["contact_id"], row["channel"]) for row in answer["data"]]
        if (cursor := answer["next_cursor"]) is None:
            break
    assert pages == wanted


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"email": "ada@acme.test"}, 400),
        ({"because": "x"}, 400),
        ({"email": "ada@acme.test", "contact_id": "con_x", "because": "x"}, 400),
        ({"email": "ada@acme.test", "because": "x", "channel": "pigeon"}, 400),
        ({"email": "eve@acme.test", "because": "x"}, 404),
        ({"contact_id": ids.encode("con", 99), "because": "x"}, 404),
    ],
)
async def test_what_does_not_fit(api: Api, body: dict[str, Any], status: int) -> None:
    await contact(api)
    assert (await api.post("/v1/suppressions", json=body)).status_code == status
    assert (await api.get("/v1/suppressions")).json()["data"] == []


async def test_another_workspaces_are_not_there(api: Api, server: Server) -> None:
    other = await server.workspace("Other")
    _, token = await server.new_token("admin", workspace_id=other)
    async with server.client(token) as theirs:
        who = await contact(theirs)
        assert (await theirs.post("/v1/suppressions", json=BY_HAND)).status_code == 201
        assert (await api.get("/v1/suppressions")).json()["data"] == []
        path = f"/v1/suppressions/{who}/email"
        assert (await api.delete(path, params={"reason": "x"})).status_code == 404
        body = {"contact_id": who, "because": "x"}
        assert (await api.post("/v1/suppressions", json=body)).status_code == 404
        assert len((await theirs.get("/v1/suppressions")).json()["data"]) == 1
