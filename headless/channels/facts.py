"""What a message may speak of: its contact, what started the run, what moved it last, whose it is.

One query for a handful of messages of one channel. Imports storage, `content` and `ports`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    FromClause,
    Label,
    Row,
    Select,
    SmallInteger,
    and_,
    bindparam,
    func,
    select,
)
from sqlalchemy import or_ as either
from sqlalchemy.dialects.postgresql import JSONB

from headless import ids
from headless.audience.consents import MARKETING_ONLY
from headless.channels.ports import Due
from headless.content.templates import instant
from headless.storage import tables
from headless.storage.codes import Channel
from headless.storage.database import Transaction

NO_CONTACT: Final = "the contact is gone"


async def facts(tx: Transaction, channel: Channel, due: Sequence[Due]) -> dict[int, Row[Any]]:
    """A row for each message whose contact is still there, by the message's number."""
    rows = await tx.execute(
        _FACTS,
        {
            "workspace_id": due[0].workspace_id,
            "channel": int(channel),
            "ids": [each.id for each in due],
        },
    )
    return {row.message_id: row for row in rows}


def namespaces(due: Due, row: Row[Any], now: datetime) -> dict[str, object]:
    """What a template of the message may read."""
    return {
        **around(row),
        **(due.data or {}).get("with", {}),
        "contact": {
            **row.fields,
            "id": ids.encode("con", row.contact_id),
            "external_id": row.external_id,
            "email": row.email,
            "phone": row.phone,
            "time_zone": row.time_zone,
            "points": row.points,
            "stage": row.stage,
            "owner": row.owner,
            "created_at": instant(row.created_at),
        },
        "entry": row.entry or {},
        "event": row.event or {},
        "workspace": {"name": row.workspace_name},
        "now": now,
    }


def around(row: Row[Any]) -> dict[str, object]:
    """What a template may read of a contact's company and owner; empty where there is none."""
    return {"company": row.company or {}, "owner": row.colleague or {}}


def company_of(contacts: FromClause) -> Label[Any]:
    """The column `company`: the fields, the name and the points of the one joined last."""
    of, member = tables.company.c, tables.company_member.c
    built_in = func.jsonb_build_object("name", of.name, "points", of.points, type_=JSONB)
    joined = and_(of.workspace_id == member.workspace_id, of.id == member.company_id)
    return (
        select(of.fields.concat(built_in))
        .select_from(tables.company_member.join(tables.company, joined))
        .where(
            member.workspace_id == contacts.c.workspace_id,
            member.contact_id == contacts.c.id,
        )
        .order_by(member.since.desc(), member.company_id.desc())
        .limit(1)
        .correlate(contacts)
        .scalar_subquery()
        .label("company")
    )


def owner_of(contacts: FromClause) -> Label[Any]:
    """The column `colleague`: the name and the address of who looks after the contact."""
    of = tables.member.c
    return (
        select(func.jsonb_build_object("name", of.name, "email", of.email, type_=JSONB))
        .where(
            of.workspace_id == contacts.c.workspace_id,
            func.lower(of.name) == func.lower(contacts.c.owner),
        )
        .correlate(contacts)
        .scalar_subquery()
        .label("colleague")
    )


def _facts() -> Select[*tuple[Any, ...]]:
    m, c, w = tables.message.c, tables.contact.c, tables.workspace.c
    s, e, a = tables.suppression.c, tables.enrollment.c, tables.activity.c
    transactional = func.coalesce(m.data["transactional"].as_boolean(), False)
    suppressed = and_(
        s.workspace_id == m.workspace_id,
        s.contact_id == m.contact_id,
        s.channel == bindparam("channel", type_=SmallInteger),
        either(~transactional, s.reason.not_in(MARKETING_ONLY)),
    )
    return (
        select(
            m.id.label("message_id"),
            c.id.label("contact_id"),
            c.external_id, c.email, c.phone, c.time_zone, c.points, c.stage, c.owner, c.fields,
            c.created_at,
            s.reason.label("suppressed"),
            e.entry,
            a.properties.label("event"),
            company_of(tables.contact), owner_of(tables.contact),
            w.name.label("workspace_name"), w.mode,
        )
        .select_from(
            tables.message.join(tables.workspace, w.id == m.workspace_id)
            .join(tables.contact, and_(c.workspace_id == m.workspace_id, c.id == m.contact_id))
            .outerjoin(tables.suppression, suppressed)
            .outerjoin(
                tables.enrollment,
                and_(e.workspace_id == m.workspace_id, e.id == m.enrollment_id),
            )
            .outerjoin(
                tables.activity, and_(a.workspace_id == m.workspace_id, a.id == m.activity_id)
            )
        )
        .where(
            m.workspace_id == bindparam("workspace_id", type_=BigInteger),
            m.id == func.any(bindparam("ids", type_=ARRAY(BigInteger))),
        )
    )  # fmt: skip


_FACTS: Final = _facts()
