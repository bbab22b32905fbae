"""`headless why`: what happened to one contact in one campaign, and for what reason."""

import click

from headless.cli.client import connected, contact_id, segment
from headless.cli.output import answer, json_option, print_json


@click.command("why")
@click.argument("who", metavar="EMAIL|ID")
@click.argument("campaign", required=False)
@json_option
def command_why(who: str, campaign: str | None, as_json: bool) -> None:
    """Tell each step that a contact took in a campaign, and what decided it.

    The contact is an address or an id (con_…). Without a campaign: by which channels and about what
    it may be written to, and why. With the id of a message (msg_…) alone: why there is this
    message, and why it was sent or was not.
    """
    query = {} if campaign is None else {"campaign": campaign}
    with connected() as client:
        if who.startswith("msg_"):
            path = f"/v1/messages/{segment(who)}/why"
        else:
            path = f"/v1/contacts/{segment(contact_id(client, who))}/why"
        if as_json:
            print_json(client.get(path, **query))
        else:
            answer(client.text(path, **query).rstrip())
