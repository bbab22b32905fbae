"""`headless domains`: whether the DNS says what receivers look for before they take our mail."""

from typing import Any, Final

import click

from headless.cli.client import connected, segment
from headless.cli.group import Group
from headless.cli.output import Exit, answer, json_option, print_json, say

_COLOURS: Final = {"ok": "green", "!!": "yellow", "xx": "red"}


@click.group("domains", cls=Group)
def command_domains() -> None:
    """Look after the domains that mail is sent from."""


@command_domains.command("check")
@click.argument("domain", metavar="[DOMAIN]", required=False)
@json_option
def check_domains(domain: str | None, as_json: bool) -> int:
    """Look up SPF, DMARC, DKIM and return paths, and say what to set.

    Without a domain: all that the workspace sends from. Ends with 1 when something is missing that
    mail suffers without.
    """
    with connected() as client:
        known = [one["name"] for one in client.get("/v1/domains")["data"]]
        wanted = known if domain is None else [domain]
        found = [client.get(f"/v1/domains/{segment(name)}") for name in wanted]
    if as_json:
        print_json(found)
    else:
        for one in found:
            _tell(one)
    if not found:
        say("the workspace sends from no domain of its own; its `sender` says from which")
    return Exit.FINE if all(one["ok"] for one in found) else Exit.NOT_FINE


def _tell(found: dict[str, Any]) -> None:
    answer(found["name"])
    for record in found["records"]:
        verdict = "ok" if record["ok"] else "xx" if record["needed"] else "!!"
        answer(f"  {click.style(verdict, fg=_COLOURS[verdict], bold=True)}  {record['says']}")
        if record["fix"]:
            answer(f"      → {record['fix']}")
