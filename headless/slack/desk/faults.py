"""Faults: what is wrong with a campaign's text, told in a chat, with the mended text to press.

Computes only, but for `reply`, which asks the workspace what it has. Imports the language, `blocks`
and `refusals`.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, cast, get_args

from headless.dsl.catalogue import Catalogue, Sort
from headless.dsl.diagnostics import Diagnostic, apply
from headless.dsl.render import terminal
from headless.slack.desk.finding import near
from headless.slack.desk.refusals import SAY
from headless.slack.kit import blocks
from headless.slack.kit.reply import Block, Reply
from headless.storage.database import Transaction
from headless.workspace.catalogue import load

_MISSING: Final = re.compile(r"there is no ([a-z ]+?) called `(.+)`")
_LISTED: Final = {"email": "emails", "segment": "segments", "form": "forms"}
"""What has a verb of its own that lists it."""
_OFFERED: Final = 3
Again = Callable[[str], str]
"""From a mended text to the command that says it."""


async def reply(
    tx: Transaction,
    workspace_id: int,
    text: str,
    found: Sequence[Diagnostic],
    again: Again | None = None,
) -> Reply:
    """Every fault with its place; `again` makes a command of a mended text, for buttons."""
    catalogue = await load(tx, workspace_id)
    errors = [one for one in found if one.severity == "error"]
    many = "one fault" if len(errors) == 1 else f"{len(errors)} faults"
    said: list[Block] = [blocks.section(f"That text has {many}:"), blocks.code(shown(text, found))]
    buttons = [] if again is None else _buttons(text, errors, catalogue, again)
    if len(errors) == 1 and (nearest := _nearest(errors[0], catalogue)):
        said.append(blocks.context(f"The nearest: {' · '.join(map(blocks.quoted, nearest))}"))
    if buttons:
        said.append(blocks.actions(*buttons))
    return Reply(text=f"That text has {many}: {errors[0].message}", blocks=blocks.fit(said))


def shown(text: str, found: Iterable[Diagnostic]) -> str:
    """The faults as a terminal shows them."""
    return terminal(text, found, name="text")


def _buttons(
    text: str, errors: Sequence[Diagnostic], catalogue: Catalogue, again: Again
) -> list[Block]:
    """One press mends all that can be mended surely, or one name that was not found."""
    made: list[Block] = []
    fixes = [one.fix for one in errors if one.fix is not None]
    if fixes and len(fixes) == len(errors):
        mended = text
        for fix in sorted(fixes, key=lambda fix: fix.edits[0].span.start, reverse=True):
            mended = apply(mended, fix)
        made += _button("Use the mended text", again(mended), 0)
    elif len(errors) == 1 and (match := _MISSING.match(errors[0].message)):
        span = errors[0].span
        for place, name in enumerate(_nearest(errors[0], catalogue)):
            mended = f'{text[: span.start]}"{name}"{text[span.end :]}'
            made += _button(f"Use {name}", again(mended), place)
        listing = _LISTED.get(match[1])
        if listing is not None and (known := len(_known(catalogue, match[1]))):
            made.append(blocks.button(f"Show all {known}", f"{SAY}:all", listing))
    return made


def _button(label: str, command: str, place: int) -> list[Block]:
    if len(command) > blocks.MOST_VALUE:
        return []
    return [blocks.button(label, f"{SAY}:mended{place}", command)]


def _nearest(fault: Diagnostic, catalogue: Catalogue) -> list[str]:
    """The names that may stand in place of one that is not there."""
    match = _MISSING.match(fault.message)
    if match is None or fault.fix is not None:
        return []
    known = _known(catalogue, match[1])
    return near(match[2], known) or known[:_OFFERED]


def _known(catalogue: Catalogue, kind: str) -> list[str]:
    sorts: tuple[str, ...] = get_args(Sort)
    names = catalogue.names(cast(Sort, kind)) if kind in sorts else None
    return sorted(names or (), key=str.casefold)
