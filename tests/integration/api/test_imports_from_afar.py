"""Imports of a file at an address, and going on with the rest of a file that stopped."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from api_server import Server
from sqlalchemy import select, text

from headless.audience import imports, records
from headless.campaigns import fetched
from headless.storage.tables import contact, job

Api = httpx.AsyncClient
CSV = b"email,city\n" + b"".join(b"%d@example.com,Rome\n" % n for n in range(30))


@pytest.fixture
async def elsewhere() -> AsyncIterator[TestServer]:
    """Somebody's files, on this machine."""

    async def answer(request: web.Request) -> web.StreamResponse:
        match request.path:
            case "/list.csv":
                return web.Response(body=CSV, content_type="text/csv")
            case "/list.jsonl":
                return web.Response(body=b'{"email": "a@example.com"}\n')
            case "/away":
                raise web.HTTPFound("/list.csv")
            case "/torn":
                torn = web.StreamResponse(headers={"Content-Length": "1000000"})
                await torn.prepare(request)
                await torn.write(CSV)
                assert request.transport is not None
                request.transport.close()
                return torn
            case _:
                raise web.HTTPNotFound

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server:
        yield server


async def emails(server: Server) -> list[str]:
    async with server.database.transaction() as tx:
        return list((await tx.execute(select(contact.c.email).order_by(contact.c.id))).scalars())


async def fetch(server: Server) -> int:
    """What a worker does."""
    house = server.app.state.house
    return await fetched.once(server.database, server.clock, house.seals, None)


async def test_a_file_at_an_address(api: Api, server: Server, elsewhere: TestServer) -> None:
    await api.post("/v1/fields", json={"name": "city", "type": "text"})

    async def take(path: str, query: str = "", **more: Any) -> dict[str, Any]:
        body = {"url": str(elsewhere.make_url(path)), **more}
        asked = await api.post(f"/v1/imports{query}", json=body)
        assert (asked.status_code, asked.json()["state"]) == (202, "queued"), asked.text
        assert await fetched.due(server.database)
        assert await fetch(server) == 1
        found: dict[str, Any] = (await api.get(asked.headers["location"])).json()
        assert "sealed" not in (found["result"] or {})
        return found

    assert await fetch(server) == 0
    tried = await take("/list.csv?token=secret", "?dry_run=true")
    assert (tried["state"], tried["counts"]["created"]) == ("done", 30), tried
    assert await emails(server) == []
    sha = hashlib.sha256(CSV).hexdigest()
    done = await take("/list.csv", sha256=sha)
    assert (done["state"], done["counts"]["created"]) == ("done", 30)
    assert done["result"]["total_bytes"] == len(CSV)
    assert (await take("/list.jsonl"))["counts"]["created"] == 1
    other = await take("/list.csv", sha256="0" * 64)
    assert (other["state"], "is not the file" in other["detail"]) == ("failed", True)
    for path, said in (
        ("/away", "answers 302 (a redirect is not followed)"),
        ("/nobody", "answers 404"),
        ("/torn", "stopped before the file's end"),
    ):
        failed = await take(path)
        assert (failed["state"], said in failed["detail"]) == ("failed", True), failed
    broken = await take("/list.csv", "?map=nothing:email")
    assert (broken["state"], broken["done"]) == ("failed", 0)
    async with server.database.transaction() as tx:
        kept = (await tx.execute(select(job.c.detail))).scalars().all()
    assert not [one for one in kept if "sealed" in one], "the address is gone when it is over"
    for url in ("file:///etc/passwd", "ftp://example.com/x", "http://10.0.0.1/x", "nonsense"):
        refused = await api.post("/v1/imports", json={"url": url})
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_value"), url
    async with server.database.transaction() as tx:
        await tx.execute(text("update workspace set mode = 'live'"))
    url = str(elsewhere.make_url("/list.csv"))
    inside = await api.post("/v1/imports", json={"url": url})
    assert (inside.status_code, inside.json()["code"]) == (400, "invalid_value"), inside.text


