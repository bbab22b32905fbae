"""`headless members`: the colleagues of a workspace, who they are and how they come and go."""

from typing import Any

import click

from headless.cli.client import Client, connected, segment
from headless.cli.group import Group
from headless.cli.output import Failure, agree, answer, json_option, print_json, print_table, say
from headless.workspace.roles import ROLES

_ROLES = click.Choice(ROLES)


@click.group("members", cls=Group)
def command_members() -> None:
    """See, invite and remove the colleagues of the workspace."""


@command_members.command("list")
@click.option("--role", type=_ROLES, help="Only those with this role.")
@click.option("--invites", is_flag=True, help="The invitations instead.")
@json_option
def list_members(role: str | None, invites: bool, as_json: bool) -> None:
    """List the colleagues, those who have left too."""
    with connected() as client:
        found = _invitations(client, role) if invites else list(_members(client, role))
    if as_json:
        print_json(found)
    elif invites:
        rows = [(one["id"], one["name"], one["email"], one["role"], one["state"]) for one in found]
        print_table(("id", "name", "email", "role", "state"), rows)
    else:
        rows = [
            (one["id"], one["name"], one["email"] or "", one["role"], one["left_at"] or "")
            for one in found
        ]
        print_table(("id", "name", "email", "role", "left"), rows)


@command_members.command("invite")
@click.argument("name")
@click.argument("email")
@click.option("--role", type=_ROLES, default="viewer", show_default=True, help="What they may do.")
@json_option
def invite_member(name: str, email: str, role: str, as_json: bool) -> None:
    """Invite a colleague: print a link that lets them in, once, within seven days."""
    body = {"name": name, "email": email, "role": role}
    with connected() as client:
        made = client.post("/v1/members/invites", body)
    if as_json:
        print_json(made)
    else:
        answer(made["url"])
        say(f"for {made['name']} as {made['role']}, once, until {made['expires_at']}")


@command_members.command("remove")
@click.argument("member", metavar="EMAIL|ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def remove_member(member: str, yes: bool, as_json: bool) -> None:
    """End a membership and all its tokens; with the id of an invitation (inv_…), withdraw it."""
    with connected() as client:
        known = _meant(client, member)
        question = f"{known['name']} ({known['id']}) may do nothing here any more?"
        agree(question, yes=yes, command=f"headless members remove {member}")
        invited = known["id"].startswith("inv_")
        client.ask("DELETE", f"/v1/members/{'invites/' if invited else ''}{segment(known['id'])}")
    if as_json:
        print_json({"removed": known["id"]})
    else:
        answer(f"{known['name']} ({known['id']}) is out")


def _members(client: Client, role: str | None = None) -> list[Any]:
    return list(client.pages("/v1/members", role=role))


def _invitations(client: Client, role: str | None = None) -> list[Any]:
    found = client.pages("/v1/members/invites")
    return [one for one in found if role in (None, one["role"])]


def _meant(client: Client, member: str) -> Any:
    """The colleague or the invitation with this id or address."""
    if member.startswith("mem_"):
        return client.get(f"/v1/members/{segment(member)}")
    if member.startswith("inv_"):
        found = [one for one in _invitations(client) if one["id"] == member]
    else:
        wanted = member.lower()
        here = [one for one in _members(client) if one["left_at"] is None]
        found = [one for one in here if (one["email"] or "").lower() == wanted]
    if len(found) == 1:
        return found[0]
    raise Failure(
        f"{len(found) or 'no'} colleagues here are `{member}`",
        "name one by the id that `headless members list` shows",
    )
