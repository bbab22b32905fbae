"""Rate limits: budgets by token, told in headers, refused with the time to wait."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from api_server import NOW, Server, running, settings_for

from headless.clock import ManualClock


@pytest.fixture
async def limited(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Server]:
    """A server that counts: 6 reads, 3 writes and any ingest in a minute."""
    settings = settings_for(
        database_url,
        redis_url,
        tmp_path,
        HEADLESS_READS_A_MINUTE="6",
        HEADLESS_WRITES_A_MINUTE="3",
        HEADLESS_INGEST_A_MINUTE="0",
    )
    async with running(settings, ManualClock(NOW), development=False) as server:
        server.workspace_id = await server.workspace()
        _, server.token = await server.new_token("admin")
        yield server


async def test_a_budget_is_told_and_ends(limited: Server) -> None:
    async with limited.client(limited.token) as client:
        for left in range(5, -1, -1):
            answer = await client.get("/v1/whoami")
            assert answer.status_code == 200
            assert answer.headers["ratelimit-policy"] == '"reads";q=6;w=60'
            assert answer.headers["ratelimit"] == f'"reads";r={left};t={(6 - left) * 10}'
        refused = await client.get("/v1/contacts")
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert refused.headers["retry-after"] == "10"
        assert refused.headers["ratelimit"] == '"reads";r=0;t=60'
        limited.clock.advance(timedelta(seconds=10))
        assert (await client.get("/v1/whoami")).status_code == 200
        assert (await client.get("/v1/whoami")).status_code == 429
        limited.clock.advance(timedelta(seconds=60))
        assert (await client.get("/v1/whoami")).headers["ratelimit"] == '"reads";r=5;t=10'


async def test_reads_writes_and_ingest_are_counted_apart(limited: Server) -> None:
    async with limited.client(limited.token) as client:
        for _ in range(3):
            made = await client.post("/v1/contacts", json={"email": "ada@acme.test"})
            assert made.headers["ratelimit-policy"] == '"writes";q=3;w=60'
        key = {"Idempotency-Key": "one"}
        body = {"email": "bob@acme.test"}
        refused = await client.post("/v1/contacts", json=body, headers=key)
        assert refused.status_code == 429
        assert (await client.get("/v1/whoami")).headers["ratelimit"] == '"reads";r=5;t=10'
        for _ in range(8):
            assert (await client.post("/v1/activities", json={})).status_code == 400
        assert "ratelimit" not in (await client.post("/v1/activities", json={})).headers
        limited.clock.advance(timedelta(seconds=20))
        again = await client.post("/v1/contacts", json=body, headers=key)
        assert (again.status_code, "idempotent-replayed" in again.headers) == (201, False)


async def test_each_token_has_its_own_and_a_stranger_none(limited: Server) -> None:
    _, other = await limited.new_token("contacts:read")
    async with limited.client(limited.token) as one, limited.client(other) as two:
        for _ in range(6):
            await one.get("/v1/whoami")
        assert (await one.get("/v1/whoami")).status_code == 429
        assert (await two.get("/v1/whoami")).status_code == 200
    async with limited.client() as nobody:
        assert "ratelimit" not in (await nobody.get("/v1/whoami")).headers
        assert (await nobody.get("/healthz")).status_code == 200


async def test_two_processes_share_a_budget(
    limited: Server, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    settings = settings_for(database_url, redis_url, tmp_path, HEADLESS_READS_A_MINUTE="6")
    async with running(settings, ManualClock(NOW), development=False) as second:
        for server in (limited, second) * 3:
            async with server.client(limited.token) as client:
                assert (await client.get("/v1/whoami")).status_code == 200
        async with second.client(limited.token) as client:
            assert (await client.get("/v1/whoami")).status_code == 429


async def test_without_redis_each_process_counts(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(
        database_url, "redis://127.0.0.1:1/0", tmp_path, HEADLESS_READS_A_MINUTE="2"
    )
    async with running(settings, ManualClock(NOW), development=False) as server:
        server.workspace_id = await server.workspace()
        _, token = await server.new_token("admin")
        async with server.client(token) as client:
            codes = [(await client.get("/v1/whoami")).status_code for _ in range(3)]
    assert codes == [200, 200, 429]


async def test_in_development_nobody_counts(server: Server) -> None:
    async with server.client(server.token) as client:
        assert "ratelimit" not in (await client.get("/v1/whoami")).headers
