"""`NAME=VALUE`: how what an activity or a message carries is written at a prompt.

A value that is JSON is taken as such (`12.5`, `true`, `["a"]`), every other one as text. Imports
only click and msgspec.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
import msgspec

F = TypeVar("F", bound=Callable[..., Any])


def properties_argument(command: F) -> F:
    """The argument `[NAME=VALUE]...`; the command gets `given`, a dictionary."""

    def read(_context: click.Context, _parameter: click.Parameter, pairs: Any) -> dict[str, Any]:
        return properties(pairs)

    return click.argument("given", metavar="[NAME=VALUE]...", nargs=-1, callback=read)(command)


def properties(pairs: Sequence[str]) -> dict[str, Any]:
    """The pairs as one dictionary; raises click.BadParameter for what is no pair."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise click.BadParameter(f"`{pair}` is not NAME=VALUE, such as `plan=pro`")
        if name in found:
            raise click.BadParameter(f"`{name}` is given twice")
        found[name] = _value(value)
    return found


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
