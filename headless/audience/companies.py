"""Companies: made and changed by name, with their fields, points and members.

Whatever changes a company notes its members for the dynamic segments. Imports `contacts`,
`field_values`, the workspace's names and storage.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, and_, bindparam, delete, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert

from headless.audience.contacts import changed
from headless.audience.field_values import FieldType, checked
from headless.audience.fields import proper_name
from headless.audience.segments import Member
from headless.problems import Problem
from headless.storage.database import Transaction
from headless.storage.tables import Instant, company, company_field, company_member, company_points
from headless.storage.tables import contact as contact_table
from headless.workspace.names import COMPANY_FIELDS, made
from headless.workspace.uses import refuse_used

LONGEST_NAME: Final = 120
MOST_FIELDS: Final = 500
_LOCK: Final = 7_236_517  # with the workspace: one maker of company fields at a time


class Company(msgspec.Struct, frozen=True):
    """A company and how many contacts belong to it."""

    id: int
    name: str
    points: int
    fields: dict[str, Any]
    members: int
    created_at: datetime
    updated_at: datetime


def _query(workspace_id: int) -> Any:
    inside = (
        select(func.count())
        .select_from(company_member)
        .where(
            company_member.c.workspace_id == workspace_id,
            company_member.c.company_id == company.c.id,
        )
        .scalar_subquery()
    )
    columns = [
        inside.label(name) if name == "members" else company.c[name]
        for name in Company.__struct_fields__
    ]
    return select(*columns).where(company.c.workspace_id == workspace_id)


async def find(tx: Transaction, workspace_id: int, name: str, number: int | None = None) -> Company:
    """A company by its number, else by its name; raises Problem `not_found`."""
    by = func.lower(company.c.name) == name.lower() if number is None else company.c.id == number
    row = (await tx.execute(_query(workspace_id).where(by))).one_or_none()
    if row is None:
        raise Problem("not_found", f"there is no company `{name[:60]}`")
    return Company(*row)


async def listing(
    tx: Transaction, workspace_id: int, *, limit: int, after: int | None = None
) -> list[Company]:
    """Companies in the order of their making, those after `after`."""
    query = _query(workspace_id).where(company.c.id > (after or 0))
    return [Company(*row) for row in await tx.execute(query.order_by(company.c.id).limit(limit))]


async def save(
    tx: Transaction, workspace_id: int, name: str, given: Mapping[str, Any], *, now: datetime
) -> tuple[Company, bool]:
    """Make a company, or change the fields of the one with this name (null clears one).

    Answers it and whether it is new. Raises Problem `invalid_value`, `unknown_field`.
    """
    name = _proper(name)
    known = await fields(tx, workspace_id)
    kept, cleared = _checked(given, known)
    await tx.execute(select(func.pg_advisory_xact_lock(_LOCK, workspace_id)))
    of_name = (company.c.workspace_id == workspace_id) & (
        func.lower(company.c.name) == name.lower()
    )
    is_new = await tx.scalar(select(company.c.id).where(of_name)) is None
    numbers = await made(tx, workspace_id, "company", [name], now=now)
    new = company.c.fields.op("-")(cleared).op("||")(literal(kept, company.c.fields.type))
    touched = await tx.execute(
        update(company)
        .where(
            company.c.workspace_id == workspace_id,
            company.c.id == numbers[name],
            company.c.fields.is_distinct_from(new),
        )
        .values(fields=new, updated_at=now)
        .returning(company.c.id)
    )
    if touched.one_or_none() is not None:
        await changed(tx, workspace_id, await _inside(tx, workspace_id, numbers[name]))
    return await find(tx, workspace_id, name, numbers[name]), is_new


def _proper(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or '"' in name:
        raise Problem(
            "invalid_value",
            f"a company's name has 1 to {LONGEST_NAME} characters that can be printed, and no `\"`",
        )
    return name


def _checked(given: Mapping[str, Any], known: Mapping[str, str]) -> tuple[dict[str, Any], Any]:
    by_name = {name.lower(): name for name in known}
    kept: dict[str, Any] = {}
    cleared: list[str] = []
    for name, value in given.items():
        real = by_name.get(name.lower())
        if real is None:
            raise Problem(
                "unknown_field",
                f"companies have no field `{name[:60]}`; declare it with `POST /v1/company-fields`",
            )
        if value is None:
            cleared.append(real)
            continue
        try:
            kept[real] = checked(known[real], value)  # type: ignore[arg-type]  # checked when made
        except ValueError as error:
            raise Problem("invalid_value", f"`{real}`: {error}") from error
    return kept, bindparam("cleared", cleared, type_=ARRAY(company.c.name.type))


async def remove(tx: Transaction, workspace_id: int, known: Company) -> None:
    """Delete a company; its members stay. Raises Problem `in_use`."""
    await refuse_used(tx, workspace_id, "company", known.id, known.name)
    who = await _inside(tx, workspace_id, known.id)
    for table in (company_member, company_points):
        await tx.execute(
            delete(table).where(
                table.c.workspace_id == workspace_id, table.c.company_id == known.id
            )
        )
    await tx.execute(
        delete(company).where(company.c.workspace_id == workspace_id, company.c.id == known.id)
    )
    await changed(tx, workspace_id, who)


# ---------------------------------------------------------------- members


async def _inside(tx: Transaction, workspace_id: int, company_id: int) -> list[int]:
    m = company_member.c
    rows = await tx.execute(
        select(m.contact_id).where(m.workspace_id == workspace_id, m.company_id == company_id)
    )
    return list(rows.scalars())


async def members(
    tx: Transaction, workspace_id: int, company_id: int, *, limit: int, after: int | None = None
) -> list[Member]:
    """Who belongs to a company, in the order of the contacts' making."""
    m, c = company_member.c, contact_table.c
    rows = await tx.execute(
        select(c.id, c.external_id, c.email, m.since)
        .join(company_member, and_(m.workspace_id == c.workspace_id, m.contact_id == c.id))
        .where(c.workspace_id == workspace_id, m.company_id == company_id, c.id > (after or 0))
        .order_by(c.id)
        .limit(limit)
    )
    return [Member(*row) for row in rows]


