"""Components as they are stored: one, a page of them, the saves of one. Writing is `components`'.

Imports `kinds` and storage.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, Select, and_, func, select

from headless.content.kinds import Kind
from headless.problems import Problem
from headless.storage import tables
from headless.storage.database import Transaction

_history = tables.component_version


class Component(msgspec.Struct, frozen=True):
    """A component at a version: `written` is what its author gave, `row` what is used now."""

    id: int
    name: str
    version: int
    written: dict[str, Any]
    row: dict[str, Any]
    created_at: datetime
    updated_at: datetime


async def get(
    tx: Transaction, kind: Kind, workspace_id: int, number: int, version: int | None = None
) -> Component:
    """A component at its newest version, or as it was written at another; Problem `not_found`."""
    query = _reading(kind, workspace_id, version).where(kind.table.c.id == number)
    row = (await tx.execute(query)).first()
    if row is None or (version is not None and row.written_then is None):
        raise Problem("not_found", f"there is no such {kind.word} here, or not in that version")
    return (await _read(tx, kind, workspace_id, [row], version))[0]


async def find(tx: Transaction, kind: Kind, workspace_id: int, name: str) -> int | None:
    """The number of the component of that name, without regard to case."""
    number: int | None = await tx.scalar(
        select(kind.table.c.id).where(
            kind.table.c.workspace_id == workspace_id,
            func.lower(kind.table.c.name) == name.strip().lower(),
        )
    )
    return number


async def listing(
    tx: Transaction, kind: Kind, workspace_id: int, *, after_id: int, limit: int
) -> list[Component]:
    """Components in the order they were made, those after a number."""
    query = (
        _reading(kind, workspace_id, None)
        .where(kind.table.c.id > after_id)
        .order_by(kind.table.c.id)
        .limit(limit)
    )
    return await _read(tx, kind, workspace_id, list(await tx.execute(query)), None)


async def versions(
    tx: Transaction, kind: Kind, workspace_id: int, number: int, *, before: int | None, limit: int
) -> list[tuple[int, datetime]]:
    """The saves of a component, the newest first, those before a version."""
    query = (
        select(_history.c.version, _history.c.created_at)
        .where(*of(kind, workspace_id, number))
        .order_by(_history.c.version.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(_history.c.version < before)
    return [(row.version, row.created_at) for row in await tx.execute(query)]


def of(kind: Kind, workspace_id: int, number: int) -> tuple[Any, ...]:
    """The conditions that pick the saves of a component."""
    return (
        _history.c.workspace_id == workspace_id,
        _history.c.kind == kind.word,
        _history.c.component_id == number,
    )


def _reading(kind: Kind, workspace_id: int, version: int | None) -> Select[*tuple[Any, ...]]:
    table = kind.table
    wanted = table.c.version if version is None else version
    return (
        select(
            table,
            _history.c.written.label("written_then"),
            _history.c.created_at.label("written_at"),
        )
        .outerjoin(
            _history,
            and_(
                _history.c.workspace_id == table.c.workspace_id,
                _history.c.kind == kind.word,
                _history.c.component_id == table.c.id,
                _history.c.version == wanted,
            ),
        )
        .where(table.c.workspace_id == workspace_id)
    )


async def _read(
    tx: Transaction,
    kind: Kind,
    workspace_id: int,
    rows: Sequence[Row[*tuple[Any, ...]]],
    version: int | None,
) -> list[Component]:
    names = {member: await _part_names(tx, workspace_id, kind, member, rows) for member in
             kind.parts} if version is None else {}  # fmt: skip
    found = []
    for row in rows:
        values = dict(row._mapping)
        written = values["written_then"]
        if written is None:  # made by use, or by an import: its columns say all there is
            members = [field.name for field in msgspec.structs.fields(kind.write)]
            written = {name: values[name] for name in members if name in values and name != "name"}
        for member, known in names.items():
            number = values[kind.parts[member][2]]
            written = {**written, member: None if number is None else known.get(number)}
        found.append(
            Component(
                row.id,
                row.name,
                row.version if version is None else version,
                written,
                values,
                row.created_at,
                row.written_at or row.updated_at or row.created_at,
            )
        )
    return found


async def _part_names(
    tx: Transaction, workspace_id: int, kind: Kind, member: str, rows: Sequence[Row[Any]]
) -> dict[int, str]:
    """The names, as they are now, of the components that some rows name."""
    _, table, column = kind.parts[member]
    numbers = sorted({row._mapping[column] for row in rows} - {None})
    if not numbers:
        return {}
    found = await tx.execute(
        select(table.c.id, table.c.name).where(
            table.c.workspace_id == workspace_id, table.c.id.in_(numbers)
        )
    )
    return {each.id: each.name for each in found}
