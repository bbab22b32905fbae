"""From a text to a mail, and from an open, a click, an unsubscribe back into the campaign."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from api_server import Server
from sqlalchemy import text

from headless.channels.post import Post
from headless.channels.sink import run_sink
from headless.runtime.engine import Engine

Api = httpx.AsyncClient
TEXT = {"Content-Type": "text/plain"}
PERSON = {"Accept": "text/html"}
CAMPAIGN = """\
campaign "Hello"
start when did "signed up"
send email Welcome
when opened email Welcome within 3d then add points 10
"""


class Town:
    """The application with what a worker does, driven by hand."""

    def __init__(self, server: Server, api: Api, post: Post) -> None:
        self.server = server
        self.api = api
        self.post = post
        self.engine = Engine(server.database)

    async def settle(self) -> None:
        for _ in range(3):
            await self.engine.settle(now=self.server.clock.now())
            for wake in await self.post.due():
                await self.post.deliver(wake)

    async def points(self) -> int:
        found = await self.api.post("/v1/contacts/lookup", json={"external_id": "42"})
        return int(found.json()["points"])

    async def mail(self) -> dict[str, Any]:
        answer = await self.api.get("/dev/inbox?to=ADA@example.com&wait=10")
        (mail,) = answer.json()["data"]
        return dict(mail)


@pytest.fixture
async def town(server: Server, api: Api) -> AsyncIterator[Town]:
    async with run_sink(server.database, clock=server.clock) as sink:
        keys = tuple(key.encode() for key in server.app.state.house.settings.secret_keys)
        post = Post(
            server.database,
            server.clock.now,
            keys=keys,
            base_url="http://testserver",
            smtp_url=sink.url,
        )
        town = Town(server, api, post)
        answer = await api.post(
            "/v1/emails",
            json={
                "name": "Welcome",
                "subject": 'Hello {{ contact.first_name | default: "there" }}',
                "html": '<p>Good that you are here. <a href="https://example.com/a?b=1">Look</a></p>',
            },
        )
        assert answer.status_code == 201, answer.text
        assert answer.headers["location"] == f"/v1/emails/{answer.json()['id']}"
        body = {
            "external_id": "42",
            "email": "ada@example.com",
            "fields": {"first_name": "Ada"},
            "fields_mode": "create",
        }
        assert (await api.post("/v1/contacts", json=body)).status_code == 201
        answer = await api.post("/v1/campaigns", content=CAMPAIGN, headers=TEXT)
        assert answer.status_code == 201, answer.text
        path = f"/v1/campaigns/{answer.json()['id']}/start"
        taught = await api.post(path)
        assert (taught.status_code, taught.json()["code"]) == (428, "plan_required")
        started = await api.post(path, json={"plan": taught.json()["plan"]["hash"]})
        assert (started.status_code, started.json()["state"]) == (200, "running")
        done = {"contact": {"external_id": "42"}, "did": "signed up", "id": "evt-1"}
        for duplicates in (0, 1):
            answer = await api.post("/v1/activities", json=done)
            assert answer.status_code == 202, answer.text
            assert answer.json() == {
                "accepted": 1 - duplicates, "duplicates": duplicates, "rejected": [],
            }  # fmt: skip
        await town.settle()
        yield town
        await post.close()


async def test_an_open_adds_the_points_once(town: Town) -> None:
    mail = await town.mail()
    assert mail["subject"] == "Hello Ada"
    assert mail["to"] == "ada@example.com"
    assert mail["links"]["open"].startswith("http://testserver/o/")
    assert len(mail["links"]["clicks"]) == 1
    assert await town.points() == 0
    town.server.clock.advance(timedelta(seconds=17))
    for _ in range(2):
        async with town.server.client() as reader:
            answer = await reader.get(mail["links"]["open"])
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
        assert answer.content.startswith(b"GIF89a")
        await town.settle()
    assert await town.points() == 10
    found = await town.api.post("/v1/contacts/lookup", json={"external_id": "42"})
    why = await town.api.get(
        f"/v1/contacts/{found.json()['id']}/why?campaign=Hello", headers={"Accept": "text/plain"}
    )
    assert "add points 10" in why.text
    assert "0 → 10" in why.text


async def test_a_click_leads_to_the_stored_target_only(town: Town) -> None:
    mail = await town.mail()
    (link,) = mail["links"]["clicks"]
    async with town.server.client() as reader:
        answer = await reader.get(link + "?to=https://evil.example")
        assert (answer.status_code, answer.headers["location"]) == (
            302,
            "https://example.com/a?b=1",
        )
        for torn in (link[:-1] + ("A" if link[-1] != "A" else "B"), link[:-3], link + "xyz"):
            answer = await reader.get(torn)
            assert answer.status_code == 404
            assert "location" not in answer.headers
        wrong_kind = link.replace("/c/", "/u/")
        assert (await reader.post(wrong_kind)).status_code == 404
    await town.settle()
    assert await town.points() == 10, "a click opens the mail, seen or unseen"


async def test_a_scanner_that_only_asks_is_told_and_nothing_is_recorded(town: Town) -> None:
    mail = await town.mail()
    (link,) = mail["links"]["clicks"]
    async with town.server.client() as scanner:
        asked = await scanner.head(link)
    assert (asked.status_code, asked.headers["location"]) == (302, "https://example.com/a?b=1")
    async with town.server.database.transaction() as tx:
        assert await tx.scalar(text("select count(*) from activity where kind <> 21")) == 0


async def test_a_link_that_cannot_be_looked_up_is_told_as_a_problem(town: Town) -> None:
    mail = await town.mail()
    (link,) = mail["links"]["clicks"]
    database = town.server.database

    async def rename(before: str, after: str) -> None:
        async with database.transaction() as tx:
            await tx.execute(text(f"alter table {before} rename to {after}"))

    async with town.server.client() as reader:
        headers = {"X-Request-Id": "from-outside-1"}
        await rename("message", "mislaid")
        try:
            answer = await reader.get(link, headers=headers)
        finally:
            await rename("mislaid", "message")
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "internal"
        assert answer.json()["request_id"] == answer.headers["x-request-id"] == "from-outside-1"
        answer = await reader.get(link)
        assert answer.status_code == 302
        assert answer.headers["cache-control"] == "no-store, max-age=0"
        assert answer.headers["x-request-id"].startswith("req_")
        assert (await reader.get(link + "/more")).status_code == 404
        assert (await reader.post(link)).status_code == 405


async def test_unsubscribing_takes_a_button_or_one_click(town: Town) -> None:
    mail = await town.mail()
    link = mail["links"]["unsubscribe"]

    async def suppressed() -> list[str]:
        found = await town.api.post("/v1/contacts/lookup", json={"external_id": "42"})
        return list(found.json()["suppressed"])

    async with town.server.client() as reader:
        asked = await reader.get(link)
        assert '<form method="post">' in asked.text
        assert await suppressed() == []
        done = await reader.post(link, data={"List-Unsubscribe": "One-Click"})
        assert done.status_code == 200
        assert await suppressed() == ["email"]
        assert (await reader.post(link)).status_code == 200
    async with town.server.database.transaction() as tx:
        rows = await tx.execute(text("select reason, source from suppression"))
        assert [tuple(row) for row in rows] == [("unsubscribed", "one_click")]


async def test_tampered_pixels_answer_and_store_nothing(town: Town) -> None:
    async with town.server.client() as reader:
        answer = await reader.get("/o/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.gif")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    async with town.server.database.transaction() as tx:
        assert await tx.scalar(text("select count(*) from activity where kind = 2")) == 0


async def test_the_inbox_for_people(town: Town) -> None:
    mail = await town.mail()
    async with town.server.client() as reader:
        listed = await reader.get("/dev/inbox", headers=PERSON)
        assert "Hello Ada" in listed.text
        assert f'href="/dev/inbox/{mail["id"]}"' in listed.text
        shown = await reader.get(f"/dev/inbox/{mail['id']}", headers=PERSON)
        assert "sandbox=" in shown.text
        assert "default-src 'none'" in shown.headers["content-security-policy"]
        frame = await reader.get(f"/dev/inbox/{mail['id']}/html")
        assert '<base target="_blank">' in frame.text
        assert "sandbox" in frame.headers["content-security-policy"]
        assert "allow-scripts" not in frame.headers["content-security-policy"]
        raw = await reader.get(f"/dev/inbox/{mail['id']}/raw")
        assert raw.text.startswith(("Return-Path", "Message-ID", "From", "DKIM", "Date", "MIME"))
        assert (await reader.get("/dev/inbox/999", headers=PERSON)).status_code == 404
    async with town.server.database.transaction() as tx:
        assert await town.points() == 0, "looking at the list opens nothing"
        assert await tx.scalar(text("select count(*) from activity where kind = 2")) == 0


async def test_the_inbox_for_programs(town: Town) -> None:
    mail = await town.mail()
    path = f"/dev/inbox/{mail['id']}"
    async with town.server.client() as reader:
        assert (await reader.post(f"{path}/open")).json()["done"] == "opened"
        await town.settle()
        assert await town.points() == 10
        clicked = await reader.post(f"{path}/click")
        assert clicked.json()["target"] == "https://example.com/a?b=1"
        body = {"link": "https://example.com/a?b=1"}
        assert (await reader.post(f"{path}/click", json=body)).status_code == 200
        assert (await reader.post(f"{path}/click", json={"link": 7})).status_code == 404
        assert (await reader.post(f"{path}/unsubscribe")).json()["done"] == "unsubscribed"
        again = (await reader.get(f"/dev/inbox?after={mail['id']}")).json()
        assert again["data"] == []


async def test_the_long_poll_waits_for_the_mail(town: Town) -> None:
    waiting = asyncio.create_task(town.api.get("/dev/inbox?to=bob@example.com&wait=20"))
    body = {"external_id": "7", "email": "bob@example.com"}
    await town.api.post("/v1/contacts", json=body)
    await town.api.post(
        "/v1/activities", json=[{"contact": {"external_id": "7"}, "did": "signed up"}]
    )
    await town.settle()
    (mail,) = (await waiting).json()["data"]
    assert mail["subject"] == "Hello there"


async def test_emails_have_versions(api: Api) -> None:
    body = {"name": "Tips", "subject": "Tips", "html": "<p>Hi {{ contact.nam }}</p>"}
    made = await api.post("/v1/emails", json=body)
    assert made.headers["etag"] == '"1"'
    assert {"path": "contact.nam", "known": False} in made.json()["variables"]
    assert made.json()["warnings"]
    answer = await api.post("/v1/emails", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
    body["subject"] = "More tips"
    answer = await api.put("/v1/emails/Tips", json=body, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    answer = await api.put("/v1/emails/Tips", json=body, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.json()["code"]) == (412, "stale_version")
    old = (await api.get(f"/v1/emails/{made.json()['id']}?version=1")).json()
    assert old["subject"] == "Tips"
    assert [row["version"] for row in (await api.get("/v1/emails")).json()["data"]] == [2]
    bad = await api.post("/v1/emails", json={**body, "name": "B", "html": "{{ contact."})
    assert bad.status_code in (400, 422)
    big = await api.post("/v1/emails", json={**body, "name": "C", "html": "x" * 600_000})
    assert (big.status_code, big.json()["code"]) == (413, "too_large")
    crlf = await api.post("/v1/emails", json={**body, "name": "D", "subject": "a\r\nBcc: x@y.z"})
    assert crlf.status_code == 400
