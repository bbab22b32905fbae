"""The timeline of a contact: what it did, what it was sent, where it came in and went out.

One list of everything, the newest first, read page by page behind a place. Imports `sentences`,
`why`'s words for activities, `audience` and storage.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Integer, Select, and_, literal, select, tuple_, union_all

from headless import ids
from headless.audience import contacts
from headless.campaigns import sentences
from headless.campaigns.why import about
from headless.storage.codes import Channel, EnrollmentState, MessageState, word
from headless.storage.database import Transaction
from headless.storage.tables import (
    activity,
    campaign,
    consent,
    email,
    enrollment,
    message,
)

Kind = Literal["activity", "message", "entered", "ended", "consent"]
KINDS: Final[tuple[Kind, ...]] = ("activity", "message", "entered", "ended", "consent")
"""In the order of an instant, the last first."""
_TIMES: Final[dict[Kind, tuple[Any, Any]]] = {
    "activity": (activity, activity.c.occurred_at),
    "message": (message, message.c.created_at),
    "entered": (enrollment, enrollment.c.entered_at),
    "ended": (enrollment, enrollment.c.ended_at),
    "consent": (consent, consent.c.at),
}


class Place(msgspec.Struct, frozen=True):
    """Behind which entry a page begins: its instant, its kind by its place in `KINDS`, its id."""

    at: datetime
    kind: int
    id: int


class Entry(msgspec.Struct, frozen=True):
    """One thing that happened, in words; `id` is the activity's, the message's or the run's."""

    place: Place
    kind: Kind
    id: str | None
    what: str
    campaign: str | None = None
    detail: dict[str, Any] | None = None


async def listing(
    tx: Transaction,
    workspace_id: int,
    contact_id: int,
    *,
    kinds: Sequence[Kind] = KINDS,
    limit: int,
    behind: Place | None = None,
) -> list[Entry]:
    """What happened to a contact, behind a place; raises Problem `not_found`, `gone`."""
    await contacts.find(tx, workspace_id, contact_id)
    parts = [_keys(workspace_id, contact_id, kind, behind, limit) for kind in kinds]
    keys = union_all(*parts).subquery()
    order = (keys.c.at.desc(), keys.c.kind.desc(), keys.c.id.desc())
    rows = (await tx.execute(select(keys).order_by(*order).limit(limit))).all()
    told: dict[tuple[int, int], Entry] = {}
    for number, kind in enumerate(KINDS):
        places = {row.id: Place(row.at, number, row.id) for row in rows if row.kind == number}
        if places:
            for row in (await tx.execute(_ROWS[kind](workspace_id, places))).all():
                told[number, row.id] = _entry(kind, places[row.id], row)
    return [told[row.kind, row.id] for row in rows if (row.kind, row.id) in told]


def _keys(
    workspace_id: int, contact_id: int, kind: Kind, behind: Place | None, limit: int
) -> Select[Any]:
    table, at = _TIMES[kind]
    number = literal(KINDS.index(kind), Integer)
    query = select(at.label("at"), number.label("kind"), table.c.id.label("id")).where(
        table.c.workspace_id == workspace_id, table.c.contact_id == contact_id, at.is_not(None)
    )
    if behind is not None:
        query = query.where(
            at <= behind.at,
            tuple_(at, number, table.c.id) < tuple_(behind.at, behind.kind, behind.id),
        )
    ordered = query.order_by(at.desc(), table.c.id.desc()).limit(limit)
    return select(ordered.subquery())


# ---------------------------------------------------------------- one kind each


def _activities(workspace_id: int, numbers: Iterable[int]) -> Select[Any]:
    a = activity.c
    return select(a.id, a.kind, a.machine, a.properties, about().label("subject")).where(
        a.workspace_id == workspace_id, a.id.in_(list(numbers))
    )


def _messages(workspace_id: int, numbers: Iterable[int]) -> Select[Any]:
    m = message.c
    mail = and_(
        email.c.workspace_id == m.workspace_id,
        email.c.id == m.ref,
        m.channel == int(Channel.EMAIL),
    )
    return (
        select(m.id, m.channel, m.state, m.sent_at, m.reason, email.c.name)
        .outerjoin(email, mail)
        .where(m.workspace_id == workspace_id, m.id.in_(list(numbers)))
    )


def _runs(workspace_id: int, numbers: Iterable[int]) -> Select[Any]:
    e = enrollment.c
    of = and_(campaign.c.workspace_id == e.workspace_id, campaign.c.id == e.campaign_id)
    return (
        select(e.id, e.state, e.rotation, campaign.c.name)
        .join(campaign, of)
        .where(e.workspace_id == workspace_id, e.id.in_(list(numbers)))
    )


def _consents(workspace_id: int, numbers: Iterable[int]) -> Select[Any]:
    c = consent.c
    return select(c.id, c.about, c.action, c.source, c.text).where(
        c.workspace_id == workspace_id, c.id.in_(list(numbers))
    )


_ROWS: Final[dict[Kind, Any]] = {
    "activity": _activities,
    "message": _messages,
    "entered": _runs,
    "ended": _runs,
    "consent": _consents,
}


def _entry(kind: Kind, place: Place, row: Any) -> Entry:
    match kind:
        case "activity":
            more = {"machine": True} if row.machine else {}
            detail = {**(row.properties or {}), **more}
            id_ = ids.encode("act", row.id)
            return Entry(place, kind, id_, sentences.deed(row), None, detail or None)
        case "message":
            what = f"{word(Channel(row.channel))} {row.name or ''}".strip()
            detail = {"state": word(MessageState(row.state)), "reason": row.reason}
            return Entry(place, kind, ids.encode("msg", row.id), what, None, detail)
        case "entered" | "ended":
            run = {"run": row.rotation}
            ends = sentences.end(EnrollmentState(row.state))
            what = f"entered {row.name}" if kind == "entered" else f"left {row.name}: {ends}"
            return Entry(place, kind, ids.encode("enr", row.id), what, row.name, run)
        case "consent":
            told = {"source": row.source, "text": row.text}
            return Entry(place, kind, None, f"{row.about}: {row.action}", None, told)
