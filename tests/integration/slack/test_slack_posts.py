"""What goes out: kept with the act, in order, one a second and channel, as patiently as asked."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from slack_double import Call
from slack_rig import Rig, rig

from headless.slack.outgoing import posting, sending
from headless.slack.outgoing.sending import send_due
from headless.storage.database import Transaction

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40


@pytest.fixture
async def slack(database_url: str) -> AsyncIterator[Rig]:
    async with rig(database_url) as made:
        yield made


async def post(slack: Rig, key: str, *, channel: str = "C1", **more: Any) -> None:
    async with slack.database.transaction() as tx:
        await posting.post(
            tx,
            slack.workspace_id,
            "T1",
            channel,
            text=more.pop("text", key),
            key=key,
            now=slack.clock.now(),
            **more,
        )


async def edit(slack: Rig, text: str, **more: Any) -> None:
    async with slack.database.transaction() as tx:
        await posting.edit(
            tx, slack.workspace_id, "T1", "C1", text=text, now=slack.clock.now(), **more
        )


async def standing(slack: Rig, key: str) -> posting.Posted:
    async with slack.database.glance() as tx:
        found = await posting.posted(tx, slack.workspace_id, key)
    assert found is not None
    return found


def told(slack: Rig, method: str = "chat.postMessage") -> list[tuple[str, str]]:
    return [(c.payload["channel"], c.payload["text"]) for c in slack.slack.of(method)]


async def test_a_channel_gets_one_post_a_second_in_order(slack: Rig) -> None:
    slack.slack.teams["T1"].channel("C2")
    for number in range(3):
        await post(slack, f"one {number}")
    await post(slack, "two", channel="C2")
    began = slack.clock.now()
    for _ in range(3):  # however often a worker looks, the second is not over
        await slack.line.once()
    assert sorted(told(slack)) == [("C1", "one 0"), ("C2", "two")]
    await slack.work()
    calls = slack.slack.of("chat.postMessage")
    assert [c.payload["text"] for c in calls if c.payload["channel"] == "C1"] == [
        "one 0",
        "one 1",
        "one 2",
    ]
    at = [(c.at - began).total_seconds() for c in calls if c.payload["channel"] == "C1"]
    assert at == [0, 1, 2]
    assert [(c.at - began).total_seconds() for c in calls if c.payload["channel"] == "C2"] == [0]


async def test_a_key_is_posted_once(slack: Rig) -> None:
    await post(slack, "start:7")
    await post(slack, "start:7", text="another text")
    await slack.work()
    await post(slack, "start:7")
    await slack.work()
    assert told(slack) == [("C1", "start:7")]


async def test_a_post_whose_act_was_rolled_back_is_never_made(slack: Rig) -> None:
    async def act(tx: Transaction) -> None:
        await posting.post(
            tx, slack.workspace_id, "T1", "C1", text="x", key="x", now=slack.clock.now()
        )
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        async with slack.database.transaction() as tx:
            await act(tx)
    await slack.work()
    assert told(slack) == []


async def test_the_channel_waits_as_long_as_slack_asks(slack: Rig) -> None:
    slack.slack.script("chat.postMessage", "ratelimited", status=429, after=7)
    began = slack.clock.now()
    await post(slack, "first")
    await post(slack, "second")
    await slack.work()
    calls = slack.slack.of("chat.postMessage")
    assert [c.payload["text"] for c in calls] == ["first", "second"]
    assert [(c.at - began).total_seconds() for c in calls] == [7, 8]


async def test_what_fails_for_a_while_is_tried_again(slack: Rig) -> None:
    for _ in range(3):
        slack.slack.script("chat.postMessage", "internal_error", status=500)
    await post(slack, "patient")
    await slack.work()
    assert told(slack) == [("C1", "patient")]
    for _ in range(20):
        slack.slack.script("chat.postMessage", "internal_error", status=500)
    await post(slack, "hopeless")
    await slack.work(seconds=600)
    found = await standing(slack, "hopeless")
    assert (found.state, found.error) == ("failed", "internal_error")


async def test_an_edit_finds_a_message_that_was_not_sent_yet(slack: Rig) -> None:
    await post(slack, "card:1", text="running")
    await edit(slack, "paused", of="card:1")
    await edit(slack, "stopped", of="card:1")
    await slack.work()
    assert told(slack) == [("C1", "running")]
    assert told(slack, "chat.update") == [("C1", "stopped")]
    ts = (await standing(slack, "card:1")).ts
    await edit(slack, "archived", of="card:1")
    await slack.work()
    assert slack.slack.of("chat.update")[-1].payload["ts"] == ts
    assert told(slack, "chat.update")[-1] == ("C1", "archived")


async def test_an_edit_that_changes_while_it_is_sent_is_sent_again(slack: Rig) -> None:
    await post(slack, "card:1")
    await slack.work()
    await edit(slack, "old", of="card:1")

    async def changing(call: Call) -> None:
        if call.payload["text"] == "old":
            await edit(slack, "new", of="card:1")

    slack.slack.while_answering = changing
    await slack.work()
    assert told(slack, "chat.update") == [("C1", "old"), ("C1", "new")]


async def test_a_reply_goes_into_the_thread_of_a_post(slack: Rig) -> None:
    await post(slack, "card:1")
    await post(slack, "event:1", thread_of="card:1")
    await slack.work()
    card = await standing(slack, "card:1")
    assert slack.slack.of("chat.postMessage")[1].payload["thread_ts"] == card.ts


async def test_a_picture_is_uploaded_and_shown(slack: Rig) -> None:
    async with slack.database.transaction() as tx:
        await posting.picture(
            tx,
            slack.workspace_id,
            "T1",
            "C1",
            png=PNG,
            title="Welcome",
            alt="three steps",
            key="p",
            now=slack.clock.now(),
        )
    await slack.work()
    call = slack.slack.of("chat.postMessage")[0]
    image = call.payload["blocks"][0]
    assert slack.slack.teams["T1"].files[image["slack_file"]["id"]] == PNG
    assert image["alt_text"] == "three steps"


async def test_who_asked_for_a_post_hears_that_the_channel_is_closed_to_us(slack: Rig) -> None:
    slack.slack.teams["T1"].channel("G7", member=False)
    await post(slack, "watch:1", channel="G7", tell="U1")
    await slack.work()
    assert (await standing(slack, "watch:1")).error == "not_in_channel"
    channel, text = told(slack)[0]
    assert channel == "U1"
    assert "invite" in text


async def test_a_token_that_slack_refuses_ends_the_installation(slack: Rig) -> None:
    slack.slack.teams["T1"].tokens.clear()
    await post(slack, "lost")
    await post(slack, "lost too")
    await slack.work()
    assert (await standing(slack, "lost too")).state == "failed"
    answer = await slack.command("list")
    assert "not installed" in answer.json()["text"]


async def test_two_workers_send_nothing_twice(slack: Rig) -> None:
    for number in range(5):
        slack.slack.teams["T1"].channel(f"C{number}")
        await post(slack, f"post {number}", channel=f"C{number}")
    now = slack.clock.now()
    counts = await asyncio.gather(
        *(send_due(slack.database, slack.line.clients, now=now) for _ in range(4))
    )
    assert sum(counts) == 5
    assert len(told(slack)) == 5


async def test_a_post_whose_worker_died_is_sent_by_another(slack: Rig) -> None:
    await post(slack, "kept")
    assert len(await sending._take(slack.database, slack.clock.now(), 10)) == 1
    await slack.work(seconds=30)
    assert told(slack) == []
    slack.clock.advance(timedelta(seconds=31))
    await slack.work()
    assert told(slack) == [("C1", "kept")]
