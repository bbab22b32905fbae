"""Names: what the words of a campaign stand for in one workspace, as database ids and field types.

A plan holds names; `resolve` turns them into ids once, when a version is stored, so that a rename
later changes nothing. Tags, activities, groups of points and companies come into being by use.
Imports storage and the tree of the language.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
from sqlalchemy import Table, Text, cast, func, select
from sqlalchemy.dialects.postgresql import JSONB, insert

from headless.dsl import ast
from headless.dsl.names import named_things
from headless.problems import Problem
from headless.storage import tables
from headless.storage.database import WORKSPACES, Transaction
from headless.storage.many import many

Kind = str
LONGEST: Final = 200
"""How many characters a name may have that comes into being by use."""
BUILT_IN_FIELDS: Final = {
    "email": "text",
    "phone": "text",
    "preferred_channel": "text",
    "external_id": "text",
    "time_zone": "text",
    "timezone": "text",
    "points": "number",
    "stage": "text",
    "owner": "text",
    "created_at": "datetime",
    "updated_at": "datetime",
}

_TABLES: Final[dict[Kind, Table]] = {
    "email": tables.email,
    "segment": tables.segment,
    "campaign": tables.campaign,
    "tag": tables.tag,
    "field": tables.field,
    "company": tables.company,
    "stage": tables.stage,
    "owner": tables.member,
    "group": tables.point_group,
    "form": tables.form,
    "page": tables.page,
    "asset": tables.asset,
    "slot": tables.slot,
    "content": tables.content,
    "sms": tables.sms,
    "push message": tables.push_message,
    "message": tables.multi_message,
    "webhook": tables.webhook,
    "integration": tables.integration,
}
_BY_USE: Final = frozenset({"tag", "event", "group", "company"})


BUILT_IN_REFS: Final = {
    "email": -1, "phone": -2, "preferred_channel": -3, "external_id": -4, "time_zone": -5,
    "timezone": -5, "points": -6, "stage": -7, "owner": -8,
}  # fmt: skip
"""The numbers that stand for the built-in fields where an activity is about a field."""
COMPANY_FIELDS: Final = {
    "name": "text",
    "points": "number",
    "created_at": "datetime",
    "updated_at": "datetime",
}
"""What every company has of itself."""


class Names(msgspec.Struct, frozen=True, omit_defaults=True):
    """The ids of names, and the types of fields: `{"email:welcome": 3}`, `{"country": "text"}`.

    `company` are the types of the companies' fields, `answers` those of the forms' (`demo.budget`).
    """

    ids: dict[str, int] = {}
    fields: dict[str, str] = {}
    company: dict[str, str] = {}
    answers: dict[str, str] = {}

    def id(self, kind: Kind, name: str) -> int:
        """The id of a name; raises KeyError for one that was not resolved."""
        return self.ids[key(kind, name)]

    def field(self, name: str) -> str:
        """A contact field's type; text for one that nobody declared."""
        return BUILT_IN_FIELDS.get(name) or self.fields.get(name, "text")

    def field_ref(self, name: str) -> int:
        """The number by which `changed FIELD` knows a field; the built-in ones have negative ones.

        Raises KeyError for one that was not resolved.
        """
        return BUILT_IN_REFS.get(name) or self.id("field", name)

    def company_field(self, name: str) -> str:
        """A company field's type; text for one that nobody declared."""
        return COMPANY_FIELDS.get(name) or self.company.get(name, "text")

    def answer(self, form: str, field: str) -> str:
        """The type of a form's field; text for one that nobody declared."""
        return self.answers.get(f"{form.lower()}.{field}", "text")


class Event(msgspec.Struct, frozen=True):
    """Something that contacts do, and the types of the properties that it was seen with."""

    id: int
    name: str
    properties: dict[str, str]
    created_at: datetime


async def events(tx: Transaction, workspace_id: int, *, limit: int, above: int = 0) -> list[Event]:
    """The workspace's events in the order in which they were first seen, those behind `above`."""
    s = tables.subject.c
    rows = await tx.execute(
        select(s.id, s.name, s.properties, s.created_at)
        .where(s.workspace_id == workspace_id, s.kind == "event", s.id > above)
        .order_by(s.id)
        .limit(limit)
    )
    return [Event(*row) for row in rows]


def key(kind: Kind, name: str) -> str:
    """How a name stands in `Names.ids`; case does not matter."""
    return f"{kind}:{name.casefold()}"


def everything(value: Any) -> Iterator[ast.Node]:
    """Every node of the tree inside a plan, a step or a condition."""
    if isinstance(value, ast.Node):
        yield from ast.walk(value)
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from everything(getattr(value, field))
    elif isinstance(value, tuple):
        for item in value:
            yield from everything(item)


def spoken_of(node: ast.Node) -> Iterator[tuple[Kind, str]]:
    """The kinds and the names that a node speaks of."""
    for name, sort in named_things(node):
        yield sort, name.text
    match node:
        case (
            ast.FieldChanged(field=field)
            | ast.SetField(field=field)
            | ast.ClearField(field=field)
            | ast.AtField(field=field)
            | ast.AroundField(field=field)
        ):
            if field.scope == "contact" and field.name not in BUILT_IN_FIELDS:
                yield "field", field.name
        case _:
            pass


