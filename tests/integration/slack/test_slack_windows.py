"""Windows: opened before their content is there, and what is said where none can be opened."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from slack_rig import Rig, rig


@pytest.fixture
async def slack(database_url: str) -> AsyncIterator[Rig]:
    async with rig(database_url) as made:
        yield made


async def test_a_window_is_open_before_the_worker_begins(slack: Rig) -> None:
    await slack.command("new")
    await slack.app.state.slack.settle()
    (opened,) = slack.slack.of("views.open")
    assert "One moment" in opened.words
    slack.clock.advance(timedelta(minutes=2))  # the worker was slow
    await slack.work()
    (shown,) = slack.slack.of("views.update")
    assert "One moment" not in shown.words
    assert "input" in shown.words
    assert slack.slack.responses == []


async def test_who_lacks_the_role_gets_words_and_no_window(slack: Rig) -> None:
    said = await slack.ask("new", user="U2")
    assert "*editor*" in said.words
    assert slack.slack.of("views.open") == []


async def test_what_cannot_be_shown_is_said_in_the_window_that_waits(slack: Rig) -> None:
    await slack.command("edit Nothing")
    await slack.work()
    (shown,) = slack.slack.of("views.update")
    assert "no campaign" in shown.words


async def test_a_mention_has_no_window_and_gets_words(slack: Rig) -> None:
    await slack.mention("new")
    await slack.work()
    (said,) = slack.slack.of("chat.postEphemeral")
    assert "/campaign new" in said.words
    assert slack.slack.of("views.open") == []


async def test_a_window_that_slack_did_not_open_is_told_of(slack: Rig) -> None:
    for _ in range(2):  # to the process that was asked, and to the worker
        slack.slack.script("views.open", "expired_trigger_id")
    said = await slack.ask("new")
    assert "/campaign new" in said.words


async def test_a_process_that_died_before_it_opened_the_window_holds_nothing_up(
    slack: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack.app.state.slack.receiver.windows, "open", lambda *_: None)
    await slack.command("new")
    await slack.line.once()
    assert slack.slack.calls == []
    slack.clock.advance(timedelta(seconds=3))
    await slack.work()
    assert len(slack.slack.of("views.open")) == 1  # by the worker, just in time


async def test_an_answer_whose_url_is_spent_is_whispered(slack: Rig) -> None:
    await slack.command("help")
    slack.clock.advance(timedelta(minutes=31))
    await slack.work()
    assert slack.slack.responses == []
    assert "pause" in slack.slack.of("chat.postEphemeral")[0].words


async def test_an_answer_goes_on_its_way_while_slack_is_away(slack: Rig) -> None:
    url = slack.slack.response_url("T1").replace(slack.slack.base, "http://127.0.0.1:9")
    await slack.command("help", response_url=url)
    await asyncio.sleep(0)
    await slack.work()
    assert "pause" in slack.slack.of("chat.postEphemeral")[0].words


async def test_a_submitted_window_is_answered_in_the_request(slack: Rig) -> None:
    await slack.command("new")
    await slack.work()
    (view,) = slack.slack.teams["T1"].views.values()
    ids = {
        block["block_id"]: block["element"]["action_id"]
        for block in view["blocks"]
        if block["type"] == "input"
    }
    faulty = {"name": "Sale", "source": "send mail to nobody ever"}
    values = {b: {a: {"type": "plain_text_input", "value": faulty[b]}} for b, a in ids.items()}
    answer = await slack.submit(view, values)
    assert answer.json()["response_action"] == "errors"
    refused = await slack.submit(view, values, user="U9", team="T1")
    assert refused.json()["response_action"] in ("push", "update")
    assert "editor" in refused.text
