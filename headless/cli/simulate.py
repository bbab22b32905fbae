"""`headless simulate`: a campaign on a virtual clock, with contacts and activities from files.

Needs no server that runs: without DATABASE_URL and without a `headless dev` it starts a PostgreSQL
of its own for the moment. What runs is imported when it runs.
"""

import asyncio
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import click

from headless.cli import environment
from headless.cli.output import Exit, Failure, answer, colours, say

if TYPE_CHECKING:
    from headless.simulation.outcome import Simulated
    from headless.simulation.prepare import Prepared
    from headless.simulation.rows import Row

_SHOWN: Final = 200
"""Lines of the journal that a person gets to see; `--json` has all."""


@click.command("simulate")
@click.argument("campaign", metavar="CAMPAIGN|-")
@click.option(
    "--contacts", metavar="FILE", help="Who there is, as .csv or .ndjson; by default five people."
)
@click.option("--activities", metavar="FILE", help="What happens, as .ndjson; by default nothing.")
@click.option(
    "--start", metavar="TIME", help="When it begins; by default on Monday 2026-01-05T09:00Z."
)
@click.option(
    "--until", metavar="LENGTH|TIME",
    help="When it ends, such as 30d; by default when nothing more can happen, at most a year.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document.")
def command_simulate(
    campaign: str,
    contacts: str | None,
    activities: str | None,
    start: str | None,
    until: str | None,
    as_json: bool,
) -> int:
    """Try a campaign on a virtual clock: a year in seconds; nothing leaves this machine.

    Ends with 1 when the campaign has faults, with 2 when a file or an option has.
    """
    from headless.simulation.faults import FaultyFileError, FaultyTextError, UnfitError

    names = {"contacts": contacts or "", "activities": activities or ""}
    try:
        _simulate(campaign, contacts, activities, start, until, as_json=as_json)
    except FaultyTextError as error:
        return _faulty_text(campaign, error.text, error.diagnostics)
    except FaultyFileError as error:
        for fault in error.faults:
            say(f"{names[error.what]}:{fault.line}: {fault.message}")
        many = "a fault" if len(error.faults) == 1 else f"{len(error.faults)} faults"
        told = f"{names[error.what]} has {many}"
        raise Failure(told, "docs/simulate.md says what a line has", Exit.USAGE) from error
    except UnfitError as error:
        raise Failure(error.message, error.fix, Exit.USAGE) from error
    return Exit.FINE


def _simulate(
    campaign: str,
    contacts: str | None,
    activities: str | None,
    start: str | None,
    until: str | None,
    *,
    as_json: bool,
) -> None:
    from headless.simulation import times
    from headless.simulation.prepare import prepare
    from headless.simulation.server import postgres

    begins = None if start is None else _time("--start", times.instant, start)
    text = _text(campaign)
    people = None if contacts is None else _rows("contacts", contacts)
    happenings = [] if activities is None else _rows("activities", activities)
    prepared = prepare(text, people, happenings, begins)
    begun = prepared.start
    ends = None if until is None else _time("--until", lambda t: times.end(t, begun), until)
    _warn(campaign, prepared)
    settings = environment.settings()
    signal.signal(signal.SIGTERM, _interrupt)
    with postgres(settings) as url:
        simulated = asyncio.run(simulated_in(url, prepared, ends))
    if as_json:
        _print(simulated)
    else:
        _tell(simulated, prepared)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """As Ctrl-C does: asyncio cancels what runs, and the scratch schema goes in good order."""
    signal.raise_signal(signal.SIGINT)


def _time(option: str, read: Any, text: str) -> datetime:
    try:
        at: datetime = read(text)
    except ValueError as error:
        raise Failure(f"`{option}`: {error}", "headless simulate --help", Exit.USAGE) from error
    return at


def _text(name: str) -> str:
    return _decoded(name, sys.stdin.buffer.read() if name == "-" else _bytes(name))


