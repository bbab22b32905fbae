"""Jobs: cancelled by hand, ended as failed when their process is gone, of one workspace each."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from api_server import Server
from sqlalchemy import func, select

from headless import ids
from headless.audience import imports
from headless.problems import Problem
from headless.storage.tables import contact
from headless.workspace import jobs

Api = httpx.AsyncClient


async def begun(server: Server, workspace_id: int | None = None) -> tuple[jobs.Job, str]:
    async with server.database.transaction() as tx:
        job = await jobs.begin(
            tx, workspace_id or server.workspace_id, "import", now=server.clock.now()
        )
    return job, f"/v1/jobs/{ids.encode('job', job.id)}"


async def test_a_job_whose_process_is_gone_has_failed(api: Api, server: Server) -> None:
    dead, path = await begun(server)
    server.clock.advance(jobs.LEASE - timedelta(seconds=1))
    alive, other = await begun(server)
    assert (await api.get(path)).json()["state"] == "running"
    server.clock.advance(timedelta(seconds=1))
    shown = (await api.get(path)).json()
    assert (shown["state"], shown["finished_at"]) == ("failed", "2026-11-23T09:32:00.000Z")
    assert "the process that ran it is gone" in shown["detail"]
    assert (await api.get(other)).json()["state"] == "running"
    for _ in range(3):
        server.clock.advance(jobs.LEASE / 2)
        async with server.database.transaction() as tx:
            await jobs.beat(tx, server.workspace_id, alive.id, now=server.clock.now())
        assert [each["state"] for each in (await api.get("/v1/jobs")).json()["data"]] == [
            "running",
            "failed",
        ]
    async with server.database.transaction() as tx:
        with pytest.raises(Problem, match="was ended as failed"):
            await jobs.progress(
                tx, server.workspace_id, dead.id, done=1, counts={}, now=server.clock.now()
            )


async def test_a_cancelled_import_stops_and_keeps_what_came(
    api: Api, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "AT_ONCE", 10)
    go_on = asyncio.Event()

    async def stream() -> AsyncIterator[bytes]:
        yield b"email\n" + b"".join(b"%d@example.com\n" % n for n in range(20))
        await go_on.wait()
        yield b"".join(b"%d@example.com\n" % n for n in range(20, 80))

    importing = imports.Import(
        server.database, server.workspace_id, server.clock, imports.Options()
    )
    running = asyncio.create_task(importing.run(stream()))
    async with asyncio.timeout(30):
        while not (found := (await api.get("/v1/jobs")).json()["data"]) or not found[0]["done"]:
            await asyncio.sleep(0.01)
    path = f"/v1/jobs/{found[0]['id']}"
    cancelled = await api.delete(path)
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    go_on.set()
    with pytest.raises(Problem, match="was ended as cancelled"):
        await running
    assert (await api.get(path)).json()["state"] == "cancelled"
    async with server.database.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(contact)) < 80
    again = await api.delete(path)
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")


async def test_only_who_may_write_cancels_and_only_here(api: Api, server: Server) -> None:
    other = await server.workspace("Other")
    _, path = await begun(server, other)
    assert (await api.delete(path)).status_code == 404
    _, own = await begun(server)
    _, token = await server.new_token("contacts:read")
    async with server.client(token) as client:
        assert (await client.get(own)).status_code == 200
        assert (await client.delete(own)).status_code == 403
    server.clock.advance(jobs.LEASE)
    await api.get("/v1/jobs")
    async with server.database.transaction() as tx:
        assert (await jobs.listing(tx, other, limit=9, before=None, state=None))[0].state == (
            "running"
        )
