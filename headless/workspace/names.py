"""Names: what the words of a campaign stand for in one workspace, as database ids and field types.

A plan holds names; `resolve` turns them into ids once, when a version is stored, so that a rename
later changes nothing. Tags, event names and the other subjects come into being by being used.
Imports storage and the tree of the language.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Table, func, select
from sqlalchemy.dialects.postgresql import insert

from headless.dsl import ast
from headless.problems import Problem
from headless.storage import tables
from headless.storage.database import Transaction

Kind = str
BUILT_IN_FIELDS: Final = {
    "email": "text",
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
}


class Names(msgspec.Struct, frozen=True):
    """The ids of names, and the types of fields: `{"email:welcome": 3}`, `{"country": "text"}`."""

    ids: dict[str, int] = {}
    fields: dict[str, str] = {}

    def id(self, kind: Kind, name: str) -> int:
        """The id of a name; raises KeyError for one that was not resolved."""
        return self.ids[key(kind, name)]

    def field(self, name: str) -> str:
        """A contact field's type; text for one that nobody declared."""
        return BUILT_IN_FIELDS.get(name) or self.fields.get(name, "text")


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


def spoken_of(node: ast.Node) -> tuple[Kind, str] | None:  # noqa: C901 - one line a kind of node
    """The kind and the name that a node speaks of, if it speaks of one."""
    match node:
        case ast.SendMessage(channel=channel, message=name):
            return channel, name.text
        case (
            ast.EmailOpened(email=ast.Name(text=name)) | ast.EmailClicked(email=ast.Name(text=name))
        ):
            return "email", name
        case (
            ast.EmailBounced(email=ast.Name(text=name)) | ast.LinkClicked(email=ast.Name(text=name))
        ):
            return "email", name
        case ast.Replied(channel=channel, message=ast.Name(text=name)):
            return channel, name
        case ast.PageVisited(page=name) | ast.TimeSpent(page=ast.Name() as name):
            return None if is_pattern(name.text) else ("page", name.text)
        case ast.FormSubmitted(form=ast.Name(text=name)) | ast.Answer(form=ast.Name(text=name)):
            return "form", name
        case ast.AssetDownloaded(asset=ast.Name(text=name)):
            return "asset", name
        case ast.SlotRequested(slot=name):
            return "slot", name.text
        case ast.Joined(gathering=kind, name=name) | ast.Left(gathering=kind, name=name):
            return kind, name.text
        case ast.AddTo(container=kind, name=name) | ast.RemoveFrom(container=kind, name=name):
            return kind, name.text
        case (
            ast.TagGot(tag=name)
            | ast.HasTag(tag=name)
            | ast.AddTag(tag=name)
            | ast.RemoveTag(tag=name)
        ):
            return "tag", name.text
        case ast.StageEntered(stage=name):
            return "stage", name.text
        case ast.Did(activity=name):
            return "event", name.text
        case ast.InSegment(segment=name):
            return "segment", name.text
        case ast.InCampaign(campaign=name) | ast.MoveTo(campaign=name):
            return "campaign", name.text
        case ast.FieldChanged(field=field):
            return "field", field.name
        case _:
            return None


def is_pattern(text: str) -> bool:
    """Whether a page's or a link's text is a pattern and not a name."""
    return "*" in text or text.startswith("/") or "://" in text


async def resolve(
    tx: Transaction, workspace_id: int, parts: Iterable[Any], *, now: datetime
) -> Names:
    """The ids of everything that the parts (plans, conditions) speak of.

    Raises Problem `not_found` for a name that must exist and does not.
    """
    wanted: dict[Kind, set[str]] = {}
    for part in parts:
        for node in everything(part):
            if spoken := spoken_of(node):
                wanted.setdefault(spoken[0], set()).add(spoken[1])
        for segment in _source_segments(part):
            wanted.setdefault("segment", set()).add(segment)
    ids: dict[str, int] = {}
    for kind, names in wanted.items():
        found = await _ids(tx, workspace_id, kind, names, now)
        ids |= {key(kind, name): number for name, number in found.items()}
        if missing := sorted(name for name in names if key(kind, name) not in ids):
            raise Problem("not_found", f"there is no {kind} called `{missing[0]}`; make it first")
    rows = await tx.execute(
        select(tables.field.c.name, tables.field.c.type).where(
            tables.field.c.workspace_id == workspace_id
        )
    )
    return Names(ids, {row[0]: row[1] for row in rows})


def _source_segments(part: Any) -> Iterator[str]:
    for source in getattr(part, "sources", ()):
        if source.segment is not None:
            yield source.segment


async def _ids(
    tx: Transaction, workspace_id: int, kind: Kind, names: set[str], now: datetime
) -> dict[str, int]:
    table = _TABLES.get(kind)
    if table is None:
        return await subjects(tx, workspace_id, kind, names, now=now)
    if kind == "tag":
        return await tags(tx, workspace_id, names)
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
    return await _made(tx, tables.tag, values, tables.tag.c.workspace_id == workspace_id)


async def subjects(
    tx: Transaction, workspace_id: int, kind: Kind, names: Iterable[str], *, now: datetime
) -> dict[str, int]:
    """The ids of events, pages, forms and the like; those that are new are made."""
    values = [
        {"workspace_id": workspace_id, "kind": kind, "name": name, "created_at": now}
        for name in _once(names)
    ]
    mine = (tables.subject.c.workspace_id == workspace_id) & (tables.subject.c.kind == kind)
    return await _made(tx, tables.subject, values, mine)


def _once(names: Iterable[str]) -> list[str]:
    """Each name once, however it is capitalised, in an order that keeps two writers apart."""
    return sorted({name.lower(): name for name in sorted(names)}.values(), key=str.lower)


async def _made(
    tx: Transaction, table: Table, values: list[dict[str, Any]], mine: ColumnElement[bool]
) -> dict[str, int]:
    if not values:
        return {}
    wanted = {value["name"].lower(): value["name"] for value in values}
    lowered = func.lower(table.c.name)
    known = select(lowered, table.c.id).where(mine, lowered.in_(list(wanted)))
    found = {row[0]: row[1] for row in await tx.execute(known)}
    if new := [value for value in values if value["name"].lower() not in found]:
        await tx.execute(insert(table).values(new).on_conflict_do_nothing())
        found = {row[0]: row[1] for row in await tx.execute(known)}
    return {wanted[name]: number for name, number in found.items()}
