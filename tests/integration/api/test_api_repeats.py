"""`Idempotency-Key`: what is sent twice is done once and answered twice."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from api_server import Server
from sqlalchemy import select, text

from headless.seals import Seals
from headless.storage.tables import kept_answer
from headless.workspace import answered
from headless.workspace.answered import Answered, Claim

Api = httpx.AsyncClient
KEY = {"Idempotency-Key": "order-1"}
TOKEN = {"name": "CI", "scopes": ["contacts:read"]}


async def test_the_same_again_is_answered_the_same(api: Api, server: Server) -> None:
    first = await api.post("/v1/tokens", json=TOKEN, headers=KEY)
    again = await api.post("/v1/tokens", json=TOKEN, headers=KEY)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    own = {"idempotent-replayed", "x-request-id"}
    assert {n: v for n, v in again.headers.items() if n not in own} == {
        n: v for n, v in first.headers.items() if n not in own
    }
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert len((await api.get("/v1/tokens")).json()["data"]) == 2
    async with server.database.transaction() as tx:
        row = (await tx.execute(select(kept_answer))).one()
    assert first.json()["token"].encode() not in row.answer


async def test_without_a_key_it_is_done_again(api: Api) -> None:
    await api.post("/v1/tokens", json=TOKEN)
    await api.post("/v1/tokens", json=TOKEN)
    assert len((await api.get("/v1/tokens")).json()["data"]) == 3


async def test_another_body_or_query_under_the_key_is_refused(api: Api) -> None:
    await api.post("/v1/tokens", json=TOKEN, headers=KEY)
    other = await api.post("/v1/tokens", json={**TOKEN, "name": "B"}, headers=KEY)
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    csv = {"Content-Type": "text/csv", **KEY}
    dry = await api.post("/v1/imports?dry_run=true", content=b"email\na@b.test\n", headers=csv)
    assert dry.status_code == 202, dry.text
    wet = await api.post("/v1/imports", content=b"email\na@b.test\n", headers=csv)
    assert wet.json()["code"] == "key_reused"


async def test_a_stream_is_told_apart_by_all_of_it(api: Api) -> None:
    csv = {"Content-Type": "text/csv", **KEY}
    first = await api.post("/v1/imports", content=b"email\na@b.test\n", headers=csv)
    assert first.json()["counts"]["created"] == 1
    again = await api.post("/v1/imports", content=b"email\na@b.test\n", headers=csv)
    assert again.content == first.content
    other = await api.post("/v1/imports", content=b"email\nc@b.test\n", headers=csv)
    assert other.json()["code"] == "key_reused"
    assert len((await api.get("/v1/jobs")).json()["data"]) == 1


async def test_a_refusal_is_kept_too(api: Api) -> None:
    first = await api.post("/v1/contacts", json={"emial": "a@b.test"}, headers=KEY)
    again = await api.post("/v1/contacts", json={"emial": "a@b.test"}, headers=KEY)
    assert (first.status_code, again.content) == (400, first.content)
    assert again.headers["content-type"] == "application/problem+json"
    assert again.headers["idempotent-replayed"] == "true"


async def test_a_fault_of_ours_may_be_tried_again(api: Api, server: Server) -> None:
    async with server.database.engine.begin() as connection:
        await connection.exec_driver_sql("alter table contact rename to hidden")
    body = {"email": "a@b.test"}
    assert (await api.post("/v1/contacts", json=body, headers=KEY)).status_code == 500
    async with server.database.engine.begin() as connection:
        await connection.exec_driver_sql("alter table hidden rename to contact")
    again = await api.post("/v1/contacts", json=body, headers=KEY)
    assert (again.status_code, "idempotent-replayed" in again.headers) == (201, False)


async def test_of_two_at_once_one_is_done(api: Api) -> None:
    both = await asyncio.gather(
        *(api.post("/v1/tokens", json=TOKEN, headers=KEY) for _ in range(4))
    )
    done = [each for each in both if each.status_code == 201]
    busy = [each for each in both if each.status_code == 409]
    assert len(done) + len(busy) == 4
    assert len({each.content for each in done}) == 1
    assert all(each.json()["code"] == "key_busy" for each in busy)
    assert all(each.headers["retry-after"] == "1" for each in busy)
    assert len((await api.get("/v1/tokens")).json()["data"]) == 2


async def test_while_it_runs_it_is_busy_and_a_dead_claim_ends(api: Api, server: Server) -> None:
    claimed = Claim(server.workspace_id, "POST", "/v1/tokens", "order-1", server.clock.now())
    async with server.database.transaction() as tx:
        assert await answered.claim(tx, Seals([b"k" * 40]), claimed) is None
    busy = await api.post("/v1/tokens", json=TOKEN, headers=KEY)
    assert (busy.status_code, busy.json()["code"]) == (409, "key_busy")
    server.clock.advance(answered.LEASE)
    assert (await api.post("/v1/tokens", json=TOKEN, headers=KEY)).status_code == 201
    late = Answered(b"", 200, [], b"late")
    async with server.database.transaction() as tx:
        await answered.keep(tx, Seals([b"k" * 40]), claimed, late)
        await answered.release(tx, claimed)
    again = await api.post("/v1/tokens", json=TOKEN, headers=KEY)
    assert again.json()["name"] == "CI"


async def test_a_key_ends_after_a_day(api: Api, server: Server) -> None:
    first = await api.post("/v1/tokens", json=TOKEN, headers=KEY)
    server.clock.advance(answered.KEPT - timedelta(seconds=1))
    assert (await api.post("/v1/tokens", json=TOKEN, headers=KEY)).content == first.content
    server.clock.advance(timedelta(seconds=1))
    assert (await api.post("/v1/tokens", json=TOKEN, headers=KEY)).content != first.content
    server.clock.advance(answered.KEPT)
    await api.post("/v1/tokens", json=TOKEN, headers={"Idempotency-Key": "order-2"})
    async with server.database.transaction() as tx:
        keys = (await tx.execute(text("select key from kept_answer"))).scalars().all()
    assert keys == ["order-2"]


async def test_a_key_belongs_to_a_workspace_and_a_path(api: Api, server: Server) -> None:
    first = await api.post("/v1/tokens", json=TOKEN, headers=KEY)
    other = await server.workspace("Other")
    _, token = await server.new_token("admin", workspace_id=other)
    async with server.client(token) as client:
        theirs = await client.post("/v1/tokens", json=TOKEN, headers=KEY)
    assert theirs.status_code == 201
    assert theirs.json()["token"] != first.json()["token"]
    path = f"/v1/tokens/{first.json()['id']}/rotate"
    assert (await api.post(path, headers=KEY)).status_code == 201


@pytest.mark.parametrize("key", ["", "k" * 256, "ключ"])
async def test_a_key_is_a_short_word(api: Api, key: Any) -> None:
    headers = {"Idempotency-Key": key.encode()}
    answer = await api.post("/v1/tokens", json=TOKEN, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_value")
    assert len((await api.get("/v1/tokens")).json()["data"]) == 1


async def test_a_new_token_is_told_again_only_to_who_may_do_as_much(
    api: httpx.AsyncClient, server: Server
) -> None:
    wanted = {"name": "Root", "scopes": ["admin"]}
    first = await api.post("/v1/tokens", json=wanted, headers=KEY)
    assert first.status_code == 201
    _, minting = await server.new_token("tokens:write")
    async with server.client(minting) as poor:
        again = await poor.post("/v1/tokens", json=wanted, headers=KEY)
    assert (again.status_code, again.json()["code"]) == (422, "key_reused")
    assert first.json()["token"] not in again.text
    _, another = await server.new_token("admin")
    async with server.client(another) as rotated:
        again = await rotated.post("/v1/tokens", json=wanted, headers=KEY)
    assert again.content == first.content
