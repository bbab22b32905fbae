"""Exports: what is known of contacts, as lines of JSON, page by page.

`contacts` and `activities` stream a workspace in constant memory, each page in a transaction of its
own. `everything_of` is all that is kept of one person, file by file (GDPR, articles 15 and 20).
Imports `contacts` and storage.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Select, and_, select

from headless import ids
from headless.audience.contacts import Contact, find, listing
from headless.storage.codes import ActivityKind, Channel, EnrollmentState, MessageState, word
from headless.storage.database import Database, Transaction
from headless.storage.tables import (
    activity,
    campaign,
    consent,
    contact_points,
    email,
    enrollment,
    message,
    point_group,
    push_device,
    subject,
    suppression,
)

PAGE: Final = 500
_encoder = msgspec.json.Encoder()
Kept = dict[str, list[dict[str, Any]]]
"""The files of an export by their names, with their lines."""


def line(row: dict[str, Any]) -> bytes:
    """One line of NDJSON."""
    return _encoder.encode(row) + b"\n"


def contact_line(known: Contact) -> dict[str, Any]:
    """A contact as it is exported; an import takes it back."""
    told: dict[str, Any] = msgspec.to_builtins(known)
    return told | {"id": ids.encode("con", known.id)}


async def contacts(
    database: Database,
    workspace_id: int,
    *,
    tagged: str | None = None,
    segment_id: int | None = None,
) -> AsyncIterator[bytes]:
    """The workspace's contacts, those of a tag or a segment, in the order of their making."""
    place: int | None = None
    while True:
        async with database.transaction() as tx:
            page = await listing(
                tx, workspace_id, limit=PAGE, after=place, tagged=tagged, segment_id=segment_id
            )
        if not page:
            return
        place = page[-1].id
        yield b"".join(line(contact_line(one)) for one in page)


async def activities(
    database: Database, workspace_id: int, *, since: datetime | None = None
) -> AsyncIterator[bytes]:
    """What the workspace's contacts did, in the order in which it was reported."""
    place = 0
    while True:
        where = [activity.c.workspace_id == workspace_id, activity.c.id > place]
        if since is not None:
            where.append(activity.c.received_at >= since)
        async with database.transaction() as tx:
            rows = await tx.execute(_activities(*where).order_by(activity.c.id).limit(PAGE))
            page = list(rows.mappings())
        if not page:
            return
        place = page[-1]["id"]
        yield b"".join(line(_activity(row)) for row in page)


def _activities(*where: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    a, s = activity.c, subject.c
    named = and_(s.workspace_id == a.workspace_id, s.id == a.ref, a.kind == int(ActivityKind.DID))
    columns = (a.id, a.contact_id, a.kind, s.name, a.occurred_at, a.received_at, a.message_id,
               a.machine, a.properties)  # fmt: skip
    return select(*columns).outerjoin(subject, named).where(*where)


def _activity(row: Any) -> dict[str, Any]:
    return {
        "id": ids.encode("act", row["id"]),
        "contact_id": ids.encode("con", row["contact_id"]),
        "kind": word(ActivityKind(row["kind"])),
        "name": row["name"],
        "occurred_at": row["occurred_at"],
        "received_at": row["received_at"],
        "message_id": _public("msg", row["message_id"]),
        "machine": row["machine"],
        "properties": row["properties"],
    }


def _public(kind: ids.Kind, number: int | None) -> str | None:
    return None if number is None else ids.encode(kind, number)


async def everything_of(tx: Transaction, workspace_id: int, contact_id: int) -> Kept:
    """All that is kept of a contact, as files of lines; raises Problem `not_found`, `gone`."""
    known = await find(tx, workspace_id, contact_id)

    def of(table: Any) -> Any:
        return and_(table.c.workspace_id == workspace_id, table.c.contact_id == contact_id)

    async def lines(query: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in (await tx.execute(query)).mappings()]

    en, m, c = enrollment.c, message.c, consent.c
    in_campaign = and_(campaign.c.workspace_id == en.workspace_id, campaign.c.id == en.campaign_id)
    mail = and_(email.c.workspace_id == m.workspace_id, email.c.id == m.ref,
                m.channel == int(Channel.EMAIL))  # fmt: skip
    group = and_(
        point_group.c.workspace_id == contact_points.c.workspace_id,
        point_group.c.id == contact_points.c.group_id,
    )
    did = await lines(_activities(of(activity)).order_by(activity.c.id))
    sent = await lines(
        select(m.id, m.channel, m.state, m.created_at, m.sent_at, m.reason, m.data,
               m.email_version, email.c.name.label("email"))
        .outerjoin(email, mail).where(of(message)).order_by(m.id)
    )  # fmt: skip
    runs = await lines(
        select(en.id, campaign.c.name.label("campaign"), en.state, en.entered_at, en.ended_at,
               en.entry)
        .join(campaign, in_campaign).where(of(enrollment)).order_by(en.id)
    )  # fmt: skip
    off = await lines(
        select(suppression.c.channel, suppression.c.reason, suppression.c.source, suppression.c.at)
        .where(of(suppression)).order_by(suppression.c.channel)
    )  # fmt: skip
    return {
        "contact": [contact_line(known)],
        "activities": [_activity(row) for row in did],
        "messages": [
            row
            | {
                "id": ids.encode("msg", row["id"]),
                "channel": word(Channel(row["channel"])),
                "state": word(MessageState(row["state"])),
            }
            for row in sent
        ],
        "runs": [
            row | {"id": ids.encode("enr", row["id"]), "state": word(EnrollmentState(row["state"]))}
            for row in runs
        ],
        "suppressions": [row | {"channel": word(Channel(row["channel"]))} for row in off],
        "consents": await lines(
            select(c.about, c.action, c.text, c.text_version, c.source, c.proof, c.evidence, c.at)
            .where(of(consent))
            .order_by(c.id)
        ),
        "points": await lines(
            select(point_group.c.name, contact_points.c.points)
            .join(point_group, group)
            .where(of(contact_points))
            .order_by(point_group.c.name)
        ),
        "devices": await lines(
            select(push_device.c.platform, push_device.c.seen_at, push_device.c.created_at)
            .where(of(push_device))
            .order_by(push_device.c.id)
        ),
    }
