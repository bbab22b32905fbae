"""A start that concerns many: asked for, refused to the author, approved by another, running."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_rig import Rig, rig
from test_flows_running import buttons, card, press

TEXT = 'new "Spring sale": from contacts where (points >= 0) add tag spring'


@pytest.fixture
async def slack(database_url: str) -> AsyncIterator[Rig]:
    async with rig(database_url) as made:
        await made.role("U2", "approver")
        await made.role("U1", "admin")
        async with made.api() as api:
            for number in range(3):
                told = await api.post("/v1/contacts", json={"email": f"p{number}@example.org"})
                assert told.status_code == 201, told.text
            told = await api.patch("/v1/workspace", json={"approval_threshold": 2})
            assert told.status_code == 200, told.text
        yield made


def newest_view(slack: Rig) -> dict[str, Any]:
    return list(slack.slack.teams["T1"].views.values())[-1]


def posts_to(slack: Rig, user: str) -> list[Any]:
    return [c for c in slack.slack.of("chat.postMessage") if c.payload["channel"] == user]


async def test_another_must_approve_and_the_author_cannot(slack: Rig) -> None:
    draft = await slack.ask(TEXT)
    await press(slack, buttons(draft)["Start…"])
    view = newest_view(slack)
    assert view["submit"]["text"] == "Ask them"
    assert "1 person can: <@U2>" in json.dumps(view)
    forced = await slack.submit({**view, "callback_id": "start"}, {})
    assert "needs an approver" in forced.text
    assert forced.json()["view"]["callback_id"] == "ask"

    asked = await slack.submit(view, {})
    assert "Asked <@U2>" in asked.text
    await slack.work()
    (request,) = posts_to(slack, "U2")
    assert "<@U1> wants to start" in request.words
    approve = buttons(request)["Approve"]
    again = await slack.submit(view, {})
    assert again.status_code == 200
    await slack.work()
    assert len(posts_to(slack, "U2")) == 1, "asked once"

    own = await press(slack, approve, user="U1")
    assert own is not None
    assert "somebody else must approve" in own.words
    listed = await slack.ask('approve "Spring sale"')
    assert "Approve" in buttons(listed)

    given = await press(slack, approve, user="U2", channel="DU2")
    assert given is not None
    assert "Approved and started" in given.words
    assert "it runs" in posts_to(slack, "U1")[-1].words
    shown = card(slack)[1]
    assert "running" in json.dumps(shown)
    assert "Pause" in buttons(shown)
    twice = await press(slack, approve, user="U2", channel="DU2")
    assert twice is not None
    assert "already running" in twice.words


async def test_below_the_threshold_nobody_is_asked(slack: Rig) -> None:
    draft = await slack.ask('new "Small": start when did "signed up" add tag new')
    await press(slack, buttons(draft)["Start…"])
    assert newest_view(slack)["submit"]["text"] == "Start"
    assert (await slack.submit(newest_view(slack), {})).text == ""


async def test_who_may_not_approve_is_told(slack: Rig) -> None:
    draft = await slack.ask(TEXT)
    await press(slack, buttons(draft)["Start…"])
    await slack.submit(newest_view(slack), {})
    await slack.work()
    (request,) = posts_to(slack, "U2")
    await slack.role("U2", "editor")
    told = await press(slack, buttons(request)["Approve"], user="U2", channel="DU2")
    assert told is not None
    assert "needs the role `approver`" in told.words
