"""Segments: named sets of contacts, listed by hand or defined by a condition in the language.

Makes, finds, renames and counts them; who joins and leaves is `membership`'s. The hidden segments
that campaigns keep for `from contacts where (…)` are never shown. Imports the parser, the
catalogue, `membership` and storage.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Text,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from headless import ids
from headless.audience import membership, rules
from headless.dsl.check import check_definition
from headless.dsl.diagnostics import has_errors, in_order
from headless.dsl.parser import parse_condition
from headless.problems import Problem
from headless.storage.database import Transaction
from headless.storage.tables import contact, segment, segment_member, segment_pin, segment_watch
from headless.workspace import former, uses
from headless.workspace.catalogue import load

LONGEST_NAME: Final = 120
_LOCK: Final = 7_236_515  # with the workspace: one namer of segments at a time


class Segment(msgspec.Struct, frozen=True):
    """A segment; without a condition its members are listed by hand."""

    id: int
    name: str
    condition: str | None
    members: int
    created_at: datetime
    refreshed_at: datetime | None
    revision: int

    @property
    def is_dynamic(self) -> bool:
        """Whether a condition decides who is in it."""
        return self.condition is not None


class Member(msgspec.Struct, frozen=True):
    """A contact in a segment, and since when."""

    contact_id: int
    external_id: str | None
    email: str | None
    since: datetime


def proper_name(text: str) -> str:
    """A segment's name; raises Problem `invalid_value`."""
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or '"' in name:
        raise Problem(
            "invalid_value",
            f"a segment's name has 1 to {LONGEST_NAME} characters that can be printed, and no `\"`",
        )
    return name


async def sound(tx: Transaction, workspace_id: int, condition: str) -> str:
    """A condition that can be asked; raises Problem `invalid_text` with every fault."""
    parsed = parse_condition(condition)
    faults = list(parsed.diagnostics)
    if parsed.condition is not None:
        catalogue = await load(tx, workspace_id)
        faults += check_definition(parsed.condition, catalogue)
    if has_errors(faults):
        raise Problem(
            "invalid_text", "the condition has faults", text=condition, faults=in_order(faults)
        )
    return condition.strip()


async def create(
    tx: Transaction, workspace_id: int, name: str, condition: str | None, *, now: datetime
) -> Segment:
    """A new segment; a dynamic one has its members at once.

    Raises Problem `name_taken`, `invalid_value`, `invalid_text`.
    """
    name = proper_name(name)
    await _free(tx, workspace_id, name, None)
    if condition is not None:
        condition = await sound(tx, workspace_id, condition)
    number: int = await tx.scalar(
        insert(segment)
        .values(workspace_id=workspace_id, name=name, condition=condition, created_at=now)
        .returning(segment.c.id)
    )
    if condition is not None:
        await membership.refresh(tx, workspace_id, number, now=now)
    return await find(tx, workspace_id, number)


async def change(
    tx: Transaction,
    workspace_id: int,
    segment_id: int,
    *,
    name: str | UnsetType = UNSET,
    condition: str | UnsetType | None = UNSET,
    expected_revision: int | None = None,
    now: datetime,
) -> Segment:
    """Rename a segment, or give it another condition; null makes a list of those who are in it.

    Raises Problem `name_taken`, `invalid_value`, `invalid_text`, `not_found`, `stale_version`.
    """
    await _held(tx, workspace_id, segment_id, expected_revision)
    known = await find(tx, workspace_id, segment_id)
    values: dict[str, Any] = {}
    if name is not UNSET:
        values["name"] = proper_name(name)
        await _free(tx, workspace_id, values["name"], segment_id)
    if condition is not UNSET:
        values["condition"] = (
            None if condition is None else await sound(tx, workspace_id, condition)
        )
        if condition is None:
            values["refs"] = None  # a list speaks of nothing
    if values.get("condition") is not None:
        asked = await rules.rule(tx, workspace_id, segment_id, values["condition"], now=now)
        if await rules.leans_on(tx, workspace_id, asked.names, segment_id):
            raise Problem(
                "invalid_value",
                f"`{known.name}` would depend on itself; a segment's condition may speak only of "
                "segments that do not speak of it",
            )
    if values:
        values["revision"] = segment.c.revision + 1
        await tx.execute(update(segment).where(*_one(workspace_id, segment_id)).values(values))
    if "name" in values:
        renamed = known.name, values["name"]
        await former.note(tx, workspace_id, "seg", *renamed, segment_id, now=now)
    if "condition" in values:
        await membership.refresh(tx, workspace_id, segment_id, now=now)
    return await find(tx, workspace_id, segment_id)


async def _held(
    tx: Transaction, workspace_id: int, segment_id: int, expected_revision: int | None
) -> None:
    """Keep others from changing a segment; raises Problem `stale_version` when somebody has."""
    revision = await tx.scalar(
        select(segment.c.revision).where(*_one(workspace_id, segment_id)).with_for_update()
    )
    if expected_revision is not None and revision != expected_revision:
        raise Problem("stale_version", "somebody has saved this segment in between; read it again")


async def remove(
    tx: Transaction, workspace_id: int, segment_id: int, *, expected_revision: int | None = None
) -> None:
    """Delete a segment; its members stay contacts, and nobody is told that they left.

    Raises Problem `not_found`, `stale_version`, or `in_use` with what speaks of it.
    """
    await _held(tx, workspace_id, segment_id, expected_revision)
    known = await find(tx, workspace_id, segment_id)
    await uses.refuse_used(tx, workspace_id, "segment", segment_id, known.name)
    for table in (segment_watch, segment_pin, segment_member):
        await tx.execute(
            delete(table).where(
                table.c.workspace_id == workspace_id, table.c.segment_id == segment_id
            )
        )
    await tx.execute(delete(segment).where(*_one(workspace_id, segment_id)))


