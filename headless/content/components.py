"""Components in the database: saved in versions, deleted when nobody needs them.

One set of statements for every kind that `kinds` describes. A row holds what is used now, with its
snippets in it; `component_version` what its author wrote at each save. Saving a snippet gives each
component that it stands in a new version, or refuses where one could not be stored with it. Imports
`kinds`, `emails`, `stored_components`, `stored_snippets`, the workspace's `uses` and storage.
"""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import and_, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from headless import ids
from headless.content import emails, stored_snippets
from headless.content import stored_components as stored
from headless.content.kinds import BY_WORD, About, Kind, Ready, name_of
from headless.content.snippets import USES_LIMIT
from headless.content.stored_components import Component
from headless.content.variables import Remark, Use, invalid
from headless.problems import Problem
from headless.seals import Seals
from headless.storage import tables
from headless.storage.database import Transaction
from headless.workspace import former, uses

_history = tables.component_version


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
    found = await stored.get(tx, kind, workspace_id, number)
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
    current = await stored.get(tx, kind, workspace_id, number)
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
        await former.note(tx, workspace_id, kind.prefix, current.name, name, number, now=now)
        await _keep(tx, kind, workspace_id, number, version, ready, now)
        if kind.word == "snippet":
            await _carry_on(tx, workspace_id, number, known, now)
    found = await stored.get(tx, kind, workspace_id, number)
    return Saved(found, ready.variables, ready.warnings, created=False)


async def remove(tx: Transaction, kind: Kind, workspace_id: int, number: int) -> None:
    """Delete a component and its versions; Problem `not_found`, `in_use` with what uses it."""
    current = await stored.get(tx, kind, workspace_id, number)
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
    await tx.execute(delete(_history).where(*stored.of(kind, workspace_id, number)))
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
    other = await stored.find(tx, kind, workspace_id, name)
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
                current = await stored.get(tx, kind, workspace_id, each)
                given = msgspec.convert({**current.written, "name": current.name}, kind.write)
                await replace(tx, kind, each, given, fresh, now=now)
        except Problem as error:
            raise Problem(
                error.code,
                f"with this, the {word} `{ids.encode(_prefix(word), each)}` could not be stored: "
                f"{error.detail}",
            ) from error
