"""`headless hold`: stop all hand-over, look at what is held, and let it go."""

from typing import Any

import click

from headless.cli.client import connected
from headless.cli.group import Group
from headless.cli.output import answer, json_option, print_json, print_table

_CHANNELS = click.Choice(["email", "sms", "push", "webhook", "slack", "integration"])
_channel = click.option("--channel", type=_CHANNELS, help="Only this channel.")
_campaign = click.option("--campaign", help="Only this campaign.")


@click.group("hold", cls=Group)
def command_hold() -> None:
    """Stop handing messages over; contacts move on and messages gather in the outbox."""


@command_hold.command("on")
@click.option("--reason", required=True, help="Why, for whoever finds it held.")
@_channel
@_campaign
@json_option
def hold_on(reason: str, channel: str | None, campaign: str | None, as_json: bool) -> None:
    """Hand nothing over any more: of a channel, of a campaign, or of the whole workspace."""
    _set({"on": True, "reason": reason, "channel": channel, "campaign": campaign}, as_json)


@command_hold.command("off")
@_channel
@_campaign
@json_option
def hold_off(channel: str | None, campaign: str | None, as_json: bool) -> None:
    """Let go what was held; what has gathered goes out at the channels' rates."""
    _set({"on": False, "channel": channel, "campaign": campaign}, as_json)


@command_hold.command("show")
@json_option
def show_hold(as_json: bool) -> None:
    """Tell what is held, since when and why."""
    with connected() as client:
        _told(client.get("/v1/hold"), as_json)


def _set(body: dict[str, Any], as_json: bool) -> None:
    given = {name: value for name, value in body.items() if value is not None}
    with connected() as client:
        _told(client.post("/v1/hold", given), as_json)


def _told(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
    elif not found["holds"]:
        answer("nothing is held")
    else:
        rows = [
            (
                each["channel"] or each["campaign_id"] or "everything",
                each["since"],
                each["actor"],
                each["reason"],
            )
            for each in found["holds"]
        ]
        print_table(("held", "since", "by", "reason"), rows)
