"""`headless slack`: the Slack app's manifest, its installation, a link, and what is wrong with it.

`manifest` and the half of `doctor` ask no API; the rest goes through it.
"""

import asyncio
from typing import IO, TYPE_CHECKING

import click
import msgspec

from headless.cli import environment
from headless.cli.client import connected
from headless.cli.group import Group
from headless.cli.output import Exit, Failure, answer, json_option, print_json, say
from headless.clock import SystemClock

if TYPE_CHECKING:
    from headless.slack.installing.checkup import Finding

_PATIENCE = 10.0
_COLOURS = {"ok": "green", "!!": "yellow", "xx": "red"}


@click.group("slack", cls=Group)
def command_slack() -> None:
    """Connect Slack: make the app, install it, look after it."""


@command_slack.command("manifest")
@click.option("--url", help="Where Slack reaches this installation; by default HEADLESS_URL.")
@click.option("--socket", is_flag=True, help="For Socket Mode: no address of ours is needed.")
@click.option("--name", default="Campaigns", show_default=True, help="What the app is called.")
def print_manifest(url: str | None, socket: bool, name: str) -> int:
    """Print the Slack app's manifest, to paste at api.slack.com/apps.

    Ends with 1 when Slack would not take it.
    """
    from headless.slack.verbs import manifest

    made = manifest.manifest(url or environment.settings().url, socket=socket, name=name)
    answer(msgspec.json.format(msgspec.json.encode(made), indent=2).decode())
    faults = manifest.faults(made)
    for fault in faults:
        say(fault)
    return Exit.NOT_FINE if faults else Exit.FINE


@command_slack.command("install")
@click.option(
    "--token-file",
    type=click.File("r"),
    help="A file with the bot token (xoxb-…) from the app's page, `-` for stdin: on a laptop.",
)
@click.option("--admin", help="With --token-file: whose Slack user id or address is to be admin.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def install(token_file: IO[str] | None, admin: str | None, as_json: bool) -> None:
    """Print a link that installs the app for a team: for ten minutes, and once."""
    if (token_file is None) != (admin is None):
        raise Failure(
            "`--token-file` and `--admin` go together",
            "headless slack install --token-file token.txt --admin ann@example.com",
            Exit.USAGE,
        )
    with connected() as client:
        if token_file is None:
            made = client.post("/v1/slack/install")
            if as_json:
                print_json(made)
                return
            say("Open within 10 minutes, once, as somebody who may install apps in your Slack:")
            answer(made["url"])
            return
        body = {"token": token_file.read().strip(), "admin": admin}
        team = client.post("/v1/slack/installations", body)
    if as_json:
        print_json(team)
    say(f"installed for {team['name']} ({team['team_id']}); {team['installed_by']} is admin")


@command_slack.command("link")
@click.argument("ticket")
def link(ticket: str) -> None:
    """Tie the Slack account that asked `/campaign link` to the member whose token this is.

    TICKET is the link that Slack showed, or what stands in it after `ticket=`.
    """
    with connected() as client:
        made = client.post("/v1/slack/link", {"ticket": ticket.rpartition("ticket=")[2]})
    say(f"{made['user_id']} in {made['team_id']} is {made['member']} now")


@command_slack.command("doctor")
@click.option("--strict", is_flag=True, help="Count warnings as faults.")
@json_option
def doctor(strict: bool, as_json: bool) -> int:
    """Say whether Slack reaches this installation, is believed, and may do what it has to.

    Ends with 0 when nothing is at fault, else with 1.
    """
    from headless.slack.installing import checkup

    found = [*checkup.settings(environment.settings()), *asyncio.run(_address())]
    try:
        with connected() as client:
            found += checkup.teams(client.get("/v1/slack/installations"))
    except Failure as failure:
        found.append(checkup.Finding("xx", "team", failure.message, failure.fix))
    if as_json:
        print_json(found)
    else:
        for one in found:
            mark = click.style(one.verdict, fg=_COLOURS[one.verdict], bold=True)
            answer(f"{mark}    {one.about:<9}  {one.says}")
            if one.fix:
                answer(f"{'':<17}→ fix: {one.fix}")
    return Exit.NOT_FINE if checkup.has_faults(found, strict=strict) else Exit.FINE


async def _address() -> "list[Finding]":
    import httpx

    from headless.slack.installing import checkup

    async with httpx.AsyncClient(timeout=_PATIENCE) as client:
        return await checkup.address(environment.settings(), client, now=SystemClock().now())