async def find(tx: Transaction, workspace_id: int, which: int | str) -> Segment:
    """A segment by its number, its id or its name; raises Problem `not_found`."""
    number = ids.decode("seg", which) if isinstance(which, str) else which
    wanted = (
        segment.c.id == number
        if number is not None
        else func.lower(segment.c.name) == str(which).lower()
    )
    found = await tx.execute(_query(workspace_id).where(wanted))
    row = found.mappings().one_or_none()
    if row is None:
        raise Problem("not_found", f"there is no segment `{str(which)[:60]}`")
    return Segment(**dict(row))


async def listing(
    tx: Transaction, workspace_id: int, *, limit: int, after: int | None = None
) -> list[Segment]:
    """Segments in the order of their making, those after `after` (a number), at most `limit`."""
    query = _query(workspace_id)
    if after is not None:
        query = query.where(segment.c.id > after)
    rows = await tx.execute(query.order_by(segment.c.id).limit(limit))
    return [Segment(**dict(row)) for row in rows.mappings()]


async def members(
    tx: Transaction, workspace_id: int, segment_id: int, *, limit: int, after: int | None = None
) -> list[Member]:
    """Who is in a segment, in the order of the contacts' numbers."""
    m = segment_member
    query = (
        select(contact.c.id, contact.c.external_id, contact.c.email, m.c.since)
        .join(m, and_(m.c.workspace_id == workspace_id, m.c.contact_id == contact.c.id))
        .where(contact.c.workspace_id == workspace_id, m.c.segment_id == segment_id)
    )
    if after is not None:
        query = query.where(m.c.contact_id > after)
    rows = await tx.execute(query.order_by(m.c.contact_id).limit(limit))
    return [Member(*row) for row in rows]


async def preview(tx: Transaction, workspace_id: int, condition: str, *, now: datetime) -> int:
    """How many contacts a condition holds for now; raises Problem `invalid_text`."""
    holds = await asked(tx, workspace_id, condition, now=now)
    count: int = await tx.scalar(select(func.count()).select_from(contact).where(holds))
    return count


async def asked(
    tx: Transaction, workspace_id: int, condition: str, *, now: datetime
) -> ColumnElement[bool]:
    """A condition as SQL over the contacts of a workspace; raises Problem `invalid_text`."""
    text = await sound(tx, workspace_id, condition)
    holds: ColumnElement[bool] = (await rules.rule(tx, workspace_id, 0, text, now=now)).holds(now)
    return holds


async def join(
    tx: Transaction, workspace_id: int, known: Segment, who: Sequence[int], *, now: datetime
) -> int:
    """Put contacts into a list; how many are new in it. Raises Problem `wrong_state`."""
    need_list(known)
    return await membership.join(tx, workspace_id, known.id, sorted(set(who)), now=now)


async def leave(
    tx: Transaction, workspace_id: int, known: Segment, who: Sequence[int], *, now: datetime
) -> int:
    """Take contacts out of a list; how many were in it. Raises Problem `wrong_state`."""
    need_list(known)
    return await membership.leave(tx, workspace_id, known.id, sorted(set(who)), now=now)


async def contacts_of(
    tx: Transaction,
    workspace_id: int,
    *,
    numbers: Sequence[int] = (),
    external_ids: Sequence[str] = (),
    emails: Sequence[str] = (),
) -> dict[tuple[str, str | int], int]:
    """The contacts that are there, by each identity given: `{("email", "a@b.c"): 7}`."""
    wanted: dict[str, tuple[ColumnElement[Any], Any, list[Any]]] = {
        "id": (contact.c.id, BigInteger, list(numbers)),
        "external_id": (contact.c.external_id, Text, list(external_ids)),
        "email": (func.lower(contact.c.email), Text, [email.strip().lower() for email in emails]),
    }
    found: dict[tuple[str, str | int], int] = {}
    for kind, (column, type_, values) in wanted.items():
        if values:
            rows = await tx.execute(
                select(column, contact.c.id).where(
                    contact.c.workspace_id == workspace_id,
                    column == bindparam("values", values, type_=ARRAY(type_)).any_(),
                )
            )
            found |= {(kind, row[0]): row[1] for row in rows}
    return found


def need_list(known: Segment) -> None:
    """Raise Problem `wrong_state` for a segment whose members a condition decides."""
    if known.is_dynamic:
        raise Problem(
            "wrong_state",
            f"a condition decides who is in `{known.name}`; change the condition instead",
        )


def _one(workspace_id: int, segment_id: int) -> tuple[ColumnElement[bool], ...]:
    return segment.c.workspace_id == workspace_id, segment.c.id == segment_id


async def _free(tx: Transaction, workspace_id: int, name: str, but: int | None) -> None:
    await tx.execute(select(func.pg_advisory_xact_lock(_LOCK, workspace_id)))
    taken = await tx.scalar(
        select(segment.c.id).where(
            segment.c.workspace_id == workspace_id, func.lower(segment.c.name) == name.lower()
        )
    )
    if taken not in (None, but):
        raise Problem(
            "name_taken", f"there is a segment `{name}` already", id=ids.encode("seg", taken)
        )


def _query(workspace_id: int) -> Select[*tuple[Any, ...]]:
    inside = (
        select(func.count())
        .select_from(segment_member)
        .where(
            segment_member.c.workspace_id == workspace_id,
            segment_member.c.segment_id == segment.c.id,
        )
        .scalar_subquery()
    )
    return select(
        segment.c.id,
        segment.c.name,
        segment.c.condition,
        inside.label("members"),
        segment.c.created_at,
        segment.c.refreshed_at,
        segment.c.revision,
    ).where(segment.c.workspace_id == workspace_id, segment.c.campaign_id.is_(None))