def _decoded(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Failure(
            f"{name} is not UTF-8 (byte {error.start})", "save it as UTF-8", Exit.USAGE
        ) from error


def _bytes(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise Failure(
            f"{name} cannot be read: {error.strerror}", "name a file that is there", Exit.USAGE
        ) from error


def _rows(what: str, name: str) -> "list[Row]":
    """The rows of a file; its ending says what kind it is."""
    from headless.simulation import rows

    kinds = {".csv", ".ndjson", ".jsonl"} if what == "contacts" else {".ndjson", ".jsonl"}
    suffix = Path(name).suffix.lower()
    data = _bytes(name)
    if suffix not in kinds:
        ends = " or ".join(f"`{kind}`" for kind in sorted(kinds - {".jsonl"}))
        raise Failure(f"{name} must end in {ends}", f"rename the file of {what}", Exit.USAGE)
    return rows.csv_rows(what, data) if suffix == ".csv" else rows.ndjson(what, data)


async def simulated_in(url: str, prepared: "Prepared", until: datetime | None) -> "Simulated":
    """What comes of a simulation, in a scratch schema of the database there; shows its progress."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    from headless.simulation.run import perform
    from headless.simulation.scratch import scratch

    console = Console(stderr=True, no_color=not colours(sys.stderr))
    with Progress(
        TextColumn("simulating"), BarColumn(), TextColumn("{task.description}"),
        console=console, transient=True, disable=not sys.stderr.isatty(),
    ) as bar:  # fmt: skip
        task = bar.add_task(f"{prepared.start:%a %d %b %Y}", total=1.0)

        def reached(now: datetime, share: float) -> None:
            bar.update(task, completed=share, description=f"{now:%a %d %b %Y}")

        async with scratch(url) as database:
            return await perform(database, prepared, until=until, progress=reached)


def _faulty_text(name: str, text: str, found: Sequence[Any]) -> int:
    """What `check` says, and what keeps the text from being run."""
    from headless.dsl.render import terminal

    say(terminal(text, found, name=name, colours=colours(sys.stderr)))
    raise Failure(f"{name} has faults", "mend the text and try again")


def _warn(name: str, prepared: "Prepared") -> None:
    from headless.dsl.render import terminal

    if prepared.warnings:
        found = prepared.warnings
        say(terminal(prepared.text, found, name=name, colours=colours(sys.stderr)))


def _print(simulated: "Simulated") -> None:
    import msgspec

    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(simulated), indent=2) + b"\n")
    sys.stdout.buffer.flush()


# ---------------------------------------------------------------- for a person


def _tell(simulated: "Simulated", prepared: "Prepared") -> None:
    """The journal as a table, what became of the contacts, and the numbers."""
    from headless.cli.output import print_table
    from headless.simulation.times import shown

    journal = simulated.journal
    print_table(
        ("time (UTC)", "contact", "run", "line", "step", "outcome", "reason"),
        (
            (shown(line.at), line.contact, line.run, line.line or "", line.step, line.outcome,
             line.reason or "")
            for line in journal[:_SHOWN]
        ),
    )  # fmt: skip
    if len(journal) > _SHOWN:
        answer(f"… and {len(journal) - _SHOWN:,} more lines; --json has all of them")
    runs = ", ".join(f"{many} {state}" for state, many in simulated.stats["enrollments"].items())
    messages = sum(len(person.messages) for person in simulated.contacts.values())
    answer("")
    answer(f"{len(simulated.contacts):,} contacts: {runs or 'nobody has entered'}")
    answer(f"{messages:,} messages")
    if not journal:
        say(_nobody(prepared))


def _nobody(prepared: "Prepared") -> str:
    """Why nobody has entered, as far as the text tells."""
    named = [s.segment for s in prepared.plan.sources if s.segment is not None]
    if named:
        return f"→ who is in `{named[0]}` enters: give contacts a column `segments`"
    return "→ nobody did what the campaign begins with: give it a file of activities"
