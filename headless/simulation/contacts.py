"""The contacts of a simulation: read from rows, checked, their fields typed by their values.

Columns: `id`, `email`, `phone`, `preferred_channel`, `timezone`, `segments` and `tags` (`a;b`, or a
JSON list), `points`, `stage`, `owner`, `company`; every other one is a field. A field is a number,
`yes`/`no`, a date or a time if all its values are, else text. Pure; raises FaultyFileError with
every line that does not fit.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
from msgspec import UNSET

from headless.audience.addresses import normalised
from headless.audience.field_values import FieldType, FieldValue, checked, reader, type_of_cells
from headless.audience.fields import proper_name
from headless.audience.writes import LONGEST_ID, LONGEST_NAME, Write, plain
from headless.problems import Problem
from headless.simulation.faults import Fault, FaultyFileError
from headless.simulation.rows import Row
from headless.workspace.zones import zone

T = TypeVar("T")
WHAT: Final = "contacts"
_ALIASES: Final = {
    "external_id": "id",
    "e_mail": "email",
    "email_address": "email",
    "timezone": "time_zone",
    "tag": "tags",
    "segment": "segments",
}
_TEXTS: Final = ("phone", "preferred_channel", "stage", "owner")
COLUMNS: Final = frozenset(
    ("id", "email", "time_zone", "segments", "tags", "points", "company", *_TEXTS)
)
_MOST_POINTS: Final = 1_000_000_000


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One contact at the start; `fields` are checked values by their names.

    `texts` are the other columns of its own: phone, preferred channel, stage, owner.
    """

    id: str
    line: int = 0
    email: str | None = None
    time_zone: str | None = None
    texts: Mapping[str, str] = {}
    company: str | None = None
    points: int = 0
    segments: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    fields: Mapping[str, FieldValue] = {}

    def write(self) -> Write:
        """The contact as `audience` writes it; points and segments are added by other ways."""
        return Write(
            external_id=self.id,
            email=self.email if self.email is not None else UNSET,
            time_zone=self.time_zone,
            fields=self.fields,
            add_tags=self.tags,
            phone=self.texts.get("phone", UNSET),
            preferred_channel=self.texts.get("preferred_channel", UNSET),
            stage=self.texts.get("stage", UNSET),
            owner=self.texts.get("owner", UNSET),
        )


class Roster(msgspec.Struct, frozen=True):
    """All contacts, and the types of the fields that have values."""

    people: tuple[Person, ...]
    types: Mapping[str, FieldType] = {}


def read(rows: Sequence[Row]) -> Roster:
    """The contacts in rows; without any column `email` each gets an address of its own."""
    faults: list[Fault] = []
    known = [(row, _named(row, faults)) for row in rows]
    table = any(row.from_table for row in rows)
    types = {
        name: inferred((cells[name] for _, cells in known if _is_set(cells.get(name))), table=table)
        for name in dict.fromkeys(name for _, cells in known for name in cells)
        if name not in COLUMNS and any(_is_set(cells.get(name)) for _, cells in known)
    }
    addressed = any("email" in cells for _, cells in known)
    people: list[Person] = []
    for row, cells in known:
        try:
            people.append(_person(row.line, cells, types, addressed=addressed))
        except ValueError as error:
            faults.append(Fault(row.line, str(error)))
    faults += _twice(people)
    if faults:
        raise FaultyFileError(WHAT, faults)
    return Roster(tuple(people), types)


def column(name: str) -> str:
    """The column or field that a heading or a key means; ValueError for what cannot be one."""
    target = re.sub(r"[\s\-.]+", "_", name.strip())
    plain_name = _ALIASES.get(target.lower(), target.lower())
    if plain_name in COLUMNS:
        return plain_name
    try:
        return proper_name(target)
    except Problem as problem:
        raise ValueError(problem.detail) from problem


def _named(row: Row, faults: list[Fault]) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for name, value in row.cells.items():
        try:
            target = column(name)
        except ValueError as error:
            faults.append(Fault(row.line, str(error)))
            continue
        if target in cells:
            faults.append(Fault(row.line, f"`{name}` and another one are both for `{target}`"))
        cells[target] = value
    return cells


