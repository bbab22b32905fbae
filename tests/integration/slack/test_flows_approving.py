"""A start that concerns many: asked for, refused to the author, approved by another, running."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from slack_rig import Rig, rig
from sqlalchemy import insert
from test_flows_running import buttons, card, press

from headless.storage.tables import member
from headless.workspace import tokens

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


async def test_another_declines_with_a_reason_and_the_author_asks_again(slack: Rig) -> None:
    draft = await slack.ask(TEXT)
    await press(slack, buttons(draft)["Start…"])
    view = newest_view(slack)
    await slack.submit(view, {})
    await slack.work()
    (request,) = posts_to(slack, "U2")
    await press(slack, buttons(request)["Decline…"], user="U2", channel="DU2")
    why = newest_view(slack)
    assert why["callback_id"] == "decline"
    typed = {"reason": {"reason": {"type": "plain_text_input", "value": "last year's <prices>"}}}
    done = await slack.submit(why, typed, user="U2")
    assert "Declined `Spring sale`" in done.text
    await slack.work()
    told = posts_to(slack, "U1")[-1]
    assert "<@U2> declined `Spring sale`: last year's &lt;prices&gt;" in told.words
    assert "Nothing waits" in (await slack.ask('approve "Spring sale"')).words

    slack.clock.advance(timedelta(minutes=1))
    await press(slack, buttons(told)["Ask again…"])
    await slack.submit(newest_view(slack), {})
    await slack.work()
    assert len(posts_to(slack, "U2")) == 2, "asked anew"
    back = await slack.ask('decline "Spring sale"')
    assert "You have taken it back" in back.words
    late = await press(slack, buttons(posts_to(slack, "U2")[-1])["Approve"], user="U2")
    assert late is not None
    assert "took it back" in late.words
    assert len(posts_to(slack, "U1")) == 1, "nobody is told of their own acts"


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


async def colleague(slack: Rig, name: str, role: str) -> str:
    """Somebody who is not in Slack; a token of theirs."""
    now, mine = slack.clock.now(), slack.workspace_id
    who = {"name": name, "email": f"{name}@x.example", "role": role, "created_at": now}
    async with slack.database.transaction() as tx:
        made = insert(member).values(workspace_id=mine, **who).returning(member.c.id)
        number = await tx.scalar(made)
        _, text = await tokens.make(
            tx, mine, name, ["admin"], kind="test", member_id=number, now=now
        )
    return text


async def test_a_word_given_by_the_api_reaches_who_asked_in_slack(slack: Rig) -> None:
    eve = await colleague(slack, "eve", "approver")
    draft = await slack.ask(TEXT)
    await press(slack, buttons(draft)["Start…"])
    await slack.submit(newest_view(slack), {})
    await slack.work()
    async with slack.api(eve) as api:
        waiting = (await api.get("/v1/campaigns/Spring sale/approvals")).json()["data"]
        for _ in range(2):
            told = await api.post(
                "/v1/campaigns/Spring sale/approve", json={"plan": waiting[0]["plan"]}
            )
            assert told.status_code == 200, told.text
    await slack.work()
    (told_ann,) = posts_to(slack, "U1")
    assert "eve approved `Spring sale`: you can start it" in told_ann.words
    await press(slack, buttons(told_ann)["Start…"])
    assert newest_view(slack)["submit"]["text"] == "Start"
    await slack.submit(newest_view(slack), {})
    await slack.work()
    assert "running" in json.dumps(card(slack)[1])


async def test_what_is_asked_by_the_api_reaches_the_approvers_in_slack(slack: Rig) -> None:
    dan = await colleague(slack, "dan", "editor")
    await slack.ask(TEXT)
    async with slack.api(dan) as api:
        for _ in range(2):
            plan = (await api.post("/v1/campaigns/Spring sale/start")).json()["plan"]["hash"]
            told = await api.post("/v1/campaigns/Spring sale/start", json={"plan": plan})
            assert told.status_code == 409, told.text
    await slack.work()
    for user in ("U1", "U2"):
        (request,) = posts_to(slack, user)
        assert "dan wants to start `Spring sale`" in request.words
    given = await press(slack, buttons(request)["Approve"], user="U2", channel="DU2")
    assert given is not None
    assert "Approved and started" in given.words


async def test_a_new_text_of_what_runs_is_approved_too(slack: Rig) -> None:
    draft = await slack.ask('new Grow: start when did "signed up" add tag new')
    await press(slack, buttons(draft)["Start…"])
    await slack.submit(newest_view(slack), {})
    await slack.work()
    await slack.command("edit Grow")
    await slack.work()
    text = {"source": {"source": {"value": "from contacts where (points >= 0) add tag all"}}}
    planned = (await slack.submit(newest_view(slack), text)).json()["view"]
    asked = (await slack.submit({**planned, "id": "V0"}, text)).json()
    assert asked["response_action"] == "push"
    assert "asked <@U2>" in json.dumps(asked)
    await slack.work()
    (request,) = posts_to(slack, "U2")
    assert "put a new text into `Grow`" in request.words
    assert "all" in request.words
    given = await press(slack, buttons(request)["Approve"], user="U2", channel="DU2")
    assert given is not None
    assert "Approved the new version" in given.words
    assert "apply your new text once more" in posts_to(slack, "U1")[-1].words
    assert (await slack.submit({**planned, "id": "V0"}, text)).text == ""
    shown = await slack.ask("show Grow")
    assert "version 2" in shown.words


async def test_the_threshold_is_set_in_slack(slack: Rig) -> None:
    assert "more than *2 contacts* needs" in (await slack.ask("settings")).words
    changed = await slack.ask("settings approval above 5,000")
    assert "more than *5,000 contacts*" in changed.words
    assert "as many contacts as they like" in (await slack.ask("settings approval off")).words
    await slack.role("U2", "viewer")
    alone = await slack.ask("settings approval 10")
    assert "Only ann could start and approve" in alone.words
    async with slack.api() as api:
        assert (await api.get("/v1/workspace")).json()["approval_threshold"] is None
        audited = (await api.get("/v1/audit?act=set_approval_threshold")).json()["data"]
    assert [one["detail"]["is"] for one in audited] == [None, 5000]
    assert "needs the role *admin*" in (await slack.ask("settings approval 1", user="U2")).words
