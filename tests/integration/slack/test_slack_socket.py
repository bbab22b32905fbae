"""Socket Mode: the same requests over a connection of ours, for a machine without an address."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from slack_double import APP_TOKEN
from slack_rig import Rig, rig


@pytest.fixture
async def slack(database_url: str) -> AsyncIterator[Rig]:
    async with rig(
        database_url, HEADLESS_SLACK_APP_TOKEN=APP_TOKEN, HEADLESS_SLACK_SIGNING_SECRET=""
    ) as made:
        yield made


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_command_comes_over_the_socket(slack: Rig) -> None:
    await until(lambda: slack.slack.sockets)
    body = {
        "command": "/campaign",
        "text": "whoami",
        "team_id": "T1",
        "user_id": "U1",
        "channel_id": "C1",
        "trigger_id": slack.slack.trigger("T1"),
        "response_url": slack.slack.response_url("T1"),
    }
    await slack.slack.push("slash_commands", body)
    await until(lambda: slack.slack.envelopes)
    assert "payload" not in slack.slack.envelopes[0]
    await slack.work()
    assert "*admin*" in slack.slack.responses[-1].words
    await slack.slack.push("slash_commands", {**body, "team_id": "T9"})
    await until(lambda: len(slack.slack.envelopes) == 2)
    assert "not installed" in slack.slack.envelopes[1]["payload"]["text"]


async def test_over_http_nothing_is_taken_without_a_secret(slack: Rig) -> None:
    answer = await slack.command("whoami")
    assert answer.status_code == 401
    assert (await slack.send("command=x", secret="")).status_code == 401
