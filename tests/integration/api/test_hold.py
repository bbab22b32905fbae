"""Nothing is handed over while it is held, everything else goes on, and nothing is lost."""

from datetime import timedelta

import httpx
import pytest
from api_server import Server
from post_office import post_office

from headless.problems import Problem
from headless.workspace.hold import hold, holds

HELLO = """campaign "Hello"
start when did "signed up"
send email Welcome
add points 1
"""
BYE = HELLO.replace("Hello", "Bye").replace("signed up", "left").replace("Welcome", "Bye")


async def test_what_is_held_waits_and_the_rest_goes_on(
    server: Server, api: httpx.AsyncClient
) -> None:
    async with post_office(server, api) as office:
        await office.contact("ada")
        await office.email("Welcome")
        await office.email("Bye")
        hello, _ = await office.start(HELLO), await office.start(BYE)
        refused = await api.post("/v1/hold", json={})
        assert refused.status_code == 400
        assert "say why" in refused.json()["detail"]

        wide = {"reason": "we move"}
        for scope in ({}, {"channel": "email"}, {"campaign": "Hello"}):
            held = await office.made("/v1/hold", {**wide, **scope}, 200)
            again = await office.made("/v1/hold", {**wide, **scope, "reason": "other"}, 200)
            assert held == again
        assert [(h["scope"], h["channel"], h["campaign_id"]) for h in again["holds"]] == [
            ("workspace", None, None), ("channel", "email", None), ("campaign", None, hello),
        ]  # fmt: skip
        assert again["held"]
        await office.does("signed up", "ada")
        await office.does("left", "ada")
        assert await office.mails("ada") == []
        assert await office.rows("select points from contact") == [(2,)]
        (message,) = (await api.get("/v1/messages?campaign=Hello")).json()["data"]
        told = await api.get(f"/v1/messages/{message['id']}/why")
        assert any("everything is held since" in each for each in told.json()["because"])
        assert any(each.endswith("by token test: we move") for each in told.json()["because"])

        server.clock.advance(timedelta(hours=1))
        await office.made("/v1/hold", {"on": False}, 200)
        await office.settle()
        assert await office.mails("ada") == []  # the channel is held still
        await office.made("/v1/hold", {"on": False, "channel": "email"}, 200)
        await office.settle()
        assert await office.subjects("ada") == ["Bye"]
        free = await office.made("/v1/hold", {"on": False, "campaign": "Hello"}, 200)
        assert free == {"held": False, "holds": []}
        await office.settle()
        assert await office.subjects("ada") == ["Bye", "Welcome"]


async def test_a_hold_is_of_one_workspace(server: Server) -> None:
    other = await server.workspace("Other")
    now = server.clock.now()
    async with server.database.transaction() as tx:
        mine = server.workspace_id
        given = {"reason": "restored", "actor": "restore", "now": now}
        assert await hold(tx, mine, scope="workspace", on=True, **given)
        assert not await hold(tx, mine, scope="workspace", on=True, **given)
        assert not await hold(tx, other, scope="workspace", on=False, **given)
        assert [(each.scope, each.actor) for each in await holds(tx, mine)] == [
            ("workspace", "restore")
        ]
        assert await holds(tx, other) == []
        assert await hold(tx, mine, scope="workspace", on=False, **given)
        for odd in ("", "channel:fax", "campaign:x", "workspace:1"):
            with pytest.raises(Problem) as refused:
                await hold(tx, mine, scope=odd, on=True, **given)
            assert refused.value.code == "invalid_value"
