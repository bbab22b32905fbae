"""What the API tells of itself, on its own host, without anything from another."""

import re

import httpx
from api_server import Server

from headless.api import openapi

Api = httpx.AsyncClient


async def test_the_page_shows_every_route_and_loads_nothing(api: Api, server: Server) -> None:
    page = await api.get("/docs")
    for operations in openapi.describe(server.app)["paths"].values():
        for operation in operations.values():
            assert f'id="{operation["operationId"]}"' in page.text
    assert "Idempotency-Key" in page.text
    assert "ada@example.com" in page.text
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page.text)
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_machines_have_a_page_of_their_own(api: Api) -> None:
    page = await api.get("/llms.txt")
    assert page.headers["content-type"].startswith("text/plain")
    assert page.text.startswith("# Headless\n")
    assert "- [GET /v1/whoami](/docs#whoami): " in page.text
    for link in ("/openapi.json", "/docs", "/problems"):
        assert f"]({link})" in page.text
        assert (await api.get(link)).status_code == 200
