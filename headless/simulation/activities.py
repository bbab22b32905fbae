"""The activities of a simulation, one JSON object a line, in the language's own words.

`{"at": "+2d3h", "contact": "7", "did": "opened email Welcome", "properties": {…}}`, or `set` for
fields that somebody changes, `sent` for an email that another campaign sends, and `campaign` for
what its owner does: `pause`, `resume`, `resume shifted`, and with a contact `add` and `remove`.
Pure; raises FaultyFileError with every line that does not fit.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from headless.dsl import ast
from headless.dsl.near import did_you_mean
from headless.dsl.parser import parse_event
from headless.simulation.contacts import column, names
from headless.simulation.faults import Fault, FaultyFileError
from headless.simulation.rows import Row
from headless.simulation.times import moment

WHAT: Final = "activities"
_KEYS: Final = ("at", "contact", "did", "set", "sent", "campaign", "properties", "id", "happened")
_DEEDS: Final = ("did", "set", "sent", "campaign")
_OWNERS: Final = ("pause", "resume", "resume shifted")
_BY_HAND: Final = ("add", "remove")


class Did(msgspec.Struct, frozen=True):
    """The contact did something; `happened` is when, if it is reported later than that."""

    event: ast.Single
    properties: dict[str, Any] | None = None
    happened: datetime | None = None
    key: str | None = None


class Changed(msgspec.Struct, frozen=True):
    """Somebody changes the contact: raw values by column or field, None to clear."""

    values: Mapping[str, Any]


class Sent(msgspec.Struct, frozen=True):
    """Somebody else, not this campaign, sends the contact an email."""

    email: str


class Steered(msgspec.Struct, frozen=True):
    """The campaign's owner pauses or resumes it."""

    order: str


class Moved(msgspec.Struct, frozen=True):
    """The contact is brought into the campaign by hand, or taken out of it."""

    order: str
    entry: dict[str, Any] | None = None


Deed = Did | Changed | Sent | Steered | Moved


class Cue(msgspec.Struct, frozen=True):
    """One thing that happens at an instant; `line` is where it was read, 0 for our own."""

    at: datetime
    deed: Deed
    contact: str | None = None
    line: int = 0


def read(rows: Sequence[Row], contacts: Collection[str], start: datetime) -> list[Cue]:
    """What happens, in the order of time; at the same instant, in the order of the lines."""
    cues: list[Cue] = []
    faults: list[Fault] = []
    for row in rows:
        try:
            cues.append(_cue(row, contacts, start))
        except ValueError as error:
            faults.append(Fault(row.line, str(error)))
    if faults:
        raise FaultyFileError(WHAT, faults)
    return sorted(cues, key=lambda cue: cue.at)


def _cue(row: Row, contacts: Collection[str], start: datetime) -> Cue:
    cells = row.cells
    for name in cells:
        if name not in _KEYS:
            hint = did_you_mean(name, _KEYS) or f"a line has {', '.join(_KEYS)}"
            raise ValueError(f"there is no `{name}` here; {hint}")
    at = _moment(cells, "at", start)
    if at is None:
        raise ValueError('`at` is missing: `"+2d3h"` after the start, or a time')
    several = [name for name in _DEEDS if name in cells]
    if len(several) != 1:
        raise ValueError(f"a line has one of {', '.join(f'`{name}`' for name in _DEEDS)}")
    who = _contact(cells, contacts, needed=several[0] != "campaign")
    return Cue(at, _deed(several[0], cells, who, at, start), who, row.line)


def _moment(cells: Mapping[str, Any], name: str, start: datetime) -> datetime | None:
    value = cells.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f'`{name}` is text, such as `"+2d3h"` or `"2026-01-05T09:00Z"`')
    return moment(value, start)


def _contact(cells: Mapping[str, Any], contacts: Collection[str], *, needed: bool) -> str | None:
    value = cells.get("contact")
    if value is None and not needed:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("`contact` is missing: the id of who did it")
    who = str(value).strip()
    if who not in contacts:
        hint = did_you_mean(who, contacts) or "its id must stand among the contacts"
        raise ValueError(f"there is no contact `{who}`; {hint}")
    return who


def _deed(
    kind: str, cells: Mapping[str, Any], who: str | None, at: datetime, start: datetime
) -> Deed:
    value = cells[kind]
    given = cells.get("properties")
    if given is not None and not isinstance(given, dict):
        raise ValueError("`properties` is a JSON object")
    if kind == "set":
        return Changed(_values(value))
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"`{kind}` must be text")
    match kind:
        case "did":
            happened = _moment(cells, "happened", start)
            if happened is not None and happened > at:
                raise ValueError("`happened` lies after `at`, when it is reported")
            key = cells.get("id")
            return Did(_event(value), given, happened, None if key is None else str(key))
        case "sent":
            return Sent(_name(value))
        case _:
            return _order(value, who, given)


def _order(value: str, who: str | None, given: dict[str, Any] | None) -> Deed:
    order = " ".join(value.lower().split())
    known = _BY_HAND if who is not None else _OWNERS
    if order not in known:
        other = " (with a `contact`: `add` or `remove`)" if who is None else ""
        told = ", ".join(f"`{each}`" for each in known)
        raise ValueError(f"`campaign` is one of {told}{other}, not `{value}`")
    return Steered(order) if who is None else Moved(order, given)


def _values(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not value:
        raise ValueError('`set` is a JSON object, such as `{"country": "US"}`')
    values: dict[str, Any] = {}
    for name, each in value.items():
        target = column(name)
        if target in ("id", "segments", "company"):
            told = '`"did": "joined segment …"`' if target == "segments" else "it stays as it is"
            raise ValueError(f"`{name}` cannot be set; {told}")
        values[target] = names(each) if target == "tags" else each
    return values


def _name(text: str) -> str:
    """`email Welcome`, `Welcome`: the email that is sent."""
    words = text.strip()
    words = words if words.lower().startswith("email ") else f'email "{words}"'
    event = _event(f"opened {words}")
    if not isinstance(event, ast.EmailOpened) or event.email is None:
        raise ValueError('`sent` names an email, such as `"email Welcome"`')
    return event.email.text


def _event(text: str) -> ast.Single:
    read = parse_event(text)
    event = read.event
    if event is None:
        said = next(iter(read.diagnostics), None)
        more = f": {said.message}" if said is not None else ""
        more += f"; {said.help}" if said is not None and said.help else ""
        raise ValueError(f"`{text}` is no event{more}")
    if isinstance(event, ast.AnyOf | ast.AllOf):
        raise ValueError(f"`{text}` is several events; give each a line of its own")
    if event.times > 1:
        raise ValueError(f"`{text}` happens several times; give each time a line of its own")
    if isinstance(event, ast.Did) and event.where is not None:
        raise ValueError(f"`{text}`: what came with it stands in `properties`, not in `where`")
    return event
