"""`headless messages`: what stands in the outbox, and what a person decides about it."""

from typing import Any

import click

from headless.cli.client import Client, connected, contact_id, segment
from headless.cli.group import Group
from headless.cli.output import Exit, Failure, answer, json_option, print_json, print_table

_ALL = 1_000_000
_CHANNELS = click.Choice(["email", "sms", "push", "webhook", "slack", "integration"])
_STATES = click.Choice(["pending", "sending", "sent", "skipped", "parked", "uncertain"])
_STUCK = click.Choice(["parked", "uncertain"])


@click.group("messages", cls=Group)
def command_messages() -> None:
    """Look through messages, and decide about those that were not taken."""


@command_messages.command("list")
@click.option("--state", type=_STATES, help="Only those in this state.")
@click.option("--channel", type=_CHANNELS, help="Only those of this channel.")
@click.option("--campaign", help="Only those of this campaign.")
@click.option("--contact", help="Only those to this contact: an address or an id (con_…).")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many.")
@json_option
def list_messages(
    state: str | None,
    channel: str | None,
    campaign: str | None,
    contact: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List messages, the newest first."""
    with connected() as client:
        who = None if contact is None else contact_id(client, contact)
        query = {"state": state, "channel": channel, "campaign": campaign, "contact": who}
        found = _found(client, limit, **query)
    if as_json:
        print_json(found)
        return
    rows = [
        (m["id"], m["channel"], m["state"], m["campaign"] or "", m["created_at"], m["reason"] or "")
        for m in found
    ]
    print_table(("id", "channel", "state", "campaign", "made", "reason"), rows)


def _decided(name: str, done: str, about: str) -> click.Command:
    """A command that does the same to the messages named, or to all that stand in a state."""

    @click.argument("message_ids", metavar="[ID]...", nargs=-1)
    @click.option("--state", type=_STUCK, help="Instead of ids: all that are in this state.")
    @click.option("--channel", type=_CHANNELS, help="With --state: only those of this channel.")
    @click.option("--campaign", help="With --state: only those of this campaign.")
    @json_option
    def decide(
        message_ids: tuple[str, ...],
        state: str | None,
        channel: str | None,
        campaign: str | None,
        as_json: bool,
    ) -> None:
        if bool(message_ids) == bool(state) or ((channel or campaign) and not state):
            raise Failure(
                "which messages?",
                f"headless messages {name} msg_…, or --state parked with or without --campaign",
                Exit.USAGE,
            )
        with connected() as client:
            ids = message_ids
            if state is not None:
                query = {"state": state, "channel": channel, "campaign": campaign}
                ids = tuple(each["id"] for each in _found(client, _ALL, **query))
            changed = [client.post(f"/v1/messages/{segment(id_)}/{name}") for id_ in ids]
        if as_json:
            print_json(changed)
        else:
            answer(f"{len(changed)} {'message' if len(changed) == 1 else 'messages'} {done}")

    return click.command(name, help=about)(decide)


def _found(client: Client, most: int, **query: str | None) -> list[Any]:
    found: list[Any] = []
    for each in client.pages("/v1/messages", limit=min(most, 500), **query):
        found.append(each)
        if len(found) == most:
            break
    return found


command_messages.add_command(
    _decided(
        "retry",
        "will be sent once more",
        "Send parked or uncertain messages once more; an uncertain one may arrive twice.",
    )
)
command_messages.add_command(
    _decided("drop", "dropped", "End messages that are pending, parked or uncertain.")
)
