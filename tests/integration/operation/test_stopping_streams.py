"""A server that is asked to stop does not wait for those who listen to a stream."""

import asyncio
import signal
import time
from pathlib import Path

import httpx
from integration.operation.processes import House, answering, furnish

from headless.storage.database import connect

MOST_SECONDS = 8  # far less than the twenty that a server waits for requests to end


async def test_a_stream_ends_when_the_server_is_to_stop(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    database = connect(database_url, pool_size=1)
    token = (await furnish(database)).token
    await database.close()
    house = House(database_url, redis_url, tmp_path)
    async with house.process("serve") as server:
        await answering(house.url)
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx.AsyncClient(base_url=house.url, headers=headers, timeout=30) as client,
            client.stream("GET", "/v1/stream") as stream,
        ):
            assert stream.status_code == 200
            lines = stream.aiter_lines()
            assert (await anext(lines)).startswith("retry:")
            began = time.monotonic()
            server.send_signal(signal.SIGTERM)
            rest = [line async for line in lines]  # to its proper end: nothing is torn
        async with asyncio.timeout(30):
            assert await server.wait() == 0
        assert time.monotonic() - began < MOST_SECONDS
        assert not any(line.startswith("data:") for line in rest)
