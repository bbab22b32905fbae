"""`headless campaigns approve|decline|rename|archive|delete`: the second word, and the end."""

from typing import Any

import click
import httpx

from headless.cli.client import Client, connected, refusal, segment
from headless.cli.output import agree, answer, json_option, print_json, say

_NAME = click.argument("name", metavar="NAME|ID")
_YES = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command("approve")
@_NAME
@_YES
@click.option("--plan", "agreed", help="The hash of the plan that you approve.")
@json_option
def approve_campaign(name: str, yes: bool, agreed: str | None, as_json: bool) -> None:
    """Approve a start that somebody else asked for, after showing how many it concerns.

    It takes a token of a colleague with the role approver or admin; nobody approves their own.
    """
    path = f"/v1/campaigns/{segment(name)}/approve"
    with connected() as client:
        if agreed is None:
            plan = _waiting(client, path)
            say(f"{plan['asked_by']} wants to start `{name}` for {plan['contacts']:,} contacts")
            agree("approve it?", yes=yes, command=f"headless campaigns approve {name}")
            agreed = plan["hash"]
        given = client.post(path, {"plan": agreed})
    if as_json:
        print_json(given)
    else:
        answer(f"{name} is approved; {given['asked_name']} can start it")


@click.command("decline")
@_NAME
@_YES
@click.option("--reason", help="Why, for whoever asked.")
@click.option("--plan", "agreed", help="The hash of the plan that you decline.")
@json_option
def decline_campaign(
    name: str, yes: bool, reason: str | None, agreed: str | None, as_json: bool
) -> None:
    """Say no to a start that somebody else asked for, or take back what you asked for.

    It takes a token of a colleague with the role approver or admin, or of whoever asked.
    """
    path = f"/v1/campaigns/{segment(name)}/decline"
    with connected() as client:
        if agreed is None:
            plan = _waiting(client, path)
            say(f"{plan['asked_by']} wants to start `{name}` for {plan['contacts']:,} contacts")
            agree("decline it?", yes=yes, command=f"headless campaigns decline {name}")
            agreed = plan["hash"]
        given = client.post(path, {"plan": agreed, "reason": reason})
    if as_json:
        print_json(given)
    else:
        answer(f"{name} is declined; {given['asked_name']} can change it and ask again")


def _waiting(client: Client, path: str) -> Any:
    """The plan that waits for a second word."""
    try:
        asked = client.http.post(path, json={})
    except httpx.TransportError as error:
        raise client.away(error) from error
    if asked.status_code != httpx.codes.PRECONDITION_REQUIRED:
        raise refusal(asked)
    return asked.json()["plan"]


@click.command("rename")
@_NAME
@click.argument("new", metavar="NEW")
@json_option
def rename_campaign(name: str, new: str, as_json: bool) -> None:
    """Call a campaign something else; where its text says the name, change it there instead."""
    with connected() as client:
        renamed = client.ask("PATCH", f"/v1/campaigns/{segment(name)}", json={"name": new}).json()
    if as_json:
        print_json(renamed)
    else:
        answer(f"{name} is {renamed['name']} now")


@click.command("archive")
@_NAME
@json_option
def archive_campaign(name: str, as_json: bool) -> None:
    """Put a stopped campaign out of sight; its numbers stay."""
    with connected() as client:
        archived = client.post(f"/v1/campaigns/{segment(name)}/archive")
    if as_json:
        print_json(archived)
    else:
        answer(f"{archived['name']} is archived")


@click.command("delete")
@_NAME
@_YES
@json_option
def delete_campaign(name: str, yes: bool, as_json: bool) -> None:
    """Throw away a draft with all its versions; what ever ran can only be archived."""
    agree(f"throw `{name}` away?", yes=yes, command=f"headless campaigns delete {name}")
    with connected() as client:
        client.ask("DELETE", f"/v1/campaigns/{segment(name)}")
    if as_json:
        print_json({"deleted": name})
    else:
        answer(f"{name} is gone")
