"""`headless why`: what happened to one contact in one campaign, and for what reason."""

import click

from headless.cli.client import connected, contact_id, segment
from headless.cli.output import answer, json_option, print_json


@click.command("why")
@click.argument("contact", metavar="EMAIL")
@click.argument("campaign")
@json_option
def command_why(contact: str, campaign: str, as_json: bool) -> None:
    """Tell each step that a contact took in a campaign, and what decided it.

    The contact is an address or an id (con_…).
    """
    with connected() as client:
        path = f"/v1/contacts/{segment(contact_id(client, contact))}/why"
        if as_json:
            print_json(client.get(path, campaign=campaign))
        else:
            answer(client.text(path, campaign=campaign).rstrip())
