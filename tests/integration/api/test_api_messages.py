"""`/v1/messages`: found by state, channel, campaign and contact; sent once more, or dropped."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from api_server import Server
from sqlalchemy import insert, text

from headless import ids
from headless.storage.codes import Channel, MessageState
from headless.storage.tables import message

Api = httpx.AsyncClient
SOURCE = 'campaign "{name}"\nfrom segment All\nadd points 1\n'


async def written(server: Server, **values: Any) -> str:
    now = server.clock.now()
    row = {
        "workspace_id": server.workspace_id,
        "contact_id": 1,
        "channel": int(Channel.EMAIL),
        "state": int(MessageState.PARKED),
        "attempts": 8,
        "created_at": now - timedelta(hours=1),
        "due_at": now - timedelta(minutes=30),
        "reason": "refused: 5.7.1 policy",
        **values,
    }
    async with server.database.transaction() as tx:
        made = await tx.scalar(insert(message).values(row).returning(message.c.id))
    return ids.encode("msg", int(made))


async def listed(api: Api, **query: Any) -> list[str]:
    answer = await api.get("/v1/messages", params=query)
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["data"]]


async def test_they_are_found_by_what_they_are(api: Api, server: Server) -> None:
    parked = await written(server)
    uncertain = await written(server, state=int(MessageState.UNCERTAIN), contact_id=2)
    sms = await written(server, state=int(MessageState.PENDING), channel=int(Channel.SMS))
    assert await listed(api) == [sms, uncertain, parked]
    assert await listed(api, state="parked") == [parked]
    assert await listed(api, state="uncertain") == [uncertain]
    assert await listed(api, channel="sms") == [sms]
    assert await listed(api, contact=ids.encode("con", 2)) == [uncertain]
    first = (await api.get("/v1/messages?limit=2")).json()
    rest = (await api.get("/v1/messages", params={"cursor": first["next_cursor"]})).json()
    assert [each["id"] for each in first["data"] + rest["data"]] == [sms, uncertain, parked]
    one = (await api.get(f"/v1/messages/{parked}")).json()
    assert (one["state"], one["reason"], one["attempts"], one["due_at"]) == (
        "parked",
        "refused: 5.7.1 policy",
        8,
        None,
    )
    assert (await api.get("/v1/messages?state=lost")).status_code == 400
    assert (await api.get("/v1/messages?campaign=None")).status_code == 404


async def test_those_of_one_campaign(api: Api, server: Server) -> None:
    await api.post("/v1/segments", json={"name": "All"})
    numbers = {}
    for name in ("One", "Two"):
        made = await api.post(
            "/v1/campaigns",
            content=SOURCE.format(name=name),
            headers={"Content-Type": "text/plain"},
        )
        assert made.status_code == 201, made.text
        async with server.database.transaction() as tx:
            number = ids.decode("cmp", made.json()["id"])
            version = await tx.scalar(
                text("select id from version where campaign_id = :id"), {"id": number}
            )
        numbers[name] = await written(server, version_id=version)
    await written(server)
    assert await listed(api, campaign="One") == [numbers["One"]]
    one = (await api.get(f"/v1/messages/{numbers['Two']}")).json()
    assert (one["campaign"], one["campaign_id"][:4]) == ("Two", "cmp_")


@pytest.mark.parametrize("state", [MessageState.PARKED, MessageState.UNCERTAIN])
async def test_retry_sends_from_the_first_attempt(
    api: Api, server: Server, state: MessageState
) -> None:
    id_ = await written(server, state=int(state))
    answer = await api.post(f"/v1/messages/{id_}/retry")
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["state"], shown["attempts"], shown["reason"]) == ("pending", 0, None)
    assert shown["due_at"] == "2026-11-23T09:30:00.000Z"
    again = await api.post(f"/v1/messages/{id_}/retry")
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    assert "parked or uncertain" in again.json()["detail"]


@pytest.mark.parametrize(
    "state", [MessageState.PENDING, MessageState.PARKED, MessageState.UNCERTAIN]
)
async def test_drop_ends_it(api: Api, server: Server, state: MessageState) -> None:
    id_ = await written(server, state=int(state))
    answer = await api.post(f"/v1/messages/{id_}/drop")
    assert (answer.json()["state"], answer.json()["reason"]) == ("skipped", "dropped by hand")
    assert (await api.post(f"/v1/messages/{id_}/retry")).json()["code"] == "wrong_state"


@pytest.mark.parametrize("state", [MessageState.SENDING, MessageState.SENT, MessageState.SKIPPED])
async def test_what_is_gone_is_left_alone(api: Api, server: Server, state: MessageState) -> None:
    id_ = await written(server, state=int(state))
    for what in ("retry", "drop"):
        answer = await api.post(f"/v1/messages/{id_}/{what}")
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
        assert answer.json()["state"] == state.name.lower()


async def test_another_workspaces_messages_are_not_there(api: Api, server: Server) -> None:
    other = await server.workspace("Other")
    id_ = await written(server, workspace_id=other)
    assert await listed(api) == []
    assert (await api.get(f"/v1/messages/{id_}")).status_code == 404
    for what in ("retry", "drop"):
        assert (await api.post(f"/v1/messages/{id_}/{what}")).status_code == 404
    async with server.database.transaction() as tx:
        assert await tx.scalar(text("select state from message")) == int(MessageState.PARKED)


async def test_reading_is_not_deciding(server: Server) -> None:
    id_ = await written(server)
    _, token = await server.new_token("messages:read")
    async with server.client(token) as client:
        assert (await client.get(f"/v1/messages/{id_}")).status_code == 200
        assert (await client.post(f"/v1/messages/{id_}/drop")).status_code == 403