async def test_a_worker_that_stops_puts_an_import_back(
    api: Api, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "AT_ONCE", 10)
    more, version = asyncio.Event(), ["1"]

    async def slowly(request: web.Request) -> web.StreamResponse:
        headers = {"Content-Length": str(len(CSV)), "ETag": version[0]}
        answer = web.StreamResponse(headers=headers)
        answer.content_type = "text/csv"
        await answer.prepare(request)
        await answer.write(CSV[: len(CSV) * 2 // 3])
        await more.wait()
        await answer.write(CSV[len(CSV) * 2 // 3 :])
        return answer

    await api.post("/v1/fields", json={"name": "city", "type": "text"})
    app = web.Application()
    app.router.add_get("/slow", slowly)
    async with TestServer(app) as far:
        body = {"url": str(far.make_url("/slow"))}
        place = (await api.post("/v1/imports?on_conflict=fail", json=body)).headers["location"]

        async def stopped() -> dict[str, Any]:
            working = asyncio.create_task(fetch(server))
            async with asyncio.timeout(10):
                while not (await api.get(place)).json()["done"]:
                    await asyncio.sleep(0.01)
            working.cancel()
            more.set()
            await asyncio.gather(working, return_exceptions=True)
            found: dict[str, Any] = (await api.get(place)).json()
            return found

        back = await stopped()
        assert (back["state"], back["done"] >= 10) == ("queued", True)
        assert await fetch(server) == 1
        done = (await api.get(place)).json()
        assert (done["state"], done["counts"]["created"]) == ("done", 30), done
        assert done["counts"]["rejected"] == 0, "nothing is written twice"

        more.clear()
        again = await api.post("/v1/imports", json=body)
        place = again.headers["location"]
        await stopped()
        version[0] = "2"
        await fetch(server)
        changed = (await api.get(place)).json()
        assert (changed["state"], "has changed" in changed["detail"]) == ("failed", True)


@pytest.mark.parametrize("form", ["csv", "ndjson"])
async def test_only_the_rest_of_a_file_is_sent(
    api: Api, server: Server, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(imports, "AT_ONCE", 10)
    monkeypatch.setattr(records, "_FIRST", 5)
    await api.post("/v1/fields", json={"name": "city", "type": "text"})
    if form == "csv":
        rows = [b'%d@example.com,"Ro\nm\xc3\xa9"\r\n' % n for n in range(34)]
        whole = b"\xef\xbb\xbfemail,city\r\n" + b"".join(rows) + b"nobody,x\r\n"
    else:
        rows = [b'{"email": "%d@example.com", "city": "Rom\xc3\xa9"}\n' % n for n in range(34)]
        whole = b"".join(rows) + b'{"email": 5}'
    digest = base64.b64encode(hashlib.sha256(whole).digest()).decode()
    media = {"csv": "text/csv", "ndjson": "application/x-ndjson"}[form]
    headers = {"Content-Type": media, "Repr-Digest": f"sha-256=:{digest}:"}

    async def torn() -> AsyncIterator[bytes]:
        yield whole[: len(whole) * 3 // 4]
        raise ConnectionResetError

    broken = await api.post("/v1/imports", content=torn(), headers=headers)
    assert broken.status_code >= 500
    (failed,) = (await api.get("/v1/jobs")).json()["data"]
    rehearsed = await api.post("/v1/imports?dry_run=true", content=torn(), headers=headers)
    assert rehearsed.status_code >= 500  # and it is not gone on with
    place, size = failed["result"]["resume"]["at"], len(whole)
    assert (failed["state"], failed["done"]) == ("failed", 20)
    assert whole[:place].endswith(rows[19])

    async def rest(start: int, **more: str) -> httpx.Response:
        said = {"Content-Range": f"bytes {start}-{size - 1}/{size}"}
        return await api.post("/v1/imports", content=whole[start:], headers=headers | said | more)

    wrong = await rest(place + 1)
    assert (wrong.status_code, wrong.json()["resume_at"]) == (400, place)
    part = {"Content-Range": f"bytes {place}-{size - 2}/{size}"}
    assert (await rest(place, **part)).json()["code"] == "invalid_value"
    done = (await rest(place)).json()
    assert (done["state"], done["done"], done["counts"]["created"]) == ("done", 35, 14), done
    assert done["result"]["resumed"] == failed["id"]
    faults = (await api.get(done["errors_url"])).json()["data"]
    assert [fault["line"] for fault in faults] == [35 if form == "ndjson" else 70]
    assert await emails(server) == [f"{n}@example.com" for n in range(34)]
    again = await rest(place)
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
