"""`headless try`: the way of one contact through a stored campaign, months of it in seconds.

It asks the API, which simulates it: nobody is entered, nothing is counted. Only with `--send-to`
does anything leave, and then as tests.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import click

from headless.cli.client import Client, connected, segment, who
from headless.cli.output import Exit, Failure, answer, json_option, print_json, print_table, say

_EMAIL: Final = "send email "


@click.command("try")
@click.argument("campaign", metavar="NAME|ID")
@click.argument("contact", metavar="[EMAIL|ID]", required=False)
@click.option("--until", default="90d", show_default=True, help="How far to look.")
@click.option(
    "--does", multiple=True, metavar="WHEN EVENT",
    help="Something that the contact does, such as `+2d opened email Hello`.",
)  # fmt: skip
@click.option("--send-to", metavar="EMAIL", help="Send each email of the way there, as a test.")
@json_option
def command_try(
    campaign: str,
    contact: str | None,
    until: str,
    does: tuple[str, ...],
    send_to: str | None,
    as_json: bool,
) -> None:
    """Tell the way that a contact would take through a campaign, who does only what you say.

    The contact is taken as it is now, or made up where none is named. Nobody is entered and nothing
    is counted. Emails go nowhere, except with --send-to: there, each once, as a test.
    """
    asked: dict[str, Any] = {"until": until, "activities": [_activity(one) for one in does]}
    if contact is not None:
        asked["contact"] = who(contact)
    with connected() as client:
        told = client.post(f"/v1/campaigns/{segment(campaign)}/try", asked)
        lines = told["journal"]
        tests = [] if send_to is None else list(_sent(client, lines, send_to, told["contact_id"]))
    if as_json:
        print_json({"lines": lines, "tests": tests})
        return
    times = [datetime.fromisoformat(line["at"]) for line in lines]
    rows = [
        ((at - times[0]).days, f"{at:%H:%M}", line["step"], line["outcome"], line["reason"] or "")
        for at, line in zip(times, lines, strict=True)
    ]
    print_table(("day", "UTC", "step", "outcome", "reason"), rows)
    for test in tests:
        answer(f"{test['message_id']}  a test of {test['email']} to {test['to']}")


def _activity(said: str) -> dict[str, str]:
    """`+2d opened email Hello` as the API reads it."""
    at, _, did = said.strip().partition(" ")
    if not did.strip():
        raise Failure(
            f"`{said}` says no time and event",
            'write it as in `--does "+2d opened email Hello"`',
            Exit.USAGE,
        )
    return {"at": at, "did": did.strip()}


def _sent(
    client: Client, lines: list[dict[str, Any]], to: str, contact_id: str | None
) -> Iterator[dict[str, Any]]:
    """Each email of the way, once, as a test."""
    steps = [line["step"] for line in lines if line["outcome"] == "sent"]
    names = [
        step.removeprefix(_EMAIL).strip('"')
        for step in dict.fromkeys(steps)
        if step.startswith(_EMAIL)
    ]
    body: dict[str, Any] = {"to": to}
    if contact_id is not None:
        body["contact"] = {"id": contact_id}
    for name in names:
        test = client.post(f"/v1/emails/{segment(name)}/test", body)
        yield {"email": name, **test}
    if not names:
        say("no email is sent on this way")
