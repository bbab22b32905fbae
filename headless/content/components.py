"""Components in the database: saved in versions, read back, deleted when nobody needs them.

One set of statements for every kind that `kinds` describes. A row holds what is used now, with its
snippets in it; `component_version` what its author wrote at each save. Saving a snippet gives each
component that it stands in a new version, or refuses where one could not be stored with it. Imports
`kinds`, `emails`, `stored_snippets`, the workspace's `uses` and storage.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, Select, and_, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from headless import ids
from headless.content import emails, stored_snippets
from headless.content.kinds import BY_WORD, About, Kind, Ready, name_of
from headless.content.snippets import USES_LIMIT
from headless.content.variables import Remark, Use, invalid
from headless.problems import Problem
from headless.seals import Seals
from headless.storage import tables
from headless.storage.database import Transaction
from headless.workspace import uses

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


class Saved(msgspec.Struct, frozen=True):
    """What saving came to, and what is worth a word about it."""

    component: Component
    variables: tuple[Use, ...]
    warnings: tuple[Remark, ...]
    created: bool


async def about(tx: Transaction, workspace_id: int, seals: Seals | None = None) -> About:
    """What the checks may know of a workspace."""
    rows = await tx.execute(
        select(tables.field.c.name, tables.field.c.type).where(
            tables.field.c.workspace_id == workspace_id
        )
    )
    types = {row.name.lower(): row.type for row in rows}
    hosts = await tx.scalar(
        select(tables.site.c.hosts).where(tables.site.c.workspace_id == workspace_id)
    )
    return About(
        workspace_id=workspace_id,
        fields=frozenset(types),
        types=types,
        bodies=await stored_snippets.bodies(tx, workspace_id),
        hosts=frozenset(hosts or ()),
        seals=seals,
    )


async def create(tx: Transaction, kind: Kind, given: Any, known: About, *, now: datetime) -> Saved:
    """Store a new component as version 1; Problem `name_taken`, or what its check refuses."""
    ready = await _ready(tx, kind, given, known)
    name = name_of(given.name)
    table, workspace_id = kind.table, known.workspace_id
    await _refuse_taken(tx, kind, workspace_id, name, ready, None)
    made = await tx.execute(
        upsert(table)
        .values(
            workspace_id=workspace_id,
            name=name,
            created_at=now,
            updated_at=now,
            **ready.columns,
        )
        .on_conflict_do_nothing()
        .returning(table.c.id)
    )
    number = made.scalar()
    if number is None:  # somebody else took it in the same moment
        raise Problem("name_taken", f"there is a {kind.word} `{name}` already")
    await _keep(tx, kind, workspace_id, number, 1, ready, now)
    found = await get(tx, kind, workspace_id, number)
    return Saved(found, ready.variables, ready.warnings, created=True)


async def replace(
    tx: Transaction,
    kind: Kind,
    number: int,
    given: Any,
    known: About,
    *,
    now: datetime,
    expected_version: int | None = None,
) -> Saved:
    """Save the next version; the same once more changes nothing.

    Problem `not_found`, `stale_version`, `name_taken`, or what the check refuses.
    """
    table, workspace_id = kind.table, known.workspace_id
    mine = and_(table.c.workspace_id == workspace_id, table.c.id == number)
    await tx.execute(select(table.c.id).where(mine).with_for_update())
    current = await get(tx, kind, workspace_id, number)
    if expected_version is not None and expected_version != current.version:
        raise Problem(
            "stale_version",
            f"`{current.name}` is at version {current.version} by now; read it again",
            version=current.version,
        )
    ready = await _ready(tx, kind, given, known)
    name = name_of(given.name)
    if kind.word == "snippet" and name.lower() != current.name.lower():
        await _refuse_stands_in(tx, workspace_id, number, current.name, "renamed")
    if kind.secret and kind.secret not in ready.columns:
        ready.written["secrets"] = current.written.get("secrets", [])
    values = {"name": name, **ready.columns}
    same = ready.written == current.written and all(
        current.row[column] == value for column, value in values.items()
    )
    if not same:
        await _refuse_taken(tx, kind, workspace_id, name, ready, number)
        version = current.version + 1
        await tx.execute(
            update(table).where(mine).values(version=version, updated_at=now, **values)
        )
        await _keep(tx, kind, workspace_id, number, version, ready, now)
        if kind.word == "snippet":
            await _carry_on(tx, workspace_id, number, known, now)
    found = await get(tx, kind, workspace_id, number)
    return Saved(found, ready.variables, ready.warnings, created=False)


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
        .where(*_of(kind, workspace_id, number))
        .order_by(_history.c.version.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(_history.c.version < before)
    return [(row.version, row.created_at) for row in await tx.execute(query)]


async def remove(tx: Transaction, kind: Kind, workspace_id: int, number: int) -> None:
    """Delete a component and its versions; Problem `not_found`, `in_use` with what uses it."""
    current = await get(tx, kind, workspace_id, number)
    await uses.refuse_used(tx, workspace_id, kind.word, number, current.name)
    if kind.word == "snippet":
        await _refuse_stands_in(tx, workspace_id, number, current.name, "deleted")
    await stored_snippets.note(tx, workspace_id, kind.word, number, ())
    if kind.word == "asset":
        file = tables.asset_file.c
        await tx.execute(
            delete(tables.asset_file).where(
                file.workspace_id == workspace_id, file.asset_id == number
            )
        )
    await tx.execute(delete(_history).where(*_of(kind, workspace_id, number)))
    await tx.execute(
        delete(kind.table).where(
            kind.table.c.workspace_id == workspace_id, kind.table.c.id == number
        )
    )


# ---------------------------------------------------------------- the parts


async def _ready(tx: Transaction, kind: Kind, given: Any, known: About) -> Ready:
    """What can be stored, with the numbers of the components that it names."""
    name_of(given.name)
    ready = kind.check(given, known)
    for member, (word, table, column) in kind.parts.items():
        named = getattr(given, member)
        number = None
        if named is not None:
            prefix = "eml" if word == "email" else BY_WORD[word].prefix
            number = await tx.scalar(
                select(table.c.id)
                .where(
                    table.c.workspace_id == known.workspace_id,
                    (table.c.id == (ids.decode(prefix, named) or -1))
                    | (func.lower(table.c.name) == named.strip().lower()),
                )
                .limit(1)
            )
            if number is None:
                raise invalid(member, f"there is no {word} `{named[:60]}`")
        ready.columns[column] = number
    return ready


async def _refuse_taken(
    tx: Transaction,
    kind: Kind,
    workspace_id: int,
    name: str,
    ready: Ready,
    number: int | None,
) -> None:
    other = await find(tx, kind, workspace_id, name)
    if other not in (None, number):
        raise Problem(
            "name_taken", f"there is a {kind.word} `{name}` already; PUT it to save a new version"
        )
    slug = ready.columns.get("slug")
    if slug is not None:
        taken = await tx.scalar(
            select(kind.table.c.id).where(
                kind.table.c.slug == slug, kind.table.c.id.is_distinct_from(number)
            )
        )
        if taken is not None:
            raise Problem(
                "name_taken", f"the address `{kind.path}{slug}` is taken; choose another `slug`"
            )


async def _keep(
    tx: Transaction,
    kind: Kind,
    workspace_id: int,
    number: int,
    version: int,
    ready: Ready,
    now: datetime,
) -> None:
    await tx.execute(
        insert(_history).values(
            workspace_id=workspace_id,
            kind=kind.word,
            component_id=number,
            version=version,
            written=ready.written,
            created_at=now,
        )
    )
    await stored_snippets.note(tx, workspace_id, kind.word, number, ready.snippets)


async def _refuse_stands_in(
    tx: Transaction, workspace_id: int, number: int, name: str, done: str
) -> None:
    found = await stored_snippets.users(tx, workspace_id, number)
    if found:
        raise Problem(
            "in_use",
            f"the snippet `{name}` stands in {len(found)} components and cannot be {done}",
            used_by=[
                {"kind": kind, "id": ids.encode(_prefix(kind), each)} for kind, each in found[:50]
            ],
        )


def _prefix(word: str) -> ids.Kind:
    return "eml" if word == "email" else BY_WORD[word].prefix


async def _carry_on(
    tx: Transaction, workspace_id: int, number: int, known: About, now: datetime
) -> None:
    """Save what a snippet stands in once more, now that it says something else."""
    found = await stored_snippets.users(tx, workspace_id, number)
    if len(found) > USES_LIMIT:
        raise Problem("too_large", f"a snippet may stand in {USES_LIMIT} components at most")
    fresh = msgspec.structs.replace(known, bodies=await stored_snippets.bodies(tx, workspace_id))
    for word, each in found:
        try:
            if word == "email":
                held = await emails.get(tx, workspace_id=workspace_id, email_id=each)
                await emails.replace(
                    tx, workspace_id=workspace_id, email_id=each, draft=held.draft(), now=now
                )
            else:
                kind = BY_WORD[word]
                current = await get(tx, kind, workspace_id, each)
                given = msgspec.convert({**current.written, "name": current.name}, kind.write)
                await replace(tx, kind, each, given, fresh, now=now)
        except Problem as error:
            raise Problem(
                error.code,
                f"with this, the {word} `{ids.encode(_prefix(word), each)}` could not be stored: "
                f"{error.detail}",
            ) from error


def _of(kind: Kind, workspace_id: int, number: int) -> tuple[Any, ...]:
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
