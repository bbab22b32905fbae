"""What a stranger or a careless program tries: each is refused with a clear answer, and soon."""

import asyncio
import time
from typing import Any

import httpx
import pytest
from api_server import Server

from headless.cli.logs import masked

Api = httpx.AsyncClient
MB = 1024 * 1024

BOMBS = (
    "{% for i in (1..100000000) %}x{% endfor %}",
    "{% assign a = 'x' %}" + "{% assign a = a | append: a %}" * 40 + "{{ a }}",
    "{% for a in (1..9999) %}{% for b in (1..9999) %}{{ a | times: b }}{% endfor %}{% endfor %}",
    "{% if true %}" * 5_000 + "{% endif %}" * 5_000,
    "{{ 'x' | replace: 'x', 'xxxxxxxxxx' " + "| replace: 'x', 'xxxxxxxxxx' " * 12 + "}}",
)


@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
async def test_a_template_that_wants_all_is_refused_soon(api: Api, bomb: str) -> None:
    body = {"name": "Bomb", "subject": "x", "html": f"<p>{bomb}</p>"}
    begun = time.process_time()
    made = await api.post("/v1/emails", json=body)
    if made.status_code == 201:  # it can be read; what it costs is seen when it is made
        made = await api.post("/v1/emails/Bomb/preview", json={})
    assert 400 <= made.status_code < 500, made.text
    assert made.json()["code"] in ("invalid_text", "invalid_value", "too_large", "invalid_body")
    assert time.process_time() - begun < 5


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(api: Api) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while sent < 50 * MB:
            sent += MB // 4
            yield b"x" * (MB // 4)

    whole = await api.post("/v1/contacts", content=b" " * (MB + 1), headers=JSON)
    assert (whole.status_code, whole.json()["code"]) == (413, "too_large")
    chunked = await api.post("/v1/contacts", content=endless(), headers=JSON)
    assert (chunked.status_code, chunked.json()["code"]) == (413, "too_large")
    assert sent <= 4 * MB
    lied = await api.post("/v1/contacts", content=b"{}", headers={**JSON, "Content-Length": "9e9"})
    assert lied.status_code < 500


JSON = {"Content-Type": "application/json"}


async def test_a_body_that_never_ends_holds_no_connection_of_the_database(
    api: Api, server: Server
) -> None:
    release = asyncio.Event()

    async def slow() -> Any:
        yield b'{"external_id": '
        await release.wait()
        yield b'"slow"}'

    waiting = [
        asyncio.create_task(api.post("/v1/contacts", content=slow(), headers=JSON))
        for _ in range(30)  # the test's pool has 8 connections
    ]
    await asyncio.sleep(0)
    quick = await asyncio.wait_for(api.get("/v1/whoami"), 10)
    assert quick.status_code == 200
    release.set()
    done = await asyncio.gather(*waiting)
    assert {one.status_code for one in done} <= {200, 201, 409}


async def test_links_are_made_for_our_own_host_whoever_was_asked(api: Api) -> None:
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil"}
    invite = {"name": "Ann", "email": "ann@example.com"}
    made = await api.post("/v1/members/invites", json=invite, headers=evil)
    assert made.json()["url"].startswith("http://testserver/join/")
    asset = await api.post("/v1/assets", json={"name": "A", "slug": "a"}, headers=evil)
    assert "evil" not in asset.text + str(asset.headers)
    for path in ("/docs", "/openapi.json", "/problems/gone", "/nowhere"):
        answer = await api.get(path, headers=evil)
        assert "evil" not in answer.text + str(answer.headers), path


async def test_header_lines_cannot_be_put_into_names(api: Api) -> None:
    for name in ("a\r\nSet-Cookie: x=1", "a\nb", "a\x00b"):
        for path, body in (
            ("/v1/emails", {"subject": "s", "html": "<p>x</p>"}),
            ("/v1/campaigns", {"source": 'start when did "x"\nadd tag y'}),
            ("/v1/segments", {"condition": "points > 1"}),
            ("/v1/members/invites", {"email": "a@example.com"}),
            ("/v1/fields", {"type": "text"}),
        ):
            answer = await api.post(path, json={"name": name, **body})
            assert answer.status_code < 500, (path, answer.text)
            assert "set-cookie" not in answer.headers
            if answer.status_code == 201:
                assert "\n" not in answer.json()["name"], path


async def test_nothing_that_is_logged_says_who_somebody_is(
    api: Api, server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    address, key = "ada.lovelace@secret.example", "write-only-secret"
    made = await api.post("/v1/contacts", json={"email": address, "fields_mode": "create"})
    contact = made.json()["id"]
    await api.post("/v1/contacts/lookup", json={"email": address})
    await api.post("/v1/contacts", json={"email": address, "external_id": 5})
    await api.get(f"/v1/contacts/{contact}?email={address}")
    await api.get(f"/v1/contacts/{address}")
    await api.post(
        "/v1/channels",
        json={
            "provider": "smtp",
            "name": "M",
            "settings": {"host": "h"},
            "secrets": {"password": key},
        },
    )
    invite = (await api.post("/v1/members/invites", json={"name": "A", "email": address})).json()
    ticket = invite["url"].rpartition("/")[2]
    async with server.database.engine.begin() as connection:  # an error of ours, in the middle
        await connection.exec_driver_sql("alter table tag rename to hidden")
    broken = await api.post("/v1/contacts", json={"email": address, "tags": {"add": ["x"]}})
    async with server.client(server.token[:-1] + "?") as torn:
        await torn.get("/v1/whoami")
    async with server.database.engine.begin() as connection:
        await connection.exec_driver_sql("alter table hidden rename to tag")
    assert broken.status_code == 500
    assert address not in broken.text
    logged = "".join(capfd.readouterr())
    assert "request_failed" in logged
    for secret in (address, server.token, ticket, key):
        assert secret not in masked(logged), secret
    for secret in (server.token, ticket, key):
        assert secret not in logged, secret