def _is_set(value: Any) -> bool:
    return value is not None and value != ""


def inferred(values: Iterable[Any], *, table: bool = False) -> FieldType:
    """The narrowest type that all values of a field fit; in JSON, `"12"` in quotes is text."""
    several = list(values)
    kinds = {bool: "boolean", int: "number", float: "number"}
    found = {kinds.get(type(value), "text") for value in several}
    if found == {"boolean"}:
        return "boolean"
    if found == {"number"}:
        return "number"
    if found != {"text"}:
        return "text"
    return type_of_cells([str(value) for value in several], numbers=table)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def fitted(type_: FieldType, value: Any) -> FieldValue:
    """A value as a field of this type keeps it; ValueError with what would fit."""
    if isinstance(value, str) and type_ != "text":
        return reader(type_)(value)
    if type_ == "text" and isinstance(value, bool | int | float):
        value = _cell(value)
    return checked(type_, value)


def _person(
    line: int, cells: Mapping[str, Any], types: Mapping[str, FieldType], *, addressed: bool
) -> Person:
    identity = _text(cells, "id", LONGEST_ID)
    if identity is None:
        raise ValueError("`id` is missing; it is how activities name this contact")
    email = _text(cells, "email", 254)
    if not addressed:
        email = made_up_address(identity, line)
    zone_ = _text(cells, "time_zone", 64)
    fields = {
        name: _checked(name, partial(fitted, types[name]), value)
        for name, value in cells.items()
        if name in types and _is_set(value)
    }
    return Person(
        id=identity,
        line=line,
        email=None if email is None else _checked("email", normalised, email),
        time_zone=None if zone_ is None else _checked("timezone", zone, zone_),
        texts={
            name: text for name in _TEXTS if (text := _text(cells, name, LONGEST_NAME)) is not None
        },
        company=_text(cells, "company", LONGEST_NAME),
        points=points(cells.get("points")),
        segments=names(cells.get("segments")),
        tags=names(cells.get("tags")),
        fields=fields,
    )


def _checked(name: str, check: Callable[[Any], T], value: Any) -> T:
    """The value as `check` answers it; ValueError names the column and the value."""
    try:
        return check(value)
    except (Problem, ValueError) as error:
        detail = error.detail if isinstance(error, Problem) else str(error)
        told = "" if f"`{value}`" in detail else f"`{str(value)[:60]}`: "
        raise ValueError(f"`{name}`: {told}{detail}") from error


def _text(cells: Mapping[str, Any], name: str, longest: int) -> str | None:
    value = cells.get(name)
    if not _is_set(value):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"`{name}` must be text")
    return plain(str(value), longest)


def points(value: Any) -> int:
    """A number of points; none for nothing."""
    if not _is_set(value):
        return 0
    number = _checked("points", partial(fitted, "number"), value)
    if not isinstance(number, int) or abs(number) > _MOST_POINTS:
        raise ValueError("`points` must be a whole number")
    return number


def names(value: Any) -> tuple[str, ...]:
    """`a;b` or a list of names, each once."""
    if not _is_set(value):
        return ()
    several = value.split(";") if isinstance(value, str) else value
    if not isinstance(several, list) or not all(isinstance(each, str) for each in several):
        raise ValueError("names are written as `a;b`, or as a JSON list")
    plain_names = (plain(each, LONGEST_NAME) for each in several if each.strip())
    return tuple(dict.fromkeys(plain_names))


def made_up_address(identity: str, line: int) -> str:
    """An address for a contact of a file that has none; no mail ever goes there."""
    local = re.sub(r"[^a-z0-9]+", "-", identity.lower()).strip("-")
    fits = local == identity and len(local) <= 40
    return f"{local if fits else f'contact-{line}'}@example.org"


def _twice(people: Sequence[Person]) -> Iterable[Fault]:
    seen: dict[tuple[str, str], int] = {}
    for person in people:
        keys = [("id", person.id)]
        if person.email is not None:
            keys.append(("email", person.email.lower()))
        for key in keys:
            if (first := seen.setdefault(key, person.line)) != person.line:
                told = f"the {key[0]} `{key[1]}` stands on line {first} already"
                yield Fault(person.line, told)
                break
