"""How every command answers: the answer on stdout, the rest on stderr, and what an exit code means.

A person on a terminal gets a table; a program, or whoever asks with `--json`, gets one JSON
document. Imports only click, msgspec and (when a table is drawn) rich.
"""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from typing import Any, TypeVar

import click
import msgspec

F = TypeVar("F", bound=Callable[..., Any])


class Exit(IntEnum):
    """What a command ends with."""

    FINE = 0
    NOT_FINE = 1  # the thing asked about: a fault in a text, a failed job
    USAGE = 2
    CHANGES = 3
    NOT_AUTHENTICATED = 4
    CONFLICT = 5
    TRY_AGAIN = 75
    INTERRUPTED = 130


class Failure(Exception):  # noqa: N818 - it is an answer, not a fault of the program
    """A command that cannot do as asked: what happened, what to do, and the exit code."""

    def __init__(self, message: str, fix: str, code: Exit = Exit.NOT_FINE) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.code = code


def report_failure(failure: Failure) -> None:
    """Say on stderr what happened, and in a last line what to do."""
    say(f"{click.style('error', fg='red', bold=True)}: {failure.message}")
    say(f"→ {failure.fix}")


def say(line: str = "") -> None:
    """A line for the person, on stderr."""
    click.echo(line, err=True, color=None if colours(sys.stderr) else False)


def answer(text: str) -> None:
    """The answer itself, on stdout."""
    click.echo(text)


def agree(question: str, *, yes: bool, command: str) -> None:
    """Go on only when the person agrees, or has by `--yes`; Failure where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Failure("this needs your word", f"{command} --yes", Exit.USAGE)
    click.confirm(question, abort=True, err=True)


def colours(stream: Any) -> bool:
    """Whether a stream takes colours: a terminal, unless NO_COLOR says otherwise."""
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR")


def json_option(command: F) -> F:
    """The `--json / --text` switch; the command gets `as_json`, settled for this stdout."""

    def settle(_context: click.Context, _option: click.Parameter, value: bool | None) -> bool:
        return not sys.stdout.isatty() if value is None else value

    return click.option(
        "--json/--text",
        "as_json",
        default=None,
        callback=settle,
        help="Answer as JSON or as text; by default text on a terminal, JSON elsewhere.",
    )(command)


def print_json(value: Any) -> None:
    """One document, indented, keys in the order in which they were given."""
    answer(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns for a person."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", show_header=bool(any(heads)))
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    Console(no_color=not colours(sys.stdout), highlight=False, markup=False).print(table)