async def resolve(
    tx: Transaction, workspace_id: int, parts: Iterable[Any], *, now: datetime
) -> Names:
    """The ids of everything that the parts (plans, conditions) speak of.

    Raises Problem `not_found` for a name that must exist and does not.
    """
    wanted: dict[Kind, set[str]] = {}
    for part in parts:
        for node in everything(part):
            for kind, name in spoken_of(node):
                wanted.setdefault(kind, set()).add(name)
        for kind, name in _of_sources(part):
            wanted.setdefault(kind, set()).add(name)
    ids: dict[str, int] = {}
    for kind, names in wanted.items():
        found = await _ids(tx, workspace_id, kind, names, now)
        ids |= {key(kind, name): number for name, number in found.items()}
        if missing := sorted(name for name in names if key(kind, name) not in ids):
            raise Problem("not_found", f"there is no {kind} called `{missing[0]}`; make it first")
    types = await _types(tx, workspace_id)
    answers = {
        f"{form}.{field}": type_
        for form, fields in types.forms.items()
        if key("form", form) in ids
        for field, type_ in fields.items()
    }
    return Names(ids, types.contact, types.company, answers)


class _Types(msgspec.Struct, frozen=True):
    contact: dict[str, str] = {}
    company: dict[str, str] = {}
    forms: dict[str, dict[str, str]] = {}


async def _types(tx: Transaction, workspace_id: int) -> _Types:
    """The types of all fields that a text can compare, in one look."""

    def fields(table: Table) -> Any:
        pairs = func.jsonb_object_agg(table.c.name, table.c.type)
        of = select(func.coalesce(pairs, cast({}, JSONB))).where(
            table.c.workspace_id == workspace_id
        )
        return of.scalar_subquery()

    of_forms = func.jsonb_object_agg(func.lower(tables.form.c.name), tables.form.c.fields)
    forms = (
        select(func.coalesce(of_forms, cast({}, JSONB)))
        .where(tables.form.c.workspace_id == workspace_id)
        .scalar_subquery()
    )
    found = select(fields(tables.field), fields(tables.company_field), forms)
    return _Types(*(await tx.execute(found)).one())


def _of_sources(part: Any) -> Iterator[tuple[Kind, str]]:
    for source in getattr(part, "sources", ()):
        if source.segment is not None:
            yield "segment", source.segment
        if source.form is not None:
            yield "form", source.form
        if source.sent is not None:
            yield source.channel, source.sent


async def _ids(
    tx: Transaction, workspace_id: int, kind: Kind, names: set[str], now: datetime
) -> dict[str, int]:
    if kind in _BY_USE:
        return await made(tx, workspace_id, kind, names, now=now)
    table = _TABLES[kind]
    folded = {name.casefold(): name for name in names}
    rows = await tx.execute(
        select(table.c.id, table.c.name).where(
            table.c.workspace_id == workspace_id,
            func.lower(table.c.name).in_([name.lower() for name in names]),
        )
    )
    # an exact match goes before one that only ignores case
    found: dict[str, int] = {}
    for row in sorted(rows, key=lambda row: row.name in names):
        found[folded.get(row.name.casefold(), row.name)] = row.id
    return found


async def tags(tx: Transaction, workspace_id: int, names: Iterable[str]) -> dict[str, int]:
    """The ids of tags by the names as given; those that are new are made."""
    values = [{"workspace_id": workspace_id, "name": name} for name in _once(names)]
    return await _made(tx, tables.tag, values, _known(tables.tag, workspace_id))


async def subjects(
    tx: Transaction, workspace_id: int, kind: Kind, names: Iterable[str], *, now: datetime
) -> dict[str, int]:
    """The ids of the names of activities (`event`); those that are new are made."""
    values = [
        {"workspace_id": workspace_id, "kind": kind, "name": name, "created_at": now}
        for name in _once(names)
    ]
    return await _made(tx, tables.subject, values, _known(tables.subject, workspace_id, kind))


async def made(
    tx: Transaction, workspace_id: int, kind: Kind, names: Iterable[str], *, now: datetime
) -> dict[str, int]:
    """The ids of things that need no more than a name, by the names as given; new ones are made.

    For tags, activities, groups of points, companies, stages, colleagues, slots, and whatever else
    has a default for all its columns.
    """
    if kind == "tag":
        return await tags(tx, workspace_id, names)
    if kind == "event":
        return await subjects(tx, workspace_id, kind, names, now=now)
    table = _TABLES[kind]
    more = {"updated_at": now} if "updated_at" in table.c else {}
    values = [
        {"workspace_id": workspace_id, "name": name, "created_at": now, **more}
        for name in _once(names)
    ]
    return await _made(tx, table, values, _known(table, workspace_id))


def _once(names: Iterable[str]) -> list[str]:
    """Each name once, however it is capitalised, in an order that keeps two writers apart.

    Raises Problem `invalid_value` for one that is longer than any index takes.
    """
    once = sorted({name.lower(): name for name in sorted(names)}.values(), key=str.lower)
    for name in once:
        if len(name) > LONGEST:
            raise Problem(
                "invalid_value", f"`{name[:40]}…` is too long for a name: {LONGEST} characters"
            )
    return once


@lru_cache(maxsize=2 * WORKSPACES)
def _known(table: Table, workspace_id: int, kind: Kind | None = None) -> Any:
    """The ids of what is there by `:named`, names in lower case."""
    lowered = func.lower(table.c.name)
    query = select(lowered, table.c.id).where(
        table.c.workspace_id == workspace_id, lowered == many("named", Text).any_()
    )
    return query if kind is None else query.where(table.c.kind == kind)


async def _made(
    tx: Transaction, table: Table, values: list[dict[str, Any]], known: Any
) -> dict[str, int]:
    if not values:
        return {}
    wanted = {value["name"].lower(): value["name"] for value in values}
    named = {"named": list(wanted)}
    found = {row[0]: row[1] for row in await tx.execute(known, named)}
    if new := [value for value in values if value["name"].lower() not in found]:
        await tx.execute(insert(table).values(new).on_conflict_do_nothing())
        found = {row[0]: row[1] for row in await tx.execute(known, named)}
    return {wanted[name]: number for name, number in found.items()}
