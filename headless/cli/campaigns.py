"""`headless campaigns …`: see, make, start and stop campaigns."""

import sys
from pathlib import Path
from typing import Any

import click
import httpx

from headless.cli.archiving import (
    approve_campaign,
    archive_campaign,
    decline_campaign,
    delete_campaign,
    rename_campaign,
)
from headless.cli.calls.journal import show_journal
from headless.cli.client import Client, Refused, connected, contact_id, refusal, segment
from headless.cli.group import Group
from headless.cli.output import (
    Exit,
    Failure,
    answer,
    colours,
    json_option,
    print_json,
    print_table,
    say,
)

_NAME = click.argument("name", metavar="NAME|ID")
_AGAIN = click.option(
    "--ask-again", "again", is_flag=True, help="Ask once more, where the second person declined."
)
_CONTACTS = click.argument("contacts", metavar="EMAIL|ID...", nargs=-1, required=True)


@click.group("campaigns", cls=Group)
def command_campaigns() -> None:
    """List, make, start, pause and stop campaigns."""


@command_campaigns.command("list")
@click.option("--state", help="Only those in this state, such as `running`.")
@json_option
def list_campaigns(state: str | None, as_json: bool) -> None:
    """List the workspace's campaigns."""
    with connected() as client:
        found = list(client.pages("/v1/campaigns", state=state))
    if as_json:
        print_json(found)
        return
    rows = [(one["name"], one["state"], one["version"], one["id"]) for one in found]
    print_table(("name", "state", "version", "id"), rows)


@command_campaigns.command("show")
@_NAME
@json_option
def show_campaign(name: str, as_json: bool) -> None:
    """Show one campaign: its state, its text and what it does."""
    with connected() as client:
        found = client.get(f"/v1/campaigns/{segment(name)}")
    if as_json:
        print_json(found)
        return
    answer(f"{found['name']}   {found['state']}   version {found['version']}   {found['id']}")
    for member in ("explain", "source"):
        if found.get(member):
            answer(f"\n{found[member].rstrip()}")


@command_campaigns.command("create")
@click.argument("file", metavar="FILE|-")
@click.option("--name", help="Its name, where the text gives none.")
@json_option
def create_campaign(file: str, name: str | None, as_json: bool) -> None:
    """Store a campaign's text as a draft; `-` reads standard input."""
    text = _text(file)
    with connected() as client:
        made = _stored(client, file, text, name)
    if as_json:
        print_json(made)
    else:
        answer(f"{made['name']}: a {made['state']}, version {made['version']} ({made['id']})")
        say(f"start it with `headless campaigns start {made['id']}`")


def _stored(client: Client, file: str, text: str, name: str | None) -> Any:
    try:
        return client.ask(
            "POST",
            "/v1/campaigns",
            content=text.encode(),
            headers={"Content-Type": "text/plain; charset=utf-8"},
            params={"name": name} if name else None,
        ).json()
    except Refused as refused:
        if refused.problem.get("code") != "invalid_text":
            raise
        from headless.dsl.examine import examine
        from headless.dsl.render import terminal

        found = examine(text).diagnostics
        if found:  # the same faults with their carets
            say(terminal(text, found, name=file, colours=colours(sys.stderr)))
        for diagnostic in () if found else refused.problem.get("diagnostics", ()):
            say(f"{diagnostic['severity']} {diagnostic['code']}: {diagnostic['message']}")
        raise Failure(refused.message, "mend the text and try again") from refused


