"""Whom `headless check` asks: the workspace that is at hand, or nobody.

A workspace is at hand when HEADLESS_TOKEN or HEADLESS_URL is set, or `headless dev` has left a
token in the data folder. One that the environment names must answer, so that a pipeline never
passes unchecked; one that was only left behind may be gone: then names are taken on trust, and
that is said. The API is asked by `client`, which is loaded only then.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from headless.cli.output import Exit, Failure, say
from headless.dsl.catalogue import Catalogue
from headless.dsl.diagnostics import Diagnostic
from headless.dsl.examine import examine
from headless.dsl.render import Report, diagnostic
from headless.dsl.text import MAX_BYTES

if TYPE_CHECKING:
    from headless.cli.client import Client

_ALONE = "add `--standalone` to take names on trust, which asks nobody"


def check_all(
    texts: Iterable[str], *, standalone: bool, catalogue: Path | None = None
) -> list[tuple[Diagnostic, ...]]:
    """What is to be said of each text; raises Failure when the workspace cannot be asked.

    With a catalogue's file nobody is asked: it says what the workspace has.
    """
    if catalogue is not None:
        known = _read(catalogue)
        return [examine(text, known).diagnostics for text in texts]
    named = bool(os.environ.get("HEADLESS_TOKEN") or os.environ.get("HEADLESS_URL"))
    if standalone or not (named or _left_behind()):
        return [_by_itself(text) for text in texts]
    texts = list(texts)
    try:
        return _in_workspace(texts)
    except Failure as failure:
        if named:
            raise Failure(failure.message, f"{failure.fix}; or {_ALONE}", failure.code) from failure
        if failure.code not in (Exit.TRY_AGAIN, Exit.NOT_AUTHENTICATED):
            raise
        say(f"{failure.message}: names are taken on trust")
        return [_by_itself(text) for text in texts]


class _Document(msgspec.Struct, frozen=True):
    """What `GET /v1/catalogue` answers; the rest of it is for people."""

    catalogue: Catalogue


def _read(path: Path) -> Catalogue:
    fix = "save what `GET /v1/catalogue` answers"
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Document).catalogue
    except OSError as error:
        raise Failure(f"`{path}` cannot be read: {error.strerror}", fix, Exit.USAGE) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Failure(f"`{path}` is no catalogue: {error}", fix, Exit.USAGE) from error


def _left_behind() -> bool:
    # All settings are read only when the workspace is asked: a check without one needs none.
    return (Path(os.environ.get("HEADLESS_DATA_DIR") or ".headless") / "token").is_file()


def _by_itself(text: str) -> tuple[Diagnostic, ...]:
    return examine(text).diagnostics


def _in_workspace(texts: list[str]) -> list[tuple[Diagnostic, ...]]:
    """Every text held against the names of the workspace that the API knows."""
    from headless.cli.client import connected

    with connected() as client:
        return [_told(client, text) for text in texts]


def _told(client: "Client", text: str) -> tuple[Diagnostic, ...]:
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return _by_itself(text)
    found = client.post("/v1/check", {"source": text})["diagnostics"]
    return tuple(diagnostic(one) for one in msgspec.convert(found, list[Report]))
