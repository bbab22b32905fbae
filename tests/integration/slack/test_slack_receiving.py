"""What Slack sends: proved, found in our own tables, stored once, acknowledged, done, answered."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from slack_double import SECRET, Call
from slack_rig import Rig, rig, signature
from sqlalchemy import func, select

from headless.slack import tasks as kept
from headless.slack.teams import installations
from headless.storage.tables import slack_task


@pytest.fixture
async def slack(database_url: str) -> AsyncIterator[Rig]:
    async with rig(database_url) as made:
        yield made


async def tasks(slack: Rig) -> int:
    async with slack.database.glance() as tx:
        return int(await tx.scalar(select(func.count()).select_from(slack_task)))


async def test_a_command_is_answered_to_whoever_asked(slack: Rig) -> None:
    said = await slack.ask("help")
    assert said.payload["response_type"] == "ephemeral"
    assert "pause" in said.words
    asked = slack.slack.of("users.info")
    assert [call.payload["user"] for call in asked] == ["U1"]
    await slack.ask("help pause")
    assert len(slack.slack.of("users.info")) == 1  # a name is known for a day
    slack.clock.advance(timedelta(days=2))
    await slack.ask("help pause")
    assert len(slack.slack.of("users.info")) == 2


async def test_the_ack_asks_slack_nothing(slack: Rig) -> None:
    answer = await slack.command("list")
    assert (answer.status_code, answer.text) == (200, "")
    assert slack.slack.calls == []
    assert slack.slack.responses == []
    assert await tasks(slack) == 1


async def test_only_what_slack_signed_is_taken(slack: Rig) -> None:
    body = urlencode({"command": "/campaign", "text": "list", "team_id": "T1", "user_id": "U1"})
    now = int(slack.clock.now().timestamp())
    bad: list[dict[str, Any]] = [
        {"X_Slack_Signature": "v0=" + "0" * 64},
        {"X_Slack_Signature": "v0=é".encode("latin-1")},
        {"X_Slack_Signature": ""},
        {"X_Slack_Request_Timestamp": "soon"},
        {"X_Slack_Request_Timestamp": ""},
        {"X_Slack_Request_Timestamp": "9" * 400},
    ]
    for late in (-301, 301):
        stamp = str(now + late)
        bad.append(
            {
                "X_Slack_Request_Timestamp": stamp,
                "X_Slack_Signature": signature(SECRET, stamp, body.encode()),
            }
        )
    for headers in bad:
        answer = await slack.send(body, **headers)
        assert answer.status_code == 401, headers
    assert (await slack.send(body, secret="another")).status_code == 401
    assert (await slack.send(b"\xff\xfe=1")).status_code == 401
    assert await tasks(slack) == 0
    stamp = str(now - 299)
    fine = {
        "X_Slack_Request_Timestamp": stamp,
        "X_Slack_Signature": signature(SECRET, stamp, body.encode()),
    }
    assert (await slack.send(body, **fine)).status_code == 200
    assert await tasks(slack) == 1


async def test_what_is_signed_but_no_payload_is_refused(slack: Rig) -> None:
    assert (await slack.send("payload=%7Bhalf")).status_code == 400
    assert (await slack.send("[1]", "application/json")).status_code == 400
    assert (await slack.send("{", "application/json")).status_code == 400


async def test_a_text_with_the_word_payload_in_it_is_a_text(slack: Rig) -> None:
    said = await slack.ask('help "payload"')
    assert "payload" in said.words


async def test_slack_may_ask_whether_the_address_is_ours(slack: Rig) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "c-1", "token": "old"})
    answer = await slack.send(body, "application/json")
    assert (answer.status_code, answer.json()) == (200, {"challenge": "c-1"})


async def test_the_same_event_three_times_is_done_once(slack: Rig) -> None:
    event = {
        "type": "app_mention",
        "user": "U1",
        "text": "<@UBOTT1> help pause",
        "ts": "1.1",
        "event_ts": "1.1",
        "channel": "C1",
        "team": "T1",
    }
    slack.slack.teams["T1"].messages["C1", "1.1"] = event
    for number, retry in enumerate((None, "1", "2")):
        headers = {} if retry is None else {"event_context": retry}
        # the third comes with an id of its own, as Slack has been seen to do
        event_id = "Ev2" if number == 2 else "Ev1"
        answer = await slack.event(event, event_id=event_id, **headers)
        assert answer.status_code == 200
    await slack.work()
    whispers = slack.slack.of("chat.postEphemeral")
    assert len(whispers) == 1
    assert whispers[0].payload["thread_ts"] == "1.1"
    slack.clock.advance(timedelta(minutes=10))
    await slack.event(event, event_id="Ev1")
    await slack.work()
    assert len(slack.slack.of("chat.postEphemeral")) == 1


async def test_our_own_messages_are_not_answered(slack: Rig) -> None:
    await slack.mention("help", user="UBOTT1")
    assert await tasks(slack) == 0


async def test_two_workspaces_cannot_see_each_other(slack: Rig) -> None:
    slack.slack.team("T2", "Other")
    other = await slack.workspace("Other")
    await slack.install("T2", other)
    async with slack.api() as api:
        source = 'campaign "Secret plan"\nfrom segment X\nadd points 1\n'
        await api.post("/v1/segments", json={"name": "X"})
        made = await api.post("/v1/campaigns", json={"source": source})
        assert made.status_code == 201, made.text
    ours = await slack.ask("list")
    theirs = await slack.ask("list", team="T2")
    assert "Secret plan" in ours.words
    assert "Secret plan" not in theirs.words
    show = await slack.ask('show "Secret plan"', team="T2")
    assert "There is no campaign" in show.words
    assert [call.team for call in slack.slack.of("users.info")] == ["T1", "T2"]


async def test_a_team_that_has_not_installed_is_told_so(slack: Rig) -> None:
    slack.slack.team("T9", "Stranger")
    answer = await slack.command("list", team="T9")
    assert answer.json()["response_type"] == "ephemeral"
    assert "not installed" in answer.json()["text"]
    assert await tasks(slack) == 0


async def test_people_of_another_company_are_refused(slack: Rig) -> None:
    button = {"action_id": "say:0", "value": "list"}
    answer = await slack.click(button, user="U9", home="T666")
    assert answer.status_code == 200
    await slack.work()
    assert await tasks(slack) == 0
    assert "this company only" in slack.slack.responses[-1].words
    await slack.mention("list", user="U9", user_team="T666")
    assert await tasks(slack) == 0


async def test_contact_data_stays_out_of_channels_that_others_read(slack: Rig) -> None:
    slack.slack.teams["T1"].channel("C5", shared=True)
    said = await slack.ask("why ada@example.com", channel="C5")
    assert "shared with another company" in said.words
    await slack.ask("help", channel="C5")
    asked = slack.slack.of("conversations.info")
    assert len(asked) == 1  # it is remembered for a while
    slack.clock.advance(timedelta(minutes=11))
    await slack.ask("help", channel="C5")
    assert len(slack.slack.of("conversations.info")) == 2


async def test_who_has_no_role_may_not_even_look(slack: Rig) -> None:
    async with slack.database.transaction() as tx:
        await installations.set_default_role(
            tx, slack.workspace_id, "T1", "none", now=slack.clock.now()
        )
    answer = await slack.command("list", user="U2")
    assert "no role" in answer.json()["text"]
    await slack.ask("list")  # Ann is admin


async def test_a_role_is_checked_again_when_the_task_is_done(slack: Rig) -> None:
    await slack.role("U2", "editor")
    assert (await slack.command("hold all", user="U2")).status_code == 200
    await slack.work()
    assert "approver" in slack.slack.responses[-1].words


def texts(calls: list[Call]) -> list[str]:
    return [call.payload["text"] for call in calls]


async def test_what_breaks_is_tried_three_times_and_then_told(
    slack: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    async def broken(*_: object) -> None:
        tried.append(1)
        raise RuntimeError("ada@example.com")

    monkeypatch.setattr(slack.line.desk, "run", broken)
    await slack.command("list")
    await slack.work()
    assert len(tried) == 3
    assert "broke on our side" in texts(slack.slack.responses)[-1]
    async with slack.database.glance() as tx:
        row = (await tx.execute(select(slack_task))).one()
    assert (row.state, row.error, row.detail) == ("failed", "RuntimeError", {})


async def test_a_task_whose_worker_died_is_done_by_another(slack: Rig) -> None:
    await slack.command("help")
    assert len(await kept.take(slack.database, now=slack.clock.now())) == 1
    await slack.line.once()
    assert slack.slack.responses == []
    slack.clock.advance(timedelta(seconds=61))
    await slack.work()
    assert len(slack.slack.responses) == 1
