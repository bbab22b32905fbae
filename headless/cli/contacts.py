"""`headless import contacts`: a CSV file, from here or from afar, into the workspace."""

import base64
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from headless.cli.client import Client, connected, segment
from headless.cli.group import Group
from headless.cli.output import Exit, Failure, answer, json_option, print_json, say

_PIECE: Final = 256 * 1024
_WAIT_SECONDS: Final = 2
_SHOWN_FAULTS: Final = 10
_AFAR: Final = ("https://", "http://")


@click.group("import", cls=Group)
def command_import() -> None:
    """Bring contacts in."""


@command_import.command("contacts")
@click.argument("file", metavar="FILE.csv|URL")
@click.option("--dry-run", is_flag=True, help="Count and list faults without writing.")
@click.option(
    "--on-conflict",
    type=click.Choice(["update", "skip", "fail"]),
    help="What to do with a contact that is already there.",
)
@click.option(
    "--on-missing-field",
    type=click.Choice(["create", "ignore", "fail"]),
    help="What to do with a column that is no field yet.",
)
@json_option
def import_contacts(
    file: str,
    dry_run: bool,
    on_conflict: str | None,
    on_missing_field: str | None,
    as_json: bool,
) -> int:
    """Import contacts from a CSV file whose first line names the fields.

    Good rows come in, faulty ones are listed with their line and the reason. A file at an address
    (https://…) is fetched by a worker.
    """
    query = {
        "dry_run": "true" if dry_run else None,
        "on_conflict": on_conflict,
        "on_missing_field": on_missing_field,
    }
    with connected() as client:
        job = _followed(client, file, {name: value for name, value in query.items() if value})
        faults = _faults(client, job)
    if as_json:
        print_json({**job, "errors": faults})
    else:
        counts = ", ".join(f"{count} {what}" for what, count in job["counts"].items())
        answer(f"{file}: {counts or job['state']}")
        for fault in faults[:_SHOWN_FAULTS]:
            say(f"  line {fault.get('line', '?')}: {fault.get('reason') or fault.get('message')}")
        if len(faults) > _SHOWN_FAULTS:
            say(f"  and {len(faults) - _SHOWN_FAULTS} more; `--json` lists them")
    if job["state"] != "done":
        raise Failure(
            f"the import ended as {job['state']}: {job.get('detail') or 'no reason is known'}",
            "mend the file and import it again; what came in already is updated, not doubled",
        )
    return Exit.FINE


def _followed(client: Client, file: str, query: dict[str, str]) -> Any:
    """Send the file, or where it stands, and follow the job to its end."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    ) as progress:
        if file.startswith(_AFAR):
            job = client.post("/v1/imports", {"url": file}, **query)
        else:
            job = _sent(client, _there(file), query, progress)
        writing = progress.add_task("importing", total=job.get("total"))
        while job["state"] in ("queued", "running"):
            progress.update(writing, completed=job["done"], total=job.get("total"))
            job = client.get(f"/v1/jobs/{segment(job['id'])}", wait=_WAIT_SECONDS)
    return job


def _there(file: str) -> Path:
    path = Path(file)
    if not path.is_file():
        raise Failure(f"there is no file {file}", "name a file, or a URL", Exit.USAGE)
    return path


def _sent(client: Client, file: Path, query: dict[str, str], progress: Progress) -> Any:
    sending = progress.add_task("sending", total=file.stat().st_size)
    with file.open("rb") as source:
        return client.ask(
            "POST",
            "/v1/imports",
            content=_pieces(source, progress, sending),
            headers={"Content-Type": _media(file), "Repr-Digest": _digest(file)},
            params=query,
        ).json()


def _media(file: Path) -> str:
    return "application/x-ndjson" if file.suffix in (".ndjson", ".jsonl") else "text/csv"


def _digest(file: Path) -> str:
    """By which an import that has stopped is known again."""
    with file.open("rb") as source:
        found = hashlib.file_digest(source, "sha256").digest()
    return f"sha-256=:{base64.b64encode(found).decode()}:"


def _pieces(source: BinaryIO, progress: Progress, task: Any) -> Iterator[bytes]:
    while piece := source.read(_PIECE):
        yield piece
        progress.advance(task, len(piece))


def _faults(client: Client, job: Any) -> list[Any]:
    url = job.get("errors_url")
    if not url:
        return []
    found = client.get(url)
    return list(found["data"] if isinstance(found, dict) else found)
