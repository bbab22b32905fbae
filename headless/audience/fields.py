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
from msgspec import UNSET, UnsetType
from sqlalchemy import delete, func, insert, select, update

from headless import ids
from headless.audience.field_values import FieldType
from headless.problems import Problem
from headless.storage.database import Transaction
from headless.storage.tables import contact, field
from headless.workspace import field_uses
from headless.workspace.names import BUILT_IN_FIELDS

MOST: Final = 500
_NAME: Final = re.compile(r"[^\W\d]\w{0,62}")
_RESERVED: Final = frozenset(BUILT_IN_FIELDS) | {"id", "fields", "tags", "segments", "company"}
_LOCK: Final = 7_236_514  # with the workspace: one maker of fields at a time


class Field(msgspec.Struct, frozen=True):
    """One field; `personal` says that even a number in it is about somebody."""

    id: int
    name: str
    type: FieldType
    created_at: datetime
    label: str | None = None
    description: str | None = None
    personal: bool = False


_COLUMNS: Final = [field.c[name] for name in Field.__struct_fields__]
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
        select(*_COLUMNS).where(field.c.workspace_id == workspace_id).order_by(field.c.name)
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


async def find(tx: Transaction, workspace_id: int, which: str, *, lock: bool = False) -> Field:
    """A field by its id or its name; raises Problem `not_found`."""
    number = ids.decode("fld", which)
    wanted = field.c.id == number if number else func.lower(field.c.name) == which.lower()
    query = select(*_COLUMNS).where(field.c.workspace_id == workspace_id, wanted)
    found = await tx.execute(query.with_for_update() if lock else query)
    row = found.one_or_none()
    if row is None:
        raise Problem("not_found", f"there is no field `{which[:60]}`")
    return Field(*row)


async def describe(
    tx: Transaction,
    workspace_id: int,
    which: str,
    *,
    label: str | UnsetType | None = UNSET,
    description: str | UnsetType | None = UNSET,
    personal: bool | UnsetType = UNSET,
) -> Field:
    """Say something else of a field; what is UNSET stays. Raises Problem `not_found`."""
    there = await find(tx, workspace_id, which, lock=True)
    given = {"label": label, "description": description, "personal": personal}
    values = {name: value for name, value in given.items() if value is not UNSET}
    if values:
        await tx.execute(
            update(field)
            .where(field.c.workspace_id == workspace_id, field.c.id == there.id)
            .values(values)
        )
    return msgspec.structs.replace(there, **values)


async def remove(tx: Transaction, workspace_id: int, which: str) -> None:
    """Delete a field that nothing speaks of and no contact has.

    Raises Problem `not_found`, or `in_use` with what uses it.
    """
    there = await find(tx, workspace_id, which, lock=True)
    await field_uses.refuse_used(tx, workspace_id, there.name)
    held: int = await tx.scalar(
        select(func.count())
        .select_from(contact)
        .where(contact.c.workspace_id == workspace_id, contact.c.fields.has_key(there.name))
    )
    if held:
        raise Problem(
            "in_use",
            f"{held} contacts have a value in `{there.name}`; clear it first: `POST "
            f'/v1/contacts/bulk` with `{{"fields": {{"{there.name}": null}}}}`',
            used_by=[{"kind": "contacts", "name": str(held)}],
        )
    await tx.execute(
        delete(field).where(field.c.workspace_id == workspace_id, field.c.id == there.id)
    )


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
        .returning(*_COLUMNS)
    )
    return {row.name.lower(): Field(*row) for row in rows}
