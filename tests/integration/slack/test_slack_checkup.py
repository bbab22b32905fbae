"""The check-up: a server that listens, one that does not, one with another secret; the command."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import msgspec
import pytest
from click.testing import CliRunner
from slack_double import APP_TOKEN
from slack_rig import Rig, rig, settings_for

from headless.cli.slack import command_slack
from headless.settings import load
from headless.slack.installing import checkup


@pytest.fixture
async def slack(database_url: str) -> AsyncIterator[Rig]:
    async with rig(database_url, HEADLESS_URL="https://testserver") as made:
        yield made


def words(found: list[checkup.Finding]) -> str:
    return "\n".join(f"{one.verdict} {one.about} {one.says} {one.fix}" for one in found)


async def test_signed_requests_reach_us_and_others_do_not(slack: Rig) -> None:
    settings = settings_for("postgresql://x/y", slack.slack, HEADLESS_URL="https://testserver")
    now = slack.clock.now()
    transport = httpx.ASGITransport(slack.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport) as client:
        found = [*checkup.settings(settings), *await checkup.address(settings, client, now=now)]
        assert not checkup.has_faults(found, strict=True), words(found)
        late = await checkup.address(settings, client, now=now - timedelta(minutes=6))
        assert "a clock that is off" in words(late)
        other = msgspec.structs.replace(settings, slack_signing_secret=("another",))
        assert "another secret" in words(await checkup.address(other, client, now=now))
        elsewhere = msgspec.structs.replace(settings, url="https://testserver/x")
        assert "no HEADLESS_SLACK" in words(await checkup.address(elsewhere, client, now=now))
        plain = msgspec.structs.replace(settings, url="http://testserver")
        assert "https only" in words(await checkup.address(plain, client, now=now))
        socket = msgspec.structs.replace(plain, slack_app_token=APP_TOKEN)
        assert await checkup.address(socket, client, now=now) == []
    async with slack.api() as api:
        listed = (await api.get("/v1/slack/installations")).json()
    assert words(checkup.teams(listed)).startswith("ok team Acme (T1)")
    listed["data"][0]["scopes"] = ["commands"]
    assert "chat:write" in words(checkup.teams(listed))
    assert "headless slack install" in words(checkup.teams({"data": []}))


async def test_a_server_without_the_setting_says_so(database_url: str) -> None:
    async with rig(
        database_url, installed=False, HEADLESS_SLACK_SIGNING_SECRET="", HEADLESS_URL="https://x"
    ) as made:
        answer = await made.send("command=x", secret="x")
        assert answer.status_code == 404
        assert "HEADLESS_SLACK_SIGNING_SECRET" in answer.json()["detail"]
        assert checkup.has_faults(checkup.settings(load({})))


def test_the_command_line_prints_what_slack_takes() -> None:
    runner = CliRunner()
    fine = runner.invoke(command_slack, ["manifest", "--url", "https://c.acme.com"])
    assert msgspec.json.decode(fine.stdout)["display_information"]["name"] == "Campaigns"
    bad = runner.invoke(
        command_slack, ["manifest", "--url", "http://c.acme.com"], standalone_mode=False
    )
    assert bad.return_value == 1
    assert "https only" in bad.stderr
