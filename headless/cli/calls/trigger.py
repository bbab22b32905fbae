"""`headless trigger`: say that a contact has done something."""

from typing import Any

import click

from headless.cli.calls.properties import properties_argument
from headless.cli.client import connected, who
from headless.cli.output import answer, json_option, print_json


@click.command("trigger")
@click.argument("contact", metavar="EMAIL|ID")
@click.argument("event")
@properties_argument
@click.option("--id", "key", help="The sender's own id for it: sent again, it counts once.")
@click.option("--at", metavar="TIME", help="When it happened; by default now.")
@json_option
def command_trigger(
    contact: str, event: str, given: dict[str, Any], key: str | None, at: str | None, as_json: bool
) -> None:
    """Say that a contact did something, and let the campaigns hear it.

    The contact is an address, an id (con_…) or your own id for it. EVENT is the name by which
    `did "…"` asks for it; NAME=VALUE are its properties.
    """
    body: dict[str, Any] = {"contact": who(contact), "did": event}
    named = {"id": key, "occurred_at": at, "properties": given or None}
    body |= {name: value for name, value in named.items() if value is not None}
    with connected() as client:
        taken = client.post("/v1/activities", body)
    if as_json:
        print_json(taken)
    elif taken["accepted"]:
        answer(f'{contact} did "{event}"')
    else:
        answer(f"`{key}` was known already and counts once")
