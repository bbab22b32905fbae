"""`headless tokens`: who may call the API; and the first token of an installation.

All go through the API, except `create --admin`, which writes into the database: whoever has that
needs no token. A new token alone goes to stdout, so that a script can keep it.
"""

import asyncio
import re
from datetime import timedelta
from typing import Any

import click

from headless.cli import environment
from headless.cli.client import connected, segment
from headless.cli.group import Group
from headless.cli.output import (
    Exit,
    Failure,
    answer,
    json_option,
    print_json,
    print_table,
    say,
)
from headless.clock import SystemClock
from headless.ids import encode

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")


@click.group("tokens", cls=Group)
def command_tokens() -> None:
    """Make, change and end the tokens that call the API."""


@command_tokens.command("list")
@json_option
def list_tokens(as_json: bool) -> None:
    """List the tokens of the workspace, those that have ended too."""
    with connected() as client:
        found = list(client.pages("/v1/tokens"))
    if as_json:
        print_json(found)
        return
    rows = [
        (each["id"], each["name"], f"{each['prefix']}…", each["state"], " ".join(each["scopes"]))
        for each in found
    ]
    print_table(("id", "name", "begins with", "state", "scopes"), rows)


@command_tokens.command("create")
@click.argument("name", required=False)
@click.option("--scope", "scopes", multiple=True, help="What it may do; as often as needed.")
@click.option("--days", type=click.IntRange(1, 3650), help="End it after so many days.")
@click.option("--admin", is_flag=True, help="Everything, written straight into the database.")
@click.option("--workspace", help="With --admin: the workspace, where there are several.")
@click.option("--new-workspace", help="With --admin: make a workspace of that name.")
@_AS_JSON
def create_token(
    name: str | None,
    scopes: tuple[str, ...],
    days: int | None,
    admin: bool,
    workspace: str | None,
    new_workspace: str | None,
    as_json: bool,
) -> None:
    """Make a token and print it, this once: it is kept nowhere.

    With --admin it needs no other token, only the database: the first one of an installation.
    """
    lives = None if days is None else timedelta(days=days)
    if admin:
        if scopes or (workspace and new_workspace):
            raise Failure(
                "`--admin` is every scope already, and one workspace is meant",
                "leave out `--scope`, and one of `--workspace` and `--new-workspace`",
                Exit.USAGE,
            )
        from headless.cli.own_database import database_url

        with database_url(environment.settings()) as url:
            made = asyncio.run(_first(url, name or "admin", lives, workspace, new_workspace))
    elif workspace or new_workspace:
        raise Failure("a token makes tokens of its own workspace", "add `--admin`", Exit.USAGE)
    elif name is None or not scopes:
        raise Failure(
            "a token needs a name and at least one scope",
            "headless tokens create NAME --scope contacts:read",
            Exit.USAGE,
        )
    else:
        body: dict[str, Any] = {"name": name, "scopes": list(scopes)}
        if lives is not None:
            body["expires_at"] = (SystemClock().now() + lives).isoformat()
        with connected() as client:
            made = client.post("/v1/tokens", body)
    _tell(made, as_json)


def _read_hours(_context: click.Context, _option: click.Parameter, text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([mhd]?)", text.strip())
    if match is None or (not match[2] and float(match[1])):
        raise click.BadParameter("a length such as `24h`, `7d` or `30m` is needed, or 0")
    return float(match[1]) * {"m": 1 / 60, "h": 1, "d": 24, "": 0}[match[2]]


@command_tokens.command("rotate")
@click.argument("token_id", metavar="ID")
@click.option(
    "--grace",
    metavar="LENGTH",
    default="24h",
    show_default=True,
    callback=_read_hours,
    help="For how long the old one goes on: 24h, 7d, 0.",
)
@_AS_JSON
def rotate_token(token_id: str, grace: float, as_json: bool) -> None:
    """Make a new token in the place of one, which goes on for a while and then ends."""
    with connected() as client:
        path = f"/v1/tokens/{segment(token_id)}/rotate"
        made = client.post(path, {"grace_hours": grace})
    _tell(made, as_json)


@command_tokens.command("revoke")
@click.argument("token_id", metavar="ID")
def revoke_token(token_id: str) -> None:
    """End a token at once."""
    with connected() as client:
        client.ask("DELETE", f"/v1/tokens/{segment(token_id)}")
    say(f"{token_id} is revoked")


def _tell(made: Any, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    answer(made["token"])
    until = f" until {made['expires_at']}" if made["expires_at"] else ""
    say(f"`{made['name']}` ({made['id']}) may {' '.join(made['scopes'])}{until}; keep it safe")


async def _first(
    url: str, name: str, lives: timedelta | None, wanted: str | None, new: str | None
) -> dict[str, Any]:
    """An admin's token, written into the database; shown as the API would."""
    from sqlalchemy.exc import SQLAlchemyError

    from headless.api.shapes import instant, maybe_instant
    from headless.problems import Problem
    from headless.storage.database import connect
    from headless.workspace import tokens, workspaces

    database = connect(url)
    now = SystemClock().now()
    try:
        async with database.transaction() as tx:
            if new is not None:
                house = await workspaces.create(tx, new, now=now)
            else:
                await workspaces.default(tx, now=now, name=wanted or "Acme")
                house = _chosen(await workspaces.listing(tx), wanted)
            ends = None if lives is None else now + lives
            kept, text = await tokens.make(
                tx, house.id, name, ["admin"], kind=house.token_kind, now=now, expires_at=ends
            )
    except (OSError, SQLAlchemyError) as error:
        raise Failure(
            f"the database cannot be used: {str(error).splitlines()[0]}",
            "run `headless migrate`, or mend DATABASE_URL",
            Exit.TRY_AGAIN,
        ) from error
    except Problem as problem:
        raise Failure(problem.detail, "change what you asked for") from problem
    finally:
        await database.close()
    say(f"workspace `{house.name}` ({house.mode})")
    return {
        "token": text,
        "id": encode("tok", kept.id),
        "name": kept.name,
        "prefix": kept.prefix,
        "scopes": list(kept.scopes),
        "created_at": instant(kept.created_at),
        "expires_at": maybe_instant(kept.expires_at),
    }


def _chosen(houses: list[Any], wanted: str | None) -> Any:
    """The workspace of that name, or the only one there is."""
    fitting = [each for each in houses if wanted in (None, each.name)]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(f"`{each.name}`" for each in houses)
    raise Failure(
        f"there is no one workspace that is meant; there are {names}",
        "choose with `--workspace`, or make one with `--new-workspace`",
        Exit.USAGE,
    )