async def join(
    tx: Transaction, workspace_id: int, company_id: int, who: Sequence[int], *, now: datetime
) -> int:
    """Let contacts belong to a company; how many are new in it."""
    given = func.unnest(bindparam("who", sorted(set(who)), type_=ARRAY(BigInteger)))
    new = await tx.execute(
        upsert(company_member)
        .from_select(
            ["workspace_id", "company_id", "contact_id", "since"],
            select(literal(workspace_id), literal(company_id), given, literal(now, Instant)),
        )
        .on_conflict_do_nothing()
        .returning(company_member.c.contact_id)
    )
    got = list(new.scalars())
    await changed(tx, workspace_id, got)
    return len(got)


async def leave(tx: Transaction, workspace_id: int, company_id: int, who: Sequence[int]) -> int:
    """Let contacts belong to a company no longer; how many did."""
    m = company_member.c
    gone = await tx.execute(
        delete(company_member)
        .where(
            m.workspace_id == workspace_id,
            m.company_id == company_id,
            m.contact_id == bindparam("who", list(who), type_=ARRAY(BigInteger)).any_(),
        )
        .returning(m.contact_id)
    )
    left = list(gone.scalars())
    await changed(tx, workspace_id, left)
    return len(left)


# ---------------------------------------------------------------- fields


async def fields(tx: Transaction, workspace_id: int) -> dict[str, str]:
    """The fields of the workspace's companies and their types."""
    f = company_field.c
    rows = await tx.execute(
        select(f.name, f.type).where(f.workspace_id == workspace_id).order_by(f.name)
    )
    return {row.name: row.type for row in rows}


async def create_field(
    tx: Transaction, workspace_id: int, name: str, type_: FieldType, *, now: datetime
) -> str:
    """Make a field of companies; its name. Raises Problem `name_taken`, `invalid_value`."""
    name = proper_name(name)
    if name.lower() in COMPANY_FIELDS:
        raise Problem("invalid_value", f"every company has `{name.lower()}` of itself")
    await tx.execute(select(func.pg_advisory_xact_lock(_LOCK, workspace_id)))
    known = await fields(tx, workspace_id)
    if name.lower() in {one.lower() for one in known}:
        raise Problem("name_taken", f"companies have a field `{name}` already")
    if len(known) >= MOST_FIELDS:
        raise Problem("invalid_value", f"companies may have {MOST_FIELDS} fields")
    row = {"workspace_id": workspace_id, "name": name, "type": type_, "created_at": now}
    await tx.execute(insert(company_field).values(row))
    return name
