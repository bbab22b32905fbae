"""The editor: faulty text, its diagnostics while the text stays, the fix, and the save."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_rig import Rig, rig
from test_flows_approving import newest_view
from test_flows_running import buttons, press

from headless.campaigns import publish

FAULTY = "when opned email Welcome within 3d then add points 10"
SOUND = "when opened email Welcome within 3d then add points 10"


@pytest.fixture
async def slack(database_url: str) -> AsyncIterator[Rig]:
    async with rig(database_url) as made:
        async with made.api() as api:
            await api.post(
                "/v1/emails",
                json={"name": "Welcome", "subject": "Hello", "html": "<p>Good.</p>"},
            )
        yield made


def typed(source: str, name: str | None = None) -> dict[str, dict[str, Any]]:
    values: dict[str, dict[str, Any]] = {
        "source": {"source": {"type": "plain_text_input", "value": source}}
    }
    if name is not None:
        values["name"] = {"name": {"type": "plain_text_input", "value": name or None}}
    return values


async def checked(slack: Rig, view: dict[str, Any], source: str) -> dict[str, Any]:
    """Press Check with that text in the window; the window then."""
    filled = {**view, "state": {"values": typed(source, "")}}
    await press(slack, {**buttons(view)["Check"], "block_id": "editor-check"}, view=filled)
    return slack.slack.teams["T1"].views[view["id"]]


def inputs(view: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (block["block_id"], block["element"]["action_id"])
        for block in view["blocks"]
        if block["type"] == "input"
    ]


async def test_a_faulty_text_is_told_mended_and_saved(slack: Rig) -> None:
    await slack.command("new")
    await slack.work()
    view = newest_view(slack)
    assert (view["callback_id"], inputs(view)) == (
        "editor",
        [("name", "name"), ("source", "source")],
    )
    told = await checked(slack, view, FAULTY)
    assert inputs(told) == inputs(view), "what is typed survives only under the same ids"
    assert "opned" in json.dumps(told)
    assert "did you mean" in json.dumps(told)
    assert told["private_metadata"] == view["private_metadata"]

    refused = (await slack.submit(told, typed(FAULTY, ""))).json()
    assert refused["response_action"] == "errors"
    assert "I do not know `opned` here" in refused["errors"]["source"]
    told = await checked(slack, told, SOUND)
    assert "nothing is wrong" in json.dumps(told)
    saved = await slack.submit(told, typed(SOUND, "Good start"))
    assert saved.text == "", saved.text
    await slack.work()
    assert "Good start" in slack.said[-1].words
    assert "Start…" in buttons(slack.said[-1])
    async with slack.database.transaction() as tx:
        kept = await publish.find(tx, slack.workspace_id, "Good start")
    assert (kept.state, kept.source) == ("draft", SOUND)

    again = (await slack.submit(told, typed(SOUND, "good start"))).json()
    assert "already" in again["errors"]["name"]


async def test_what_somebody_else_saved_is_not_overwritten(slack: Rig) -> None:
    await slack.ask(f"new Mine: {SOUND}")
    await slack.command("edit Mine")
    await slack.work()
    view = newest_view(slack)
    assert inputs(view) == [("source", "source")]
    async with slack.api() as api:
        await api.put("/v1/campaigns/Mine/source", json={"source": f"{SOUND}\nadd tag more"})
    refused = (await slack.submit(view, typed(f"{SOUND}\nadd tag less"))).json()
    assert "somebody has saved in between" in refused["errors"]["source"]


async def test_a_running_campaign_shows_what_a_new_text_does(slack: Rig) -> None:
    draft = await slack.ask(f"new Mine: {SOUND}")
    await press(slack, buttons(draft)["Start…"])
    await slack.submit(newest_view(slack), {})
    await slack.work()
    await slack.command("edit Mine")
    await slack.work()
    longer = f"{SOUND}\nadd tag more"
    planned = (await slack.submit(newest_view(slack), typed(longer))).json()
    assert planned["response_action"] == "update"
    view = planned["view"]
    assert view["callback_id"] == "apply"
    assert "version 1 → 2" in json.dumps(view, ensure_ascii=False)
    done = await slack.submit({**view, "id": "V0"}, typed(longer))
    assert done.text == "", done.text
    async with slack.database.transaction() as tx:
        kept = await publish.find(tx, slack.workspace_id, "Mine")
    assert (kept.version, kept.source) == (2, longer)
    back = await slack.ask("revert Mine to 1")
    assert "Go back to version 1" in back.words
    told = await press(slack, buttons(back)["Go back"])
    assert told is not None
    assert "text of version 1 again, as version 3" in told.words


async def test_a_message_becomes_a_draft(slack: Rig) -> None:
    message = {"ts": "9.1", "text": f"```{SOUND}```", "user": "U2"}
    await slack.shortcut("campaign_from_message", message=message)
    await slack.work()
    assert "Draft" in slack.said[-1].words or "Draft" in json.dumps(newest_view(slack))


async def test_a_draft_is_renamed_and_discarded(slack: Rig) -> None:
    draft = await slack.ask(SOUND)
    await press(slack, buttons(draft)["Rename"])
    view = newest_view(slack)
    assert view["callback_id"] == "rename"
    empty = await slack.submit(view, {"name": {"name": {"value": " "}}})
    assert "1 to 120" in empty.json()["errors"]["name"]
    assert (await slack.submit(view, {"name": {"name": {"value": "Other"}}})).text == ""
    gone = await press(slack, buttons(draft)["Discard"])
    assert gone is not None
    assert "Discarded `Other`" in gone.words
    late = await press(slack, buttons(draft)["Discard"])
    assert late is not None
    assert "there is no campaign" in late.words.lower()