def _text(file: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return raw.decode("utf-8")
    except OSError as error:
        raise Failure(
            f"{file} cannot be read: {error.strerror}", "name a file that is there", Exit.USAGE
        ) from error
    except UnicodeDecodeError as error:
        raise Failure(
            f"{file} is not UTF-8 (byte {error.start})", "save it as UTF-8", Exit.USAGE
        ) from error


@command_campaigns.command("start")
@_NAME
@click.option("--yes", is_flag=True, help="Start without asking.")
@click.option("--plan", "agreed", help="The hash of the plan you agreed to.")
@_AGAIN
@json_option
def start_campaign(name: str, yes: bool, agreed: str | None, again: bool, as_json: bool) -> None:
    """Start a campaign, after showing what will happen."""
    path = f"/v1/campaigns/{segment(name)}/start"
    with connected() as client:
        if agreed is None:
            agreed = _agreement(client, path, yes=yes)
        started = client.post(path, {"plan": agreed, "ask_again": again})
    if as_json:
        print_json(started)
    else:
        answer(f"{name} runs" if started.get("state") == "running" else f"{name} is starting")


def _agreement(client: Client, path: str, *, yes: bool) -> str:
    """The plan's hash, once the person has seen the plan and agreed."""
    try:
        asked = client.http.post(path, json={})
    except httpx.TransportError as error:
        raise client.away(error) from error
    if asked.status_code != httpx.codes.PRECONDITION_REQUIRED:
        raise refusal(asked)
    plan = asked.json()["plan"]
    say(f"{plan['enter_now']} enter now, {plan['emails_first_day']} emails on the first day")
    for warning in plan.get("warnings", ()):
        told = warning["message"] if isinstance(warning, dict) else warning
        say(f"  ! {told}")
    if not yes:
        if not sys.stdin.isatty():
            raise Failure(
                "nobody can be asked here",
                f"add `--yes`, or `--plan {plan['hash']}` to start exactly this",
                Exit.USAGE,
            )
        click.confirm("start it?", abort=True, err=True)
    return str(plan["hash"])


def _verb(verb: str, done: str, about: str) -> None:
    @command_campaigns.command(verb, help=about)
    @_NAME
    @json_option
    def change(name: str, as_json: bool) -> None:
        with connected() as client:
            changed = client.post(f"/v1/campaigns/{segment(name)}/{verb}")
        if as_json:
            print_json(changed)
        else:
            answer(f"{changed.get('name', name)} {done}")


_verb("pause", "is paused", "Pause a campaign; everyone keeps their place.")
_verb("stop", "has stopped", "End a campaign for everyone in it.")


@command_campaigns.command("resume")
@_NAME
@click.option(
    "--overdue",
    type=click.Choice(["run", "shift"]),
    default="run",
    show_default=True,
    help="Waits that came due meanwhile: run now, or shift all waits by the pause's length.",
)
@json_option
def resume_campaign(name: str, overdue: str, as_json: bool) -> None:
    """Let a paused campaign go on."""
    with connected() as client:
        resumed = client.post(f"/v1/campaigns/{segment(name)}/resume", {"overdue": overdue})
    if as_json:
        print_json(resumed)
    else:
        late = "1 wait" if resumed["overdue"] == 1 else f"{resumed['overdue']} waits"
        then = "run now" if overdue == "run" else "moved on by the pause, as all others"
        answer(f"{resumed['name']} runs again; {late} came due in the pause: {then}")


def _new_version(command: click.decorators.FC) -> click.decorators.FC:
    """The argument and options that say which text, and what becomes of those inside."""
    for option in (
        click.option("--drain", is_flag=True, help="Those inside end by the old version."),
        click.option(
            "--waits",
            type=click.Choice(["keep", "recompute"]),
            default="keep",
            show_default=True,
            help="Changed waits: keep the promised time, or count anew.",
        ),
        click.option("--to", "number", type=int, help="Go back to this version instead."),
        click.argument("file", metavar="[FILE|-]", required=False),
        _NAME,
    ):
        command = option(command)
    return command


def _wanted(file: str | None, number: int | None, waits: str, drain: bool) -> dict[str, Any]:
    if (file is None) == (number is None):
        raise Failure(
            "there is no new text",
            "name a file (`-` is standard input), or a version with `--to`",
            Exit.USAGE,
        )
    which = {"version": number} if file is None else {"source": _text(file)}
    return {**which, "waits": waits, "drain": drain}


@command_campaigns.command("plan")
@_new_version
@json_option
def plan_version(
    name: str, file: str | None, number: int | None, waits: str, drain: bool, as_json: bool
) -> None:
    """Show what a new text would do to a campaign and the people inside."""
    path = f"/v1/campaigns/{segment(name)}/plan"
    wanted = _wanted(file, number, waits, drain)
    with connected() as client:
        if as_json:
            print_json(client.post(path, wanted))
        else:
            told = client.ask("POST", path, json=wanted, headers={"Accept": "text/plain"}).text
            answer(told.rstrip())


@command_campaigns.command("apply")
@_new_version
@click.option("--yes", is_flag=True, help="Apply without asking.")
@click.option("--plan", "agreed", help="The hash of the plan you agreed to.")
@_AGAIN
@json_option
def apply_version(
    name: str,
    file: str | None,
    number: int | None,
    waits: str,
    drain: bool,
    yes: bool,
    agreed: str | None,
    again: bool,
    as_json: bool,
) -> None:
    """Give a campaign a new version, after showing what it does to the people inside."""
    path = f"/v1/campaigns/{segment(name)}"
    wanted = _wanted(file, number, waits, drain)
    with connected() as client:
        if agreed is None:
            agreed = _seen(client, f"{path}/plan", wanted, yes=yes)
        done = client.post(f"{path}/apply", {**wanted, "plan": agreed, "ask_again": again})
    if as_json:
        print_json(done)
    else:
        answer(f"{done['name']} is at version {done['version']}")


def _seen(client: Client, path: str, wanted: dict[str, Any], *, yes: bool) -> str:
    """The plan's hash, once the person has seen the plan and agreed."""
    told = client.post(path, wanted)
    say(client.ask("POST", path, json=wanted, headers={"Accept": "text/plain"}).text.rstrip())
    if told["stranded"]:
        raise Failure("people would be lost", "say in the text where they go", Exit.CONFLICT)
    if not yes and told["becomes"] != told["was"]:
        if not sys.stdin.isatty():
            raise Failure(
                "nobody can be asked here",
                f"add `--yes`, or `--plan {told['hash']}` to do exactly this",
                Exit.USAGE,
            )
        click.confirm("apply it?", abort=True, err=True)
    return str(told["hash"])


@command_campaigns.command("add")
@_NAME
@_CONTACTS
@json_option
def add_contacts(name: str, contacts: tuple[str, ...], as_json: bool) -> None:
    """Let contacts into a campaign by hand, also those who were removed by hand."""
    _by_hand(name, contacts, "", "came in", as_json=as_json)


@command_campaigns.command("remove")
@_NAME
@_CONTACTS
@json_option
def remove_contacts(name: str, contacts: tuple[str, ...], as_json: bool) -> None:
    """Take contacts out of a campaign; nothing but `add` brings them back."""
    _by_hand(name, contacts, "/remove", "were taken out", as_json=as_json)


def _by_hand(name: str, contacts: tuple[str, ...], verb: str, done: str, *, as_json: bool) -> None:
    with connected() as client:
        known = [contact_id(client, one) for one in contacts]
        moved = client.post(f"/v1/campaigns/{segment(name)}/contacts{verb}", {"contacts": known})
    if as_json:
        print_json(moved)
    else:
        answer(f"{moved['contacts']} of {len(known)} {done}")


@command_campaigns.command("stats")
@_NAME
@click.option("--reasons", is_flag=True, help="Say why what was skipped or held was so.")
@json_option
def show_stats(name: str, reasons: bool, as_json: bool) -> None:
    """Show how many came to each step and what became of them."""
    query = {"reasons": True} if reasons else {}
    path = f"/v1/campaigns/{segment(name)}/stats"
    with connected() as client:
        if as_json:
            print_json(client.get(path, **query))
        else:
            answer(client.text(path, **query).rstrip())


for _command in (
    approve_campaign,
    decline_campaign,
    show_journal,
    rename_campaign,
    archive_campaign,
    delete_campaign,
):
    command_campaigns.add_command(_command)
