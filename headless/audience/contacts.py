"""Contacts as they are: one, a page of them, and the note that some have changed.

Writing is `saving`'s. Imports storage.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    RowMapping,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from headless import ids
from headless.problems import Problem
from headless.storage.codes import Channel, word
from headless.storage.database import Transaction
from headless.storage.tables import (
    contact,
    contact_change,
    contact_tag,
    gone_contact,
    segment,
    segment_member,
    suppression,
    tag,
)


class Contact(msgspec.Struct, frozen=True):
    """A contact with the names of its tags and segments, and the channels it is suppressed on."""

    id: int
    external_id: str | None
    email: str | None
    phone: str | None
    preferred_channel: str | None
    time_zone: str | None
    points: int
    stage: str | None
    owner: str | None
    fields: dict[str, Any]
    tags: tuple[str, ...]
    segments: tuple[str, ...]
    suppressed: tuple[str, ...]
    created_at: datetime
    updated_at: datetime


async def changed(tx: Transaction, workspace_id: int, contact_ids: Iterable[int]) -> None:
    """Note contacts as changed, so that the dynamic segments are asked again about them."""
    numbers = sorted(set(contact_ids))
    if not numbers:
        return
    await tx.execute(
        insert(contact_change)
        .from_select(
            ["workspace_id", "contact_id"],
            select(
                literal(workspace_id),
                func.unnest(bindparam("changed", numbers, type_=ARRAY(BigInteger))),
            ),
        )
        .on_conflict_do_nothing()
    )
    tx.wake("refresh", workspace_id)


def _query(workspace_id: int) -> Select[*tuple[Any, ...]]:
    def names(statement: Select[*tuple[Any, ...]]) -> ColumnElement[Any]:
        return func.array(statement.scalar_subquery(), type_=ARRAY(Text))

    def of(table: Any) -> ColumnElement[bool]:
        return and_(table.c.workspace_id == workspace_id, table.c.contact_id == contact.c.id)

    tagged = and_(tag.c.workspace_id == workspace_id, tag.c.id == contact_tag.c.tag_id)
    joined = and_(
        segment.c.workspace_id == workspace_id, segment.c.id == segment_member.c.segment_id
    )
    return select(
        *(contact.c[n] for n in Contact.__struct_fields__ if n in contact.c),
        names(
            select(tag.c.name).join(contact_tag, tagged).where(of(contact_tag)).order_by(tag.c.name)
        ).label("tags"),
        names(
            select(segment.c.name)
            .join(segment_member, joined)
            .where(of(segment_member), segment.c.campaign_id.is_(None))
            .order_by(segment.c.name)
        ).label("segments"),
        names(
            select(cast(suppression.c.channel, Text))
            .where(of(suppression))
            .order_by(suppression.c.channel)
        ).label("suppressed"),
    ).where(contact.c.workspace_id == workspace_id)


def _read(row: RowMapping) -> Contact:
    values = dict(row)
    values["tags"], values["segments"] = tuple(values["tags"]), tuple(values["segments"])
    values["suppressed"] = tuple(word(Channel(int(code))) for code in values["suppressed"])
    return Contact(**values)


async def find(tx: Transaction, workspace_id: int, contact_id: int) -> Contact:
    """A contact; raises Problem `not_found`, or `gone` for one that was erased or merged."""
    found = await tx.execute(_query(workspace_id).where(contact.c.id == contact_id))
    row = found.mappings().one_or_none()
    if row is None:
        raise await _absent(tx, workspace_id, contact_id)
    return _read(row)


async def _absent(tx: Transaction, workspace_id: int, contact_id: int) -> Problem:
    g = gone_contact.c
    left = await tx.execute(
        select(g.into_id).where(g.workspace_id == workspace_id, g.contact_id == contact_id)
    )
    row = left.one_or_none()
    if row is None:
        return Problem("not_found", "there is no such contact here")
    if row.into_id is None:
        return Problem("gone", "this contact was erased")
    into = ids.encode("con", row.into_id)
    return Problem("gone", f"this contact was merged into {into}", into=into)


async def lookup(
    tx: Transaction,
    workspace_id: int,
    *,
    external_id: str | None = None,
    email: str | None = None,
) -> Contact:
    """A contact by its external id or its address, both where both are given.

    Raises Problem `not_found`, `invalid_value`.
    """
    if external_id is None and email is None:
        raise Problem("invalid_value", "`external_id` or `email` is needed")
    query = _query(workspace_id)
    if external_id is not None:
        query = query.where(contact.c.external_id == external_id)
    if email is not None:
        query = query.where(func.lower(contact.c.email) == email.strip().lower())
    row = (await tx.execute(query)).mappings().one_or_none()
    if row is None:
        raise Problem("not_found", "no contact here has this identity")
    return _read(row)


async def listing(
    tx: Transaction,
    workspace_id: int,
    *,
    limit: int,
    after: int | None = None,
    tagged: str | None = None,
    segment_id: int | None = None,
    where: ColumnElement[bool] | None = None,
) -> list[Contact]:
    """Contacts in the order of their making, those after `after` (a number), at most `limit`."""
    query = _query(workspace_id)
    if where is not None:
        query = query.where(where)
    if after is not None:
        query = query.where(contact.c.id > after)
    if tagged is not None:
        query = query.where(
            contact.c.id.in_(
                select(contact_tag.c.contact_id)
                .join(
                    tag,
                    and_(tag.c.workspace_id == workspace_id, tag.c.id == contact_tag.c.tag_id),
                )
                .where(
                    contact_tag.c.workspace_id == workspace_id,
                    func.lower(tag.c.name) == tagged.lower(),
                )
            )
        )
    if segment_id is not None:
        query = query.where(
            contact.c.id.in_(
                select(segment_member.c.contact_id).where(
                    segment_member.c.workspace_id == workspace_id,
                    segment_member.c.segment_id == segment_id,
                )
            )
        )
    rows = await tx.execute(query.order_by(contact.c.id).limit(limit))
    return [_read(row) for row in rows.mappings()]
