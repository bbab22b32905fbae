"""Traces: what activities leave on a contact: a form's answers, the last campaign link, the device.

Of two answers the one given later counts, in whatever order they are reported; of two visits the
one reported later. Everything here is a statement or two in the transaction that wrote the
activities. Imports `contacts` and storage.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Text,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, aggregate_order_by, distinct_on, insert

from headless.audience.contacts import changed
from headless.storage.codes import ActivityKind
from headless.storage.database import Transaction
from headless.storage.tables import activity, contact, form_answer

_ON_A_SITE: Final = (ActivityKind.VISITED, ActivityKind.SUBMITTED)
_DEVICE: Final = {"kind": "device", "brand": "brand", "os": "os"}
"""What a device is made of, and the properties of a visit that say it."""
_IDS: Final = bindparam("ids", type_=ARRAY(BigInteger))


async def leave(
    tx: Transaction,
    workspace_id: int,
    ids: Sequence[int],
    kinds: Collection[ActivityKind],
    *,
    now: datetime,
) -> None:
    """Keep what new activities, of these kinds, say of their contacts."""
    if ActivityKind.SUBMITTED in kinds:
        await tx.execute(_answers(workspace_id), {"ids": list(ids)})
    if not set(kinds).isdisjoint(_ON_A_SITE):
        found = await tx.execute(_last_seen(workspace_id, now), {"ids": list(ids)})
        await changed(tx, workspace_id, found.scalars())


def _answers(workspace_id: int) -> Any:
    """Add the answers of each form up, the later over the earlier."""
    a = activity
    pair = func.jsonb_each(a.c.properties).table_valued("key", "value", name="answer")
    last = (
        select(a.c.contact_id, a.c.ref, pair.c.key, pair.c.value, a.c.occurred_at)
        .ext(distinct_on(a.c.contact_id, a.c.ref, pair.c.key))
        .select_from(a.join(pair, true()))
        .where(
            a.c.workspace_id == workspace_id,
            a.c.id == _IDS.any_(),
            a.c.kind == int(ActivityKind.SUBMITTED),
            a.c.ref != 0,
        )
        .order_by(a.c.contact_id, a.c.ref, pair.c.key, a.c.occurred_at.desc(), a.c.id.desc())
        .subquery("last")
    )
    given = (
        select(
            literal(workspace_id),
            last.c.contact_id,
            last.c.ref,
            func.jsonb_object_agg(last.c.key, last.c.value),
            func.max(last.c.occurred_at),
        )
        .group_by(last.c.contact_id, last.c.ref)
        .order_by(last.c.contact_id, last.c.ref)
    )
    new = insert(form_answer).from_select(
        ["workspace_id", "contact_id", "form_id", "answers", "at"], given
    )
    later = new.excluded.at >= form_answer.c.at
    return new.on_conflict_do_update(
        index_elements=["workspace_id", "contact_id", "form_id"],
        set_={
            "answers": case(
                (later, form_answer.c.answers.op("||")(new.excluded.answers)),
                else_=new.excluded.answers.op("||")(form_answer.c.answers),
            ),
            "at": func.greatest(form_answer.c.at, new.excluded.at),
        },
    )


def _last_seen(workspace_id: int, now: datetime) -> Any:
    """Set the last campaign link and device of the contacts whose visits tell them."""
    a = activity
    properties = a.c.properties
    seen = [
        (column, value)
        for column, value in (
            ("utm", case((func.jsonb_typeof(properties["utm"]) == "object", properties["utm"]))),
            ("device", _device(properties)),
        )
    ]
    told = union_all(
        *(
            select(
                a.c.contact_id,
                literal(column, Text).label("column"),
                func.array_agg(
                    aggregate_order_by(value, a.c.occurred_at.desc(), a.c.id.desc()),
                    type_=ARRAY(JSONB),
                )[1].label("value"),
            )
            .where(
                a.c.workspace_id == workspace_id,
                a.c.id == _IDS.any_(),
                a.c.kind.in_([int(kind) for kind in _ON_A_SITE]),
                value.is_not(None),
            )
            .group_by(a.c.contact_id)
            for column, value in seen
        )
    ).subquery("told")
    new = (
        select(
            told.c.contact_id,
            *(
                func.any_value(told.c.value).filter(told.c.column == column).label(column)
                for column, _ in seen
            ),
        )
        .group_by(told.c.contact_id)
        .cte("new")
    )
    locked = (
        select(contact.c.id)
        .where(contact.c.workspace_id == workspace_id, contact.c.id.in_(select(new.c.contact_id)))
        .order_by(contact.c.id)
        .with_for_update(key_share=True)
        .cte("locked")
    )
    values = {column: func.coalesce(new.c[column], contact.c[column]) for column, _ in seen}
    return (
        update(contact)
        .where(
            contact.c.workspace_id == workspace_id,
            contact.c.id == locked.c.id,
            contact.c.id == new.c.contact_id,
            or_(*(contact.c[name].is_distinct_from(value) for name, value in values.items())),
        )
        .values(**values, updated_at=now)
        .returning(contact.c.id)
    )


def _device(properties: Any) -> Any:
    pairs = [
        part
        for name, property_ in _DEVICE.items()
        for part in (literal(name, Text), properties[property_].astext)
    ]
    silent = and_(*(properties[name].astext.is_(None) for name in _DEVICE.values()))
    return case((~silent, func.jsonb_strip_nulls(func.jsonb_build_object(*pairs, type_=JSONB))))
