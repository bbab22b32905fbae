"""Fields: what a workspace knows of its contacts beyond the built-in columns, each with its type.

Names are unique without regard to case, and are words that the campaign language can read. Imports
storage and the workspace's names.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import func, insert, select

from headless import ids
from headless.audience.field_values import FieldType
from headless.problems import Problem
from headless.storage.database import Transaction
from headless.storage.tables import field
from headless.workspace.names import BUILT_IN_FIELDS

MOST: Final = 500
_NAME: Final = re.compile(r"[^\W\d]\w{0,62}")
_RESERVED: Final = frozenset(BUILT_IN_FIELDS) | {"id", "fields", "tags", "segments", "company"}
_LOCK: Final = 7_236_514  # with the workspace: one maker of fields at a time


class Field(msgspec.Struct, frozen=True):
    """One field."""

    id: int
    name: str
    type: FieldType
    created_at: datetime


Fields = Mapping[str, Field]
"""A workspace's fields by their name in lower case."""


def proper_name(text: str) -> str:
    """A field's name in its normal form; raises Problem `invalid_value`."""
    name = unicodedata.normalize("NFC", text.strip())
    if not _NAME.fullmatch(name):
        raise Problem(
            "invalid_value",
            f"`{text[:60]}` cannot name a field: take a letter, then letters, digits and `_`, "
            "63 at most",
        )
    if name.lower() in _RESERVED:
        raise Problem("invalid_value", f"every contact has `{name.lower()}` of itself")
    return name


async def known(tx: Transaction, workspace_id: int) -> dict[str, Field]:
    """All fields of a workspace, in the order of their names."""
    rows = await tx.execute(
        select(field.c.id, field.c.name, field.c.type, field.c.created_at)
        .where(field.c.workspace_id == workspace_id)
        .order_by(field.c.name)
    )
    return {row.name.lower(): Field(*row) for row in rows}


async def create(
    tx: Transaction, workspace_id: int, name: str, type_: FieldType, *, now: datetime
) -> Field:
    """A new field; raises Problem `name_taken`, `invalid_value`."""
    name = proper_name(name)
    await tx.execute(select(func.pg_advisory_xact_lock(_LOCK, workspace_id)))
    there = await known(tx, workspace_id)
    if taken := there.get(name.lower()):
        raise Problem(
            "name_taken",
            f"there is a field `{taken.name}` already, of type {taken.type}",
            id=ids.encode("fld", taken.id),
        )
    made = await _insert(tx, workspace_id, {name: type_}, len(there), now)
    return made[name.lower()]


async def ensure(
    tx: Transaction, workspace_id: int, wanted: Mapping[str, FieldType], *, now: datetime
) -> dict[str, Field]:
    """All fields, those of `wanted` that did not exist made with the type given there."""
    names = {proper_name(name): type_ for name, type_ in wanted.items()}
    there = await known(tx, workspace_id)
    if all(name.lower() in there for name in names):
        return there
    await tx.execute(select(func.pg_advisory_xact_lock(_LOCK, workspace_id)))
    there = await known(tx, workspace_id)
    new = {name: type_ for name, type_ in names.items() if name.lower() not in there}
    return there | await _insert(tx, workspace_id, new, len(there), now)


async def _insert(
    tx: Transaction, workspace_id: int, new: Mapping[str, FieldType], there: int, now: datetime
) -> dict[str, Field]:
    if there + len(new) > MOST:
        raise Problem("invalid_value", f"a workspace may have {MOST} fields")
    if not new:
        return {}
    rows = await tx.execute(
        insert(field)
        .values(
            [
                {"workspace_id": workspace_id, "name": name, "type": type_, "created_at": now}
                for name, type_ in new.items()
            ]
        )
        .returning(field.c.id, field.c.name, field.c.type, field.c.created_at)
    )
    return {row.name.lower(): Field(*row) for row in rows}
