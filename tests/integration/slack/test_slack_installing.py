"""Installing: a ticket, once; OAuth with a state and a cookie; tokens that rotate; the end."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from slack_rig import Rig, rig
from sqlalchemy import insert, select, update

from headless.slack.outgoing import posting
from headless.slack.verbs.manifest import SCOPES
from headless.storage.tables import member, slack_account, slack_installation, token
from headless.workspace import audit, tokens


@pytest.fixture
async def slack(database_url: str) -> AsyncIterator[Rig]:
    async with rig(database_url, installed=False) as made:
        yield made


async def ticket(slack: Rig, token: str | None = None) -> str:
    async with slack.api(token) as api:
        made = await api.post("/v1/slack/install")
    assert made.status_code == 201, made.text
    return str(made.json()["url"])


def browser(slack: Rig) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(slack.app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://testserver")


async def come_back(one: httpx.AsyncClient, state: str, **query: str) -> httpx.Response:
    return await one.get("/slack/oauth_redirect", params={"state": state, **query})


async def installed(slack: Rig, team: str, *, rotating: bool = False, user: str = "U1") -> None:
    url = await ticket(slack)
    async with browser(slack) as one:
        there = await one.get(url)
        state = parse_qs(urlsplit(there.headers["location"]).query)["state"][0]
        code = slack.slack.code(team, user, rotating=rotating)
        back = await come_back(one, state, code=code)
    assert back.status_code == 200, back.text


async def test_a_team_is_installed_and_whoever_did_it_is_admin(slack: Rig) -> None:
    url = await ticket(slack)
    async with browser(slack) as one:
        there = await one.get(url)
        assert there.status_code == 302
        asked = urlsplit(there.headers["location"])
        query = parse_qs(asked.query)
        assert asked.path == "/oauth/v2/authorize"
        assert query["scope"] == [",".join(SCOPES)]
        assert query["redirect_uri"] == ["http://testserver/slack/oauth_redirect"]
        assert "httponly" in there.headers["set-cookie"].lower()
        back = await come_back(one, query["state"][0], code=slack.slack.code("T1"))
        assert "Installed for Acme" in back.text
    await slack.work()
    greeting = slack.slack.of("chat.postMessage")[0]
    assert greeting.payload["channel"] == "U1"
    assert "You are admin" in greeting.words
    said = await slack.ask("whoami")
    assert "*admin*" in said.words
    said = await slack.ask("whoami", user="U2")
    assert "*viewer*" in said.words
    async with slack.database.glance() as tx:
        row = (await tx.execute(select(slack_installation))).one()
        entries = await audit.listing(tx, slack.workspace_id, audit.Sought(), limit=50)
    assert b"xoxb" not in row.secrets
    assert "install_slack" in {entry.act for entry in entries}


async def test_a_ticket_is_spent_once_and_in_time(slack: Rig) -> None:
    url = await ticket(slack)
    state = url.partition("ticket=")[2]
    async with browser(slack) as one:
        await one.get(url)
        await one.get(url)  # looking does not spend it
        denied = await come_back(one, state, error="access_denied")
        assert "nobody agreed" in denied.text
        first = await come_back(one, state, code=slack.slack.code("T1"))
        assert first.status_code == 200
        again = await come_back(one, state, code=slack.slack.code("T1"))
        assert again.status_code == 410
        assert (await one.get(url)).status_code == 410
        late = await ticket(slack)
        await one.get(late)
        slack.clock.advance(timedelta(minutes=10))
        assert (await one.get(late)).status_code == 410
        state = late.partition("ticket=")[2]
        assert (await come_back(one, state, code=slack.slack.code("T1"))).status_code == 410


async def test_another_browser_cannot_finish_what_one_began(slack: Rig) -> None:
    url = await ticket(slack)
    async with browser(slack) as one:
        await one.get(url)
    async with browser(slack) as other:
        state = url.partition("ticket=")[2]
        answer = await come_back(other, state, code=slack.slack.code("T1"))
        assert answer.status_code == 400
        nobody = await come_back(other, "x" * 32, code="code")
        assert nobody.status_code == 400


async def test_only_an_admin_makes_tickets(slack: Rig) -> None:
    async with slack.database.transaction() as tx:
        _, poor = await tokens.make(
            tx, slack.workspace_id, "t", ["campaigns:write"], kind="test", now=slack.clock.now()
        )
    async with slack.api(poor) as api:
        assert (await api.post("/v1/slack/install")).status_code == 403
        assert (await api.get("/v1/slack/installations")).status_code == 403


async def test_a_team_belongs_to_one_workspace(slack: Rig) -> None:
    await installed(slack, "T1")
    other = await slack.workspace("Other")
    async with slack.database.transaction() as tx:
        _, theirs = await tokens.make(tx, other, "t", ["admin"], kind="test", now=slack.clock.now())
    url = await ticket(slack, theirs)
    async with browser(slack) as one:
        await one.get(url)
        answer = await come_back(one, url.partition("ticket=")[2], code=slack.slack.code("T1"))
    assert answer.status_code == 409
    async with slack.api(theirs) as api:
        assert (await api.get("/v1/slack/installations")).json()["data"] == []
        gone = await api.delete("/v1/slack/installations/T1")
        assert gone.status_code == 404
    async with slack.api() as api:
        assert (await api.delete("/v1/slack/installations/T1")).status_code == 204
        listed = (await api.get("/v1/slack/installations")).json()
    assert (listed["listening"], listed["data"][0]["state"]) == (True, "gone")
    url = await ticket(slack, theirs)
    async with browser(slack) as one:
        await one.get(url)
        answer = await come_back(one, url.partition("ticket=")[2], code=slack.slack.code("T1"))
    assert answer.status_code == 200


async def test_a_whole_organisation_is_one_installation(slack: Rig) -> None:
    grid = slack.slack.team("E1", "Grid")
    grid.enterprise = "E1"
    for user in ("U1", "U3"):
        grid.user(user, user.lower())
        grid.users[user]["enterprise_user"] = {"enterprise_id": "E1"}
    grid.user("U9", "eve")
    grid.users["U9"]["enterprise_user"] = {"enterprise_id": "E666"}
    await installed(slack, "E1")
    told = await slack.command("whoami", team="E1", team_id="T77", enterprise_id="E1")
    assert told.status_code == 200
    await slack.work()
    assert "*admin*" in slack.slack.responses[-1].words
    button = {"action_id": "say:0", "value": "whoami"}
    grid_team = {"team": {"id": "T77", "domain": "g", "enterprise_id": "E1"}}
    await slack.click(button, team="E1", user="U3", home="T78", extra=grid_team)
    await slack.work()
    assert "*viewer*" in slack.slack.responses[-1].words
    await slack.click(button, team="E1", user="U9", home="T666", extra=grid_team)
    await slack.work()
    assert "this company only" in slack.slack.responses[-1].words


async def test_tokens_are_renewed_once_before_they_end(slack: Rig) -> None:
    await installed(slack, "T1", rotating=True)
    await slack.work()
    team = slack.slack.teams["T1"]
    team.tokens.discard("xoxb-T1")
    (first,) = team.tokens
    slack.clock.advance(timedelta(hours=11, minutes=45))
    clients = slack.line.clients
    made = await asyncio.gather(*(clients.of(slack.workspace_id, "T1") for _ in range(5)))
    assert len(slack.slack.of("oauth.v2.access")) == 1
    assert {one.token for one in made} == team.tokens
    assert first not in team.tokens
    await slack.ask("whoami")
    assert len(slack.slack.of("oauth.v2.access")) == 1


@pytest.mark.parametrize("kind", ["app_uninstalled", "tokens_revoked"])
async def test_an_uninstalled_app_is_forgotten(slack: Rig, kind: str) -> None:
    await installed(slack, "T1")
    await slack.work()
    async with slack.database.transaction() as tx:
        await posting.post(
            tx, slack.workspace_id, "T1", "C1", text="x", key="x", now=slack.clock.now()
        )
    own = {"type": "tokens_revoked", "tokens": {"oauth": ["U5"]}}
    await slack.event(own)
    await slack.event({"type": kind, "tokens": {"bot": ["UBOTT1"]}})
    async with slack.database.glance() as tx:
        row = (await tx.execute(select(slack_installation))).one()
        found = await posting.posted(tx, slack.workspace_id, "x")
    assert (row.state, row.secrets) == ("gone", None)
    assert kind in row.reason
    assert found is not None
    assert found.state == "failed"
    assert "not installed" in (await slack.command("list")).json()["text"]
    await installed(slack, "T1")
    await slack.ask("whoami")


async def test_a_laptop_installs_with_a_bot_token(slack: Rig) -> None:
    async with slack.api() as api:
        body = {"token": "xoxb-T1", "admin": "bob@acme.example"}
        made = await api.post("/v1/slack/installations", json=body)
        assert made.status_code == 201, made.text
        assert made.json()["installed_by"] == "U2"
        wrong = await api.post("/v1/slack/installations", json={**body, "token": "xoxb-wrong0"})
        assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_value")
        assert "invalid_auth" in wrong.json()["detail"]
    await slack.work()
    assert "*admin*" in (await slack.ask("whoami", user="U2")).words


async def linked_member(slack: Rig) -> tuple[int, str]:
    """A colleague and a token of theirs."""
    async with slack.database.transaction() as tx:
        row = {
            "workspace_id": slack.workspace_id,
            "name": "Ann Lee",
            "created_at": slack.clock.now(),
        }
        number = await tx.scalar(insert(member).values(row).returning(member.c.id))
        made, text = await tokens.make(
            tx, slack.workspace_id, "mine", ["campaigns:read"], kind="test", now=slack.clock.now()
        )
        await tx.execute(update(token).where(token.c.id == made.id).values(member_id=number))
    return int(number), text


async def test_an_account_is_linked_by_ticket_and_token(slack: Rig) -> None:
    await slack.install("T1", slack.workspace_id)
    number, text = await linked_member(slack)
    said = await slack.ask("link")
    (url,) = [b["url"] for block in said.payload["blocks"] for b in block.get("elements", [])]
    async with browser(slack) as one:
        asked = await one.get(url)
        assert "ann" in asked.text
        given = url.partition("ticket=")[2]
        wrong = await one.post("/slack/link", data={"ticket": given, "token": "hk_test_x"})
        assert wrong.status_code == 401
        done = await one.post("/slack/link", data={"ticket": given, "token": text})
        assert "Ann Lee" in done.text
        again = await one.post("/slack/link", data={"ticket": given, "token": text})
        assert again.status_code == 410
        assert (await one.get(url)).status_code == 410
    assert "Ann Lee" in (await slack.ask("whoami")).words
    async with slack.database.glance() as tx:
        row = (await tx.execute(select(slack_account))).one()
        assert (row.user_id, row.member_id) == ("U1", number)
        assert await tx.scalar(select(member.c.slack_id)) == "U1"
    assert "linked with nobody now" in (await slack.ask("unlink")).words
    assert "linked with nobody in" in (await slack.ask("whoami")).words
    said = await slack.ask("link")
    (url,) = [b["url"] for block in said.payload["blocks"] for b in block.get("elements", [])]
    async with slack.api(text) as api:
        body = {"ticket": url.partition("ticket=")[2]}
        made = await api.post("/v1/slack/link", json=body)
        assert made.json() == {"team_id": "T1", "user_id": "U1", "member": "Ann Lee"}
        assert (await api.post("/v1/slack/link", json=body)).status_code == 410
    async with slack.api() as api:
        service = await api.post("/v1/slack/link", json=body)
        assert "service account" in service.json()["detail"]


async def test_the_last_admin_stays(slack: Rig) -> None:
    await slack.install("T1", slack.workspace_id)
    assert "nobody else is admin" in (await slack.ask("role <@U1|ann> viewer")).words.lower()
    assert "*approver* now" in (await slack.ask("role <@U2|bob> approver")).words
    assert "*approver*" in (await slack.ask("whoami", user="U2")).words
    refused = await slack.ask("role <@U2|bob> admin", user="U2")
    assert "*admin*" in refused.words
    await slack.ask("role <@U2|bob> admin")
    assert "*viewer* now" in (await slack.ask("role <@U1|ann> viewer", user="U2")).words
    listed = await slack.ask("role", user="U2")
    assert "<@U2> is *admin*" in listed.words
    assert "cannot tell who" in (await slack.ask("role @ann editor", user="U2")).words


async def test_settings_say_what_everybody_else_may(slack: Rig) -> None:
    await slack.install("T1", slack.workspace_id)
    said = await slack.ask("settings")
    menu = said.payload["blocks"][1]["elements"][0]
    option = next(one for one in menu["options"] if one["value"] == "none")
    await slack.click({**menu, "selected_option": option}, user="U2")
    await slack.work()
    assert "admin" in slack.slack.responses[-1].words
    await slack.click({**menu, "selected_option": option})
    await slack.work()
    assert "may not even look now" in slack.slack.responses[-1].words
    assert "no role" in (await slack.command("list", user="U2")).json()["text"]
