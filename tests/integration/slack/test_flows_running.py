"""From a rule in a command to a running campaign, its card, and what happens to it elsewhere."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from slack_double import Call
from slack_rig import Rig, rig

RULE = "when opened email Welcome within 3d then add points 10"


@pytest.fixture
async def slack(database_url: str) -> AsyncIterator[Rig]:
    async with rig(database_url) as made:
        async with made.api() as api:
            told = await api.post(
                "/v1/emails",
                json={"name": "Welcome", "subject": "Hello", "html": "<p>Good.</p>"},
            )
            assert told.status_code == 201, told.text
        yield made


def buttons(call: Call | dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The buttons of a message or a view, by what stands on them."""
    payload = call.payload if isinstance(call, Call) else call
    found = {}
    for block in payload.get("blocks") or []:
        elements = [*block.get("elements", []), block.get("accessory") or {}]
        for one in elements:
            if one.get("type") == "button":
                found[one["text"]["text"]] = one
    return found


def card(slack: Rig) -> tuple[str, dict[str, Any]]:
    """The newest message in the channel that stands outside threads, with its ts."""
    posts = [
        (ts, message)
        for (channel, ts), message in slack.slack.teams["T1"].messages.items()
        if channel == "C1" and not message.get("thread_ts")
    ]
    return posts[-1]


def thread(slack: Rig, ts: str) -> list[str]:
    """What was said in a message's thread."""
    messages = slack.slack.teams["T1"].messages.values()
    return [one["text"] for one in messages if one.get("thread_ts") == ts]


async def press(slack: Rig, button: dict[str, Any], **how: Any) -> Call | None:
    """Press a button, let it be done; what was answered, if anything."""
    before = len(slack.slack.responses)
    await slack.click(button, **how)
    await slack.work()
    assert slack.slack.faults == []
    return slack.slack.responses[-1] if len(slack.slack.responses) > before else None


async def later(slack: Rig) -> None:
    """Let the workers look for what has changed."""
    slack.clock.advance(timedelta(seconds=3))
    await slack.work()


async def started(slack: Rig) -> None:
    """The rule as a campaign that runs, with its card in C1."""
    draft = await slack.ask(RULE)
    await press(slack, buttons(draft)["Start…"])
    view = list(slack.slack.teams["T1"].views.values())[-1]
    answer = await slack.submit(view, {})
    assert (answer.status_code, answer.text) == (200, ""), answer.text
    await slack.work()


async def test_a_rule_becomes_a_campaign_whose_card_follows_it(slack: Rig) -> None:
    draft = await slack.ask(RULE)
    assert "Draft" in draft.words
    assert "add 10 points" in draft.words
    assert "0 contacts" in draft.words or "nobody enters" in draft.words
    assert any(block["type"] == "image" for block in draft.payload["blocks"])
    assert list(buttons(draft))[:5] == ["Start…", "Try it on me", "Edit", "Rename", "Discard"]

    start = buttons(draft)["Start…"]
    await press(slack, start)
    (view,) = slack.slack.teams["T1"].views.values()
    assert view["callback_id"] == "start"
    assert view["submit"]["text"] == "Start"
    answer = await slack.submit(view, {})
    assert (answer.status_code, answer.text) == (200, ""), answer.text
    await slack.work()
    ts, shown = card(slack)
    assert "running by <@U1>" in json.dumps(shown)
    assert list(buttons(shown)) == ["Pause", "Stats", "Edit", "Stop…"]

    name = json.loads(start["value"])["id"]
    slack.clock.advance(timedelta(minutes=5))
    async with slack.api() as api:
        paused = await api.post(f"/v1/campaigns/{name}/pause")
        assert paused.status_code == 200, paused.text
    slack.clock.advance(timedelta(minutes=2))
    await slack.work()
    again, shown = card(slack)
    assert again == ts, "the card is edited in place"
    assert "paused" in json.dumps(shown)
    assert next(iter(buttons(shown))) == "Resume"
    assert any("paused by the API (token `test`)" in one for one in thread(slack, ts))

    stale = await press(slack, {**start, "action_id": "pause"}, user="U1")
    assert stale is not None
    assert "already paused by the API (token `test`) 2 minutes ago" in stale.words
    await press(slack, start)
    assert "already paused" in json.dumps(list(slack.slack.teams["T1"].views.values())[-1])


async def test_a_pause_is_undone(slack: Rig) -> None:
    await started(slack)
    ts, shown = card(slack)
    told = await press(slack, buttons(shown)["Pause"])
    assert told is not None
    assert "Paused" in told.words
    assert "0 contacts keep their place" in told.words
    await later(slack)
    assert "paused by <@U1>" in json.dumps(card(slack)[1])
    back = await press(slack, buttons(told)["Undo"])
    assert back is not None
    assert "goes on" in back.words
    await later(slack)
    again, shown = card(slack)
    assert again == ts
    assert "running by <@U1>" in json.dumps(shown)


async def test_stopping_asks_with_the_numbers_first(slack: Rig) -> None:
    await started(slack)
    asked = await press(slack, buttons(card(slack)[1])["Stop…"])
    assert asked is not None
    assert "0 contacts are in it" in asked.words
    await slack.role("U2", "viewer")
    refused = await press(slack, buttons(asked)["Stop for good"], user="U2")
    assert refused is not None
    assert "needs the role" in refused.words
    done = await press(slack, buttons(asked)["Stop for good"])
    assert done is not None
    assert "Stopped" in done.words
    await later(slack)
    shown = card(slack)[1]
    assert list(buttons(shown)) == ["Stats", "Archive"]
    gone = await press(slack, buttons(shown)["Archive"])
    assert gone is not None
    assert "Archived" in gone.words


async def test_a_rule_with_a_wrong_name_offers_the_near_ones(slack: Rig) -> None:
    said = await slack.ask("when opened email Welcom within 3d then add points 10")
    assert "there is no email called `Welcom`" in said.words
    mend = next(one for label, one in buttons(said).items() if "mended" in label or "Use" in label)
    draft = await press(slack, mend)
    assert draft is not None
    assert "Draft" in draft.words
