"""The page for marketers, walked as a new team would: whatever it says to type is done."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from desk_world import DeskWorld
from servers import TestServers
from slack_rig import Rig, rig, settings_for
from world import World

PAGE = (Path(__file__).parents[3] / "docs" / "slack.md").read_text("utf-8")
SAID = re.findall(r"(?:^|`)/campaign ([^`\n]+)", PAGE, re.MULTILINE)
FIXED = {
    "ada@example.com": "ada@example.org",
    "@ann": "<@U1>",
    "Welcome to 3": "Spring sale to 1",
    "Welcome 3 4": "Spring sale 1 2",
}
"""What is called otherwise in the tests' world."""


@pytest.fixture
async def slack(servers: TestServers) -> AsyncIterator[Rig]:
    with servers.database() as url:
        async with rig(url) as made:
            world = World(made.database)
            world.now = made.clock.now()
            await DeskWorld(await world.begin(), settings_for(url, made.slack), made.clock).begin()
            yield made


async def test_what_the_page_says_is_done(slack: Rig) -> None:
    for text in dict.fromkeys(SAID):
        for written, meant in FIXED.items():
            text = text.replace(written, meant)
        await slack.command(text)
        await slack.work()
        assert slack.slack.faults == []
        views = slack.slack.teams["T1"].views
        told = slack.slack.responses[-1].words if slack.slack.responses else ""
        shown = str([*views.values()][-1:])
        for wrong in ("I do not", "There is no", "broke", "needs the", "stands alone"):
            assert wrong not in told + shown, (text, told)
