"""`headless inbox`: the mails that a development server has kept, to read and to act on.

Only `headless dev` has one; an installation sends its mails.
"""

from typing import Any, Final

import click

from headless.cli.client import Client, Refused, connected
from headless.cli.group import Group
from headless.cli.output import Exit, Failure, answer, json_option, print_json, print_table

_JSON: Final = {"Accept": "application/json"}
_MAIL = click.argument("mail", type=click.IntRange(1), metavar="NUMBER")


@click.group("inbox", cls=Group)
def command_inbox() -> None:
    """Read the mails of `headless dev`, and open, click and unsubscribe without a browser."""


@command_inbox.command("list")
@click.option("--to", metavar="EMAIL", help="Only mails to this address.")
@click.option("--after", type=click.IntRange(0), metavar="NUMBER", help="Only those behind it.")
@click.option(
    "--wait",
    type=click.IntRange(0, 30),
    default=0,
    help="For how many seconds to wait until there is one; with none the command ends with 1.",
)
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@json_option
def list_mails(to: str | None, after: int | None, wait: int, limit: int, as_json: bool) -> int:
    """List mails, the newest first; with --after in the order of their arrival."""
    query: dict[str, Any] = {"to": to, "after": after, "wait": wait or None, "limit": limit}
    given = {name: value for name, value in query.items() if value is not None}
    with connected() as client:
        found = _asked(client, "GET", "", params=given)["data"]
    if as_json:
        print_json(found)
    else:
        rows = [(one["id"], one["received_at"], one["to"], one["subject"]) for one in found]
        print_table(("number", "came", "to", "subject"), rows)
    return Exit.NOT_FINE if wait and not found else Exit.FINE


@command_inbox.command("show")
@_MAIL
@json_option
def show_mail(mail: int, as_json: bool) -> None:
    """Show one mail: its text, its links and the path that tells its reason."""
    with connected() as client:
        found = _asked(client, "GET", f"/{mail}")
    if as_json:
        print_json(found)
        return
    answer(f"to       {found['to']}\nsubject  {found['subject']}\n\n{found['text'].rstrip()}\n")
    for place, link in enumerate(found["links"]["clicks"]):
        answer(f"link {place}   {link}")
    if found["why"]:
        answer(f"why      {found['why']}")


@command_inbox.command("open")
@_MAIL
@json_option
def open_mail(mail: int, as_json: bool) -> None:
    """Open a mail, as its reader's program does by loading the picture."""
    _done(f"/{mail}/open", as_json)


@command_inbox.command("click")
@_MAIL
@click.option("--link", type=click.IntRange(0), default=0, show_default=True, help="Which link.")
@json_option
def click_mail(mail: int, link: int, as_json: bool) -> None:
    """Follow a link of a mail; `headless inbox show` has their numbers."""
    _done(f"/{mail}/click", as_json, link=link)


@command_inbox.command("unsubscribe")
@_MAIL
@json_option
def unsubscribe_mail(mail: int, as_json: bool) -> None:
    """Unsubscribe the recipient, as the mail's own link does."""
    _done(f"/{mail}/unsubscribe", as_json)


def _done(path: str, as_json: bool, **query: Any) -> None:
    with connected() as client:
        done = _asked(client, "POST", path, params=query)
    if as_json:
        print_json(done)
    else:
        answer(done["done"] + (f": {done['target']}" if done["target"] else ""))


def _asked(client: Client, method: str, path: str, **how: Any) -> Any:
    try:
        return client.ask(method, f"/dev/inbox{path}", headers=_JSON, **how).json()
    except Refused as refused:
        if refused.problem.get("code") != "not_found" or "mail" in refused.message:
            raise
        raise Failure(
            f"{client.http.base_url} has no inbox: it sends its mails",
            "use `headless dev`, or look at `headless messages list`",
        ) from refused
