"""Over real sockets: whoever sends a body a byte at a time is sent away, and others are served."""

import asyncio
from pathlib import Path

import httpx
import msgspec
from integration.operation.processes import House, until

from headless.storage.database import connect
from headless.workspace import tokens, workspaces


async def test_a_byte_now_and_then_holds_nobody(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    house = House(database_url, redis_url, tmp_path, HEADLESS_BODY_SECONDS="1")
    database = connect(database_url, pool_size=2)
    async with database.transaction() as tx:
        now = await database.now()
        workspace = await workspaces.create(tx, "Acme", now=now)
        _, token = await tokens.make(tx, workspace.id, "test", ("admin",), kind="test", now=now)
    await database.close()

    async def slowly(path: str, media: str, head: bytes, drop: bytes) -> tuple[bytes, bytes]:
        """Send the head of a body, then drops of it until the other side has had enough."""
        reader, writer = await asyncio.open_connection("127.0.0.1", int(house.url.split(":")[-1]))
        lines = (f"POST {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}",
                 f"Content-Type: {media}", "Content-Length: 1000000",
                 f"Idempotency-Key: {media}", "", "")  # fmt: skip
        writer.write("\r\n".join(lines).encode() + head)

        async def dripping() -> None:
            while True:
                writer.write(drop)
                await writer.drain()
                await asyncio.sleep(0.05)

        drip = asyncio.create_task(dripping())
        try:
            async with asyncio.timeout(20):
                answer = await reader.readuntil(b"\r\n\r\n")
                length = int(answer.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                return answer, await reader.readexactly(length)
        finally:
            drip.cancel()
            writer.close()

    async with house.process("serve"), httpx.AsyncClient(base_url=house.url) as client:

        async def healthy() -> bool:
            try:
                return (await client.get("/healthz")).status_code == 200
            except httpx.TransportError:
                return False

        await until(healthy, "the server answers")
        told = await asyncio.gather(
            slowly("/v1/contacts", "application/json", b'{"email": "', b"a"),
            slowly("/v1/imports", "text/csv", b"email\n", b"ada@example.com\n"),
            slowly("/f/nobody", "application/x-www-form-urlencoded", b"a=", b"b"),
        )
        for head, body in told[:2]:
            assert head.startswith(b"HTTP/1.1 408"), head
            assert msgspec.json.decode(body)["code"] == "slow_body"
            assert b"connection: close" in head.lower()
        assert told[2][0].split()[1] in (b"404", b"408")
        whole = {"email": "ada@example.com"}
        mine = {"Authorization": f"Bearer {token}"}
        assert (await client.post("/v1/contacts", json=whole, headers=mine)).status_code == 201
        (job,) = (await client.get("/v1/jobs", headers=mine)).json()["data"]
        again = mine | {"Content-Type": "text/csv", "Idempotency-Key": "text/csv"}
        done = await client.post("/v1/imports", content=b"email\nada@example.com\n", headers=again)
        assert (done.status_code, done.json()["state"]) == (202, "done"), done.text
        assert (job["state"], "did not come within" in job["detail"]) == ("failed", True)
