"""`headless campaigns journal`: the newest steps that contacts took in a campaign."""

from itertools import islice
from typing import Any

import click
import msgspec

from headless.cli.client import connected, contact_id, segment
from headless.cli.output import answer, json_option, print_table

_PAGE = 500


@click.command("journal")
@click.argument("name", metavar="NAME|ID")
@click.option("--contact", metavar="EMAIL|ID", help="Only the steps of this contact.")
@click.option("--outcome", help="Only steps that ended so, such as `skipped`.")
@click.option("--since", metavar="TIME", help="Only what happened then or later.")
@click.option("--until", metavar="TIME", help="Only what happened before.")
@click.option("--most", type=click.IntRange(1), default=100, show_default=True, help="How many.")
@json_option
def show_journal(
    name: str,
    contact: str | None,
    outcome: str | None,
    since: str | None,
    until: str | None,
    most: int,
    as_json: bool,
) -> None:
    """Show the newest steps that contacts took, newest first; as JSON a line each."""
    path = f"/v1/campaigns/{segment(name)}/journal"
    asked: dict[str, Any] = {"outcome": outcome, "since": since, "until": until}
    with connected() as client:
        if contact is not None:
            asked["contact"] = contact_id(client, contact)
        lines = islice(client.pages(path, limit=min(most, _PAGE), **asked), most)
        if as_json:
            for line in lines:
                answer(msgspec.json.encode(line).decode())
            return
        rows = [
            (
                line["at"][:19].replace("T", " "),
                line["contact_id"],
                line["step"],
                line["outcome"],
                line["reason"] or "",
            )
            for line in lines
        ]
    print_table(("time (UTC)", "contact", "step", "outcome", "reason"), rows)
