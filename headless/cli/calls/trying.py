"""`headless try`: the way of one contact through a stored campaign, months of it in seconds.

The text and the contact come from the API, the run is a simulation in a scratch schema: nobody is
entered, nothing is counted. Only with `--send-to` does anything leave, and then as tests.
"""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from headless.cli import environment
from headless.cli.client import Client, connected, contact_id, segment
from headless.cli.output import Exit, Failure, answer, json_option, print_json, print_table, say
from headless.cli.simulate import simulated_in

if TYPE_CHECKING:
    from headless.simulation.outcome import Line
    from headless.simulation.prepare import Prepared

_COLUMNS: Final = (
    "email", "phone", "preferred_channel", "time_zone", "points", "stage", "owner", "tags",
    "segments",
)  # fmt: skip
_EMAIL: Final = "send email "


@click.command("try")
@click.argument("campaign", metavar="NAME|ID")
@click.argument("contact", metavar="[EMAIL|ID]", required=False)
@click.option("--until", default="90d", show_default=True, help="How far to look.")
@click.option("--send-to", metavar="EMAIL", help="Send each email of the way there, as a test.")
@json_option
def command_try(
    campaign: str, contact: str | None, until: str, send_to: str | None, as_json: bool
) -> None:
    """Tell the way that a contact would take through a campaign, who answers nothing.

    The contact is taken as it is now, or made up where none is named. Nobody is entered and nothing
    is counted. Emails go nowhere, except with --send-to: there, each once, as a test.
    """
    with connected() as client:
        text = client.get(f"/v1/campaigns/{segment(campaign)}")["source"]
        known = None
        if contact is not None:
            known = client.get(f"/v1/contacts/{segment(contact_id(client, contact))}")
        lines = _way(campaign, text, known, until)
        tests = [] if send_to is None else list(_sent(client, lines, send_to, known))
    if as_json:
        print_json({"lines": lines, "tests": tests})
        return
    first = lines[0].at
    rows = [
        ((line.at - first).days, f"{line.at:%H:%M}", line.step, line.outcome, line.reason or "")
        for line in lines
    ]
    print_table(("day", "UTC", "step", "outcome", "reason"), rows)
    for test in tests:
        answer(f"{test['message_id']}  a test of {test['email']} to {test['to']}")


def _way(name: str, text: str, known: dict[str, Any] | None, until: str) -> "list[Line]":
    """What happens to one contact, in the order of time; raises Failure."""
    from headless.simulation import times
    from headless.simulation.faults import FaultyFileError, FaultyTextError, UnfitError
    from headless.simulation.server import postgres

    try:
        prepared = _prepared(text, known)
        ends = times.end(until, prepared.start)
        with postgres(environment.settings()) as url:
            simulated = asyncio.run(simulated_in(url, prepared, ends))
    except FaultyTextError as error:
        raise Failure(f"the text of `{name}` has faults", "headless check, after a pull") from error
    except FaultyFileError as error:
        raise Failure(error.faults[0].message, "change the contact") from error
    except UnfitError as error:
        raise Failure(error.message, error.fix, Exit.USAGE) from error
    except ValueError as error:
        raise Failure(f"`--until`: {error}", "headless try --help", Exit.USAGE) from error
    who = simulated.journal[0].contact if simulated.journal else None
    if who is None:
        raise Failure(
            f"this contact does not come into `{name}`",
            "`headless why EMAIL NAME` tells why; `headless simulate` takes activities",
        )
    return [line for line in simulated.journal if line.contact == who]


def _prepared(text: str, known: dict[str, Any] | None) -> "Prepared":
    from headless.simulation.prepare import prepare
    from headless.simulation.trial import prepare_for

    if known is None:
        return prepare(text, None, [])
    cells = {"id": known["id"], **known["fields"], **{name: known[name] for name in _COLUMNS}}
    return prepare_for(text, {name: value for name, value in cells.items() if value is not None})


def _sent(
    client: Client, lines: "list[Line]", to: str, known: dict[str, Any] | None
) -> Iterator[dict[str, Any]]:
    """Each email of the way, once, as a test."""
    steps = [line.step for line in lines if line.outcome == "sent" and line.step.startswith(_EMAIL)]
    names = [step.removeprefix(_EMAIL).strip('"') for step in dict.fromkeys(steps)]
    body: dict[str, Any] = {"to": to}
    if known is not None:
        body["contact"] = {"id": known["id"]}
    for name in names:
        test = client.post(f"/v1/emails/{segment(name)}/test", body)
        yield {"email": name, **test}
    if not names:
        say("no email is sent on this way")
