"""Texts too long for a window: they come in and go out as files, with the bot's own token."""

import json
from collections.abc import AsyncIterator

import pytest
from slack_double import Call
from slack_rig import Rig, rig
from test_flows_approving import newest_view
from test_flows_running import buttons, press

from headless.campaigns import publish
from headless.campaigns.publish import MOST_TEXT, Campaign

TAGS = "\n".join(f'add tag "{"long" * 10}-{number}"' for number in range(190))
LONG = f'campaign "Long"\nstart when did "signed up"\n{TAGS}\n'
MORE = f"{LONG}add tag last\n"


@pytest.fixture
async def slack(database_url: str) -> AsyncIterator[Rig]:
    async with rig(database_url) as made:
        yield made


async def bring(
    slack: Rig, name: str, data: bytes | str, user: str = "U1", **about: object
) -> Call:
    """Choose `Make a campaign` on a message with that file; what is said."""
    file = slack.slack.file("T1", name, data, **about)
    message = {"ts": "9.1", "text": "here it is", "user": "U2", "files": [file]}
    await slack.shortcut("campaign_from_message", message=message, user=user)
    await slack.work()
    assert slack.slack.faults == []
    return slack.said[-1]


async def kept(slack: Rig, name: str = "Long") -> Campaign:
    async with slack.database.transaction() as tx:
        return await publish.find(tx, slack.workspace_id, name)


async def test_a_long_campaign_comes_in_and_goes_out_as_a_file(slack: Rig) -> None:
    said = await bring(slack, "long.campaign", LONG.replace("\n", "\r\n"))
    assert "*Draft* `Long`" in said.words
    assert (await kept(slack)).source == LONG
    assert slack.slack.downloads[-1][1] == "xoxb-T1"

    await slack.command("edit Long")
    await slack.work()
    assert "I have sent it to you as a file" in json.dumps(newest_view(slack))
    (sent,) = slack.slack.of("files.completeUploadExternal")[-1:]
    assert sent.payload["channel_id"] == "DU1"
    assert "Make a campaign" in sent.payload["initial_comment"]
    team = slack.slack.teams["T1"]
    assert team.files[sent.payload["files"][0]["id"]] == LONG.encode()

    again = await bring(slack, "long.txt", MORE)
    assert "*Draft* `Long`" in again.words
    assert (await kept(slack)).version == 2

    await slack.role("U2", "viewer")
    shown = await slack.ask("source Long")
    whole = buttons(shown)["The whole text as a file"]
    await press(slack, whole, user="U2")
    assert slack.slack.of("files.completeUploadExternal")[-1].payload["channel_id"] == "DU2"


async def test_what_runs_shows_its_plan_before_the_file_is_taken(slack: Rig) -> None:
    draft = await bring(slack, "long.campaign", LONG)
    await press(slack, buttons(draft)["Start…"])
    await slack.submit(newest_view(slack), {})
    await slack.work()
    same = await bring(slack, "long.campaign", LONG)
    assert "nothing would change" in same.words
    asked = await bring(slack, "long.campaign", MORE)
    assert "1 → 2" in asked.words
    await slack.role("U2", "viewer")
    refused = await press(slack, buttons(asked)["Apply"], user="U2")
    assert refused is not None
    assert "needs the role `editor`" in refused.words
    done = await press(slack, buttons(asked)["Apply"])
    assert done is not None
    assert "has version 2" in done.words
    assert (await kept(slack)).source == MORE

    written = {"ts": "9.2", "text": 'campaign "Long"\nstart when did "signed up"\nadd tag short'}
    await slack.shortcut("campaign_from_message", message=written)
    await slack.work()
    value = json.loads(buttons(slack.said[-1])["Apply"]["value"])
    assert value["text"].endswith("add tag short")
    done = await press(slack, buttons(slack.said[-1])["Apply"])
    assert done is not None
    assert (await kept(slack)).version == 3


async def test_a_mention_takes_a_file_too(slack: Rig) -> None:
    file = slack.slack.file("T1", "long.campaign", LONG)
    await slack.mention("check", files=[file])
    await slack.work()
    assert "is in order" in slack.said[-1].words
    await slack.mention("new", files=[file])
    await slack.work()
    assert "*Draft* `Long`" in slack.said[-1].words
    await slack.mention("list", files=[file])
    await slack.work()
    assert "Campaigns" in slack.said[-1].words


@pytest.mark.parametrize(
    ("about", "data", "help_"),
    [
        ({"is_external": True}, LONG, "is not kept in Slack"),
        ({"url_private_download": "https://files.example.com/x"}, LONG, "is not kept in Slack"),
        ({"url_private_download": "http://127.0.0.1:9/x@files"}, LONG, "is not kept in Slack"),
        ({"size": 10**9}, LONG, "at most 256 KB"),
        ({"size": 1}, "#" * (4 * MOST_TEXT + 1), "at most 256 KB"),
        ({}, b"\xff\xfe\x00campaign", "is no text"),
    ],
)
async def test_what_is_no_text_of_slacks_own_is_refused(
    slack: Rig, about: dict[str, object], data: bytes | str, help_: str
) -> None:
    said = await bring(slack, "<!channel>.campaign", data, **about)
    assert help_ in said.words
    assert "<!channel>" not in said.words
    elsewhere = about.get("url_private_download")
    assert not elsewhere or not slack.slack.downloads, "the token left Slack"


async def test_a_file_that_slack_does_not_hand_over_is_told(slack: Rig) -> None:
    slack.slack.script("files.info", "missing_scope")
    assert "`files:read`" in (await bring(slack, "a.campaign", LONG)).words
    elsewhere = slack.slack.team("T2", "Other")
    slack.slack.file("T2", "theirs.campaign", LONG)
    theirs = {"id": next(iter(elsewhere.files)), "name": "theirs.campaign"}
    message = {"ts": "9.3", "text": "", "files": [theirs]}
    await slack.shortcut("campaign_from_message", message=message)
    await slack.work()
    assert "I cannot see that file" in slack.said[-1].words
