"""`headless export`: contacts, activities, or all that is kept of one person, into a file."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import click
import httpx

from headless.cli.client import Client, connected, contact_id, refusal, segment
from headless.cli.group import Group
from headless.cli.output import Exit, Failure, say

if TYPE_CHECKING:
    from collections.abc import Iterator

_STDOUT: Final = Path("-")
_OUTPUT = click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    default="-", show_default=True, metavar="FILE|-", help="Where to.",
)  # fmt: skip


@click.group("export", cls=Group)
def command_export() -> None:
    """Take data along; it needs a token with the scope `contacts:export`."""


@command_export.command("contacts")
@click.option("--tag", help="Only those who have this tag.")
@click.option("--segment", "among", help="Only those in this segment.")
@_OUTPUT
def export_contacts(tag: str | None, among: str | None, output: Path) -> None:
    """Export contacts, a line of JSON each, which `headless import contacts` takes."""
    with connected() as client:
        _save(client, "/v1/exports/contacts", {"tag": tag, "segment": among}, output)


@command_export.command("activities")
@click.option("--since", metavar="TIME", help="Only what was reported from then on.")
@_OUTPUT
def export_activities(since: str | None, output: Path) -> None:
    """Export what contacts did, a line of JSON each."""
    with connected() as client:
        _save(client, "/v1/exports/activities", {"since": since}, output)


@command_export.command("contact")
@click.argument("contact", metavar="EMAIL|ID")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE|-", help="Where to; by default a file with the contact's id as its name.",
)  # fmt: skip
def export_contact(contact: str, output: Path | None) -> None:
    """Export all that is kept of one person, as a ZIP: for whoever asks what you have."""
    with connected() as client:
        known = contact_id(client, contact)
        path = f"/v1/contacts/{segment(known)}/export"
        _save(client, path, {}, output or Path(f"{known}.zip"))


def _save(client: Client, path: str, query: dict[str, str | None], output: Path) -> None:
    """Write the answer as it comes; a file is there when it is whole, or not at all."""
    given = {name: value for name, value in query.items() if value is not None}
    try:
        with client.http.stream("GET", path, params=given) as answered:
            if not answered.is_success:
                answered.read()
                raise refusal(answered)
            with _opened(output) as file:
                for piece in answered.iter_bytes():
                    file.write(piece)
    except httpx.TransportError as error:
        raise client.away(error) from error
    if output != _STDOUT:
        say(f"{output.stat().st_size:,} bytes in {output}")


@contextmanager
def _opened(output: Path) -> "Iterator[IO[bytes]]":
    if output == _STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    partly = output.with_name(output.name + ".part")
    try:
        handle = os.open(partly, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
            partly.replace(output)
        finally:
            partly.unlink(missing_ok=True)
    except OSError as error:
        raise Failure(
            f"{output} cannot be written: {error.strerror}", "name a place that can be", Exit.USAGE
        ) from error
