"""Commands that follow, pass on and decide, against a server that serves.

What ends by itself and needs a whole installation is run by the page `docs/how-to/terminal.md`.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from integration.operation.processes import House, answering, until
from provider_doubles import serving
from servers import TestServers
from standardwebhooks.webhooks import Webhook

from headless.storage.database import Database, connect
from headless.workspace import members


class Served:
    """An installation that serves, and a client that may do everything."""

    def __init__(self, house: House, database: Database, api: httpx.AsyncClient) -> None:
        self.house, self.database, self.api = house, database, api

    async def campaign(self, name: str) -> None:
        await self.api.post("/v1/segments", json={"name": "Leads"})
        source = f'campaign "{name}"\nfrom segment Leads\nwait 3d\nadd points 10\n'
        made = await self.api.post("/v1/campaigns", json={"source": source})
        assert made.status_code == 201, made.text

    async def contact(self, name: str) -> str:
        made = await self.api.post("/v1/contacts", json={"email": f"{name}@example.com"})
        return str(made.json()["id"])


@pytest.fixture(scope="module")
async def served(
    servers: TestServers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Served]:
    """One installation for all tests here; each has a campaign of its own."""
    with servers.database() as url:
        house = House(url, servers.redis(), tmp_path_factory.mktemp("calls"))
        house.environ["HEADLESS_URL"] = house.url
        house.environ["HEADLESS_TOKEN"] = await token(house)
        headers = {"Authorization": f"Bearer {house.environ['HEADLESS_TOKEN']}"}
        database = connect(url, pool_size=1)
        try:
            async with (
                house.process("serve"),
                httpx.AsyncClient(base_url=house.url, headers=headers) as api,
            ):
                await answering(house.url)
                yield Served(house, database, api)
        finally:
            await database.close()


async def token(house: House) -> str:
    return (await house.run("tokens", "create", "--admin")).stdout.strip()


async def said(log: Path, words: str) -> str:
    async def look() -> str:
        text = log.read_text() if log.exists() else ""
        return text if words in text else ""

    return str(await until(look, f"said {words}"))


async def ended(process: Any) -> int:
    async with asyncio.timeout(20):
        return int(await process.wait())


async def test_what_happens_is_followed_and_taken_up_again(served: Served, tmp_path: Path) -> None:
    house, log = served.house, tmp_path / "tail.log"
    ada, bob = await served.contact("ada"), await served.contact("bob")
    await served.campaign("Hello")
    await house.run("campaigns", "start", "Hello", "--yes")
    files = web.Application()

    async def people(_: web.Request) -> web.Response:
        return web.Response(text="email\nfar@example.com\nnobody\n", content_type="text/csv")

    files.router.add_get("/people.csv", people)
    async with house.process("work"):
        async with serving(files) as url:
            came = await house.run("import", "contacts", f"{url}/people.csv")
        job = json.loads(came.stdout)
        assert (job["state"], job["counts"]["created"]) == ("done", 1)
        assert job["errors"][0]["line"] == 3
        async with house.process("tail", "Hello", "--count", "1", log=log) as following:
            await said(log, "following; Ctrl-C ends it")
            await house.run("campaigns", "add", "Hello", "ada@example.com")
            assert await ended(following) == 0
        event = json.loads(log.read_text().splitlines()[-1])
        assert (event["contact_id"], event["outcome"]) == (ada, "entered")
        await house.run("campaigns", "add", "Hello", "bob@example.com")
        again = await house.run("tail", "Hello", "--since", "1h", "--count", "1")
        assert json.loads(again.stdout)["contact_id"] == ada
        entries = await house.run("campaigns", "journal", "Hello", "--contact", "ada@example.com")
        told = [json.loads(line) for line in entries.stdout.splitlines()]
        assert {line["contact_id"] for line in told} == {ada}
        assert told[-1]["outcome"] == "entered"
        more = await house.run("tail", "--after", event["id"], "--count", "1", "--text")
        assert more.stdout.split()[2:] == ["Hello", bob, "entry", "entered"]
    refused = await house.run("tail", "--after", "yesterday", code=1)
    assert "`Last-Event-ID`" in refused.stderr


async def test_webhooks_come_to_a_program_here_for_as_long_as_the_command_runs(
    served: Served, tmp_path: Path
) -> None:
    house, log = served.house, tmp_path / "listen.log"
    came: list[tuple[dict[str, str], bytes]] = []

    async def take(request: web.Request) -> web.Response:
        came.append((dict(request.headers), await request.read()))
        return web.Response(status=202, text="taken")

    program = web.Application()
    program.router.add_post("/hooks", take)
    async with (
        serving(program) as url,
        house.process("listen", f"{url}/hooks", "--count", "2", log=log) as listening,
    ):
        secret = (await said(log, "secret")).split("secret")[1].split()[0]
        (hook,) = (await served.api.get("/v1/webhooks")).json()["data"]
        forged = httpx.Request("POST", hook["url"], content=b'{"type": "webhook.ping"}')
        async with httpx.AsyncClient() as anybody:
            assert (await anybody.send(forged)).status_code == 401
        ping = f"/v1/webhooks/{hook['id']}/ping"
        assert (await served.api.post(ping)).json()["status"] == 202
        await served.api.post(ping)  # the endpoint goes with it, maybe before this is answered
        assert await ended(listening) == 0
    told = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    assert [(one["event"]["type"], one["status"]) for one in told] == [("webhook.ping", 202)] * 2
    headers, body = came[0]
    assert Webhook(secret).verify(body, {n.lower(): v for n, v in headers.items()}) == json.loads(
        body
    )
    assert (await served.api.get("/v1/webhooks")).json()["data"] == []


async def test_a_program_that_is_away_is_told_and_ctrl_c_takes_the_endpoint_away(
    served: Served, tmp_path: Path
) -> None:
    house, log = served.house, tmp_path / "listen.log"
    async with house.process("listen", "http://127.0.0.1:9/", "--text", log=log) as listening:
        await said(log, "secret")
        (hook,) = (await served.api.get("/v1/webhooks")).json()["data"]
        pinged = (await served.api.post(f"/v1/webhooks/{hook['id']}/ping")).json()
        assert pinged["status"] == 502
        assert "webhook.ping  → " in await said(log, "webhook.ping")
        listening.terminate()
        assert await ended(listening) == 130
    assert (await served.api.get("/v1/webhooks")).json()["data"] == []
    far = await house.run("listen", "http://127.0.0.1:9/", "--port", "99999", code=2)
    assert far.stderr.splitlines()[-1] == "→ headless listen --help"


async def test_a_colleague_comes_approves_and_goes(served: Served) -> None:
    house, now, admin = served.house, datetime.now(UTC), served.house.environ["HEADLESS_TOKEN"]
    await served.campaign("Spring")
    await served.api.post(
        "/v1/segments/Leads/members", json={"add": [await served.contact("carol")]}
    )
    tokens = {}
    for name, role in (("Ann", "editor"), ("Bob", "approver")):
        email = f"{name.lower()}@example.com"
        link = await house.run("members", "invite", name, email, "--role", role, "--text")
        ticket = link.stdout.strip().rpartition("/")[2]
        async with served.database.transaction() as tx:
            tokens[name] = (await members.accept(tx, ticket, now=now)).text
    await served.api.patch("/v1/workspace", json={"approval_threshold": 0})
    robot = await house.run("campaigns", "approve", "Spring", "--yes", code=4)
    assert "a person with the role" in robot.stderr
    house.environ["HEADLESS_TOKEN"] = tokens["Ann"]
    waits = await house.run("campaigns", "start", "Spring", "--yes", code=5)
    assert waits.stderr.splitlines()[-1] == (
        "→ somebody else must agree: `headless campaigns approve NAME`"
    )
    house.environ["HEADLESS_TOKEN"] = tokens["Bob"]
    told = await house.run(
        "campaigns", "decline", "Spring", "--reason", "too early", "--yes", "--text"
    )
    assert told.stdout == "Spring is declined; Ann can change it and ask again\n"
    house.environ["HEADLESS_TOKEN"] = tokens["Ann"]
    refused = await house.run("campaigns", "start", "Spring", "--yes", code=5)
    assert "Bob declined it: “too early”" in refused.stderr
    assert refused.stderr.splitlines()[-1].endswith("ask once more with `--ask-again`")
    await house.run("campaigns", "start", "Spring", "--yes", "--ask-again", code=5)
    house.environ["HEADLESS_TOKEN"] = tokens["Bob"]
    unasked = await house.run("campaigns", "approve", "Spring", code=2)
    assert "Ann wants to start `Spring` for 1 contacts" in unasked.stderr
    given = await house.run("campaigns", "approve", "Spring", "--yes", "--text")
    assert given.stdout == "Spring is approved; Ann can start it\n"
    house.environ["HEADLESS_TOKEN"] = admin
    await served.api.patch("/v1/workspace", json={"approval_threshold": None})
    gone = await house.run("members", "remove", "ann@example.com", "--yes")
    (ann, bob) = json.loads((await house.run("members", "list")).stdout)
    assert json.loads(gone.stdout) == {"removed": ann["id"]}
    assert (ann["left_at"] is None, bob["left_at"] is None) == (False, True)
    again = await house.run("members", "remove", "ann@example.com", "--yes", code=1)
    assert "no colleagues here are `ann@example.com`" in again.stderr
    house.environ["HEADLESS_TOKEN"] = tokens["Ann"]
    assert (await house.run("campaigns", "list", code=4)).stdout == ""
    house.environ["HEADLESS_TOKEN"] = admin


async def test_a_draft_is_called_otherwise_and_thrown_away(served: Served) -> None:
    house = served.house
    made = await served.api.post("/v1/campaigns", json={"source": "wait 1d", "name": "One"})
    assert made.status_code == 201, made.text
    renamed = await house.run("campaigns", "rename", "One", "Two", "--text")
    assert renamed.stdout == "One is Two now\n"
    assert (await house.run("campaigns", "delete", "Two", code=2)).stderr.count("--yes") == 1
    await house.run("campaigns", "delete", "Two", "--yes")
    missing = await house.run("campaigns", "show", "Two", code=1)
    assert missing.stderr.splitlines()[-1].startswith("→ check the spelling; `headless campaigns")
    nothing = await house.run("domains", "check", "--text")
    assert (nothing.stdout, "no domain of its own" in nothing.stderr) == ("", True)


async def test_a_place_that_cannot_be_used_is_named(served: Served, tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "file").touch()
    for words in (("plan", "acme", "--out", "no/plan.json"), ("pull", "file")):
        places = [str(tmp_path / word) if word[0] != "-" else word for word in words[1:]]
        unfit = await served.house.run(words[0], *places, code=2)
        assert f"error: {places[-1]}" in unfit.stderr
        assert "cannot be used: " in unfit.stderr
        assert unfit.stderr.splitlines()[-1] == "→ name a place that can be"


async def test_a_domain_that_the_dns_does_not_have_is_at_fault(served: Served) -> None:
    changed = await served.api.patch("/v1/workspace", json={"sender": "Acme <hello@acme.test>"})
    assert changed.status_code == 200
    told = await served.house.run("domains", "check", "--text", code=1)
    assert told.stdout.startswith("acme.test\n  xx  ")
    assert "      → " in told.stdout


async def test_a_campaign_is_tried_on_a_contact_as_it_is(served: Served) -> None:
    house = served.house
    await served.api.post(
        "/v1/emails", json={"name": "Tips", "subject": "Tips", "html": "<p>Tips</p>"}
    )
    for name, city in (("dora", "Paris"), ("emil", "Rome")):
        await served.api.post(
            "/v1/contacts",
            json={
                "email": f"{name}@example.com",
                "fields": {"city": city},
                "fields_mode": "create",
            },
        )
    source = (
        'campaign "Autumn"\nstart when did "signed up"\n'
        'if city is "Paris" then add tag near else add tag far\nwait 3d\nsend email Tips\n'
    )
    assert (await served.api.post("/v1/campaigns", json={"source": source})).status_code == 201
    near = await house.run("try", "Autumn", "dora@example.com", "--text")
    assert "add tag near" in near.stdout
    assert "add tag far" not in near.stdout
    told = await house.run("try", "Autumn", "emil@example.com", "--send-to", "emil@example.com")
    far = json.loads(told.stdout)
    steps = [line["step"] for line in far["lines"]]
    assert "add tag far" in steps
    assert "send email Tips" in steps
    assert [(test["email"], test["to"]) for test in far["tests"]] == [("Tips", "emil@example.com")]
    stats = (await served.api.get("/v1/campaigns/Autumn/stats")).json()
    assert sum(stats["enrollments"].values()) == 0
    unfit = await house.run("try", "Autumn", "--until", "soon", code=1)
    assert "`soon` is neither a length of time" in unfit.stderr
    vague = await house.run("try", "Autumn", "--does", "+2d", code=2)
    assert vague.stderr.splitlines()[-1] == ('→ write it as in `--does "+2d opened email Hello"`')
