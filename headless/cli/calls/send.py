"""`headless send`: one message now, by the same outbox as campaigns."""

from typing import Any

import click

from headless.cli.calls.properties import properties_argument
from headless.cli.client import connected, who
from headless.cli.output import Exit, Failure, answer, json_option, print_json, say


@click.command("send")
@click.argument("contact", metavar="EMAIL|ID")
@properties_argument
@click.option("--email", metavar="NAME", help="The email to send, by its name or id.")
@click.option("--sms", metavar="NAME", help="The text message to send.")
@click.option("--push", "push_message", metavar="NAME", help="The push message to send.")
@click.option("--marketing", is_flag=True, help="Not to those who unsubscribed from marketing.")
@click.option("--key", help="The message's own name: asked again, nothing is sent twice.")
@json_option
def command_send(
    contact: str,
    given: dict[str, Any],
    email: str | None,
    sms: str | None,
    push_message: str | None,
    marketing: bool,
    key: str | None,
    as_json: bool,
) -> None:
    """Send one message now to a contact; NAME=VALUE are for its template.

    The contact is an address, an id (con_…) or your own id for it; an address that is new here
    becomes a contact.
    """
    named = {"email": email, "sms": sms, "push_message": push_message}
    chosen = {kind: name for kind, name in named.items() if name is not None}
    if len(chosen) != 1:
        raise Failure("which message?", "name one by --email, --sms or --push", Exit.USAGE)
    body = {"contact": who(contact), "data": given, "transactional": not marketing, **chosen}
    headers = {} if key is None else {"Idempotency-Key": key}
    with connected() as client:
        sent = client.ask("POST", "/v1/send", json=body, headers=headers).json()
    if as_json:
        print_json(sent)
        return
    reason = f": {sent['reason']}" if sent["reason"] else ""
    answer(f"{sent['id']}  {sent['channel']} to {contact}  {sent['state']}{reason}")
    say(f"→ headless why {sent['id']}")
