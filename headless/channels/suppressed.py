"""Suppressions as a person works with them: listed, written by hand, and lifted with a reason.

What is lifted by hand stays on record, with who was suppressed why, and the words of whoever lifted
it. Imports `suppressions` and storage.
"""

from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, RowMapping, Select, and_, delete, func, insert, select, tuple_

from headless.audience.consents import MARKETING_ONLY
from headless.audience.contacts import changed
from headless.channels.suppressions import Suppress, diarise, suppress
from headless.problems import Problem
from headless.storage.codes import Channel, word
from headless.storage.database import Transaction
from headless.storage.tables import contact, lifted_suppression, suppression
from headless.workspace.webhooks import telling

MOST_WORDS: Final = 500
_s = suppression.c


class Suppressed(msgspec.Struct, frozen=True):
    """A contact that gets nothing on a channel; `email` is None for one that was erased."""

    contact_id: int
    email: str | None
    channel: Channel
    reason: str
    source: str
    at: datetime


class Place(msgspec.Struct, frozen=True):
    """Where a list of suppressions goes on: behind this contact and channel."""

    contact_id: int
    channel: int


async def listing(
    tx: Transaction,
    workspace_id: int,
    *,
    limit: int,
    above: Place | None = None,
    channel: Channel | None = None,
    contact_id: int | None = None,
    reason: str | None = None,
) -> list[Suppressed]:
    """A workspace's suppressions by contact and channel, at most `limit` behind a place."""
    query = _selected(workspace_id).order_by(_s.contact_id, _s.channel).limit(limit)
    if above is not None:
        query = query.where(
            tuple_(_s.contact_id, _s.channel) > tuple_(above.contact_id, above.channel)
        )
    if channel is not None:
        query = query.where(_s.channel == int(channel))
    if contact_id is not None:
        query = query.where(_s.contact_id == contact_id)
    if reason is not None:
        query = query.where(_s.reason == reason)
    return [_read(row) for row in (await tx.execute(query)).mappings()]


async def by_hand(
    tx: Transaction,
    workspace_id: int,
    contact_id: int,
    channel: Channel,
    *,
    because: str,
    now: datetime,
) -> Suppressed:
    """Send a contact nothing more on a channel; one that is suppressed more strongly stays so.

    Raises Problem `not_found` where there is no such contact, and `invalid_value` without a reason.
    """
    found = await tx.scalar(
        select(contact.c.id)
        .where(contact.c.workspace_id == workspace_id, contact.c.id == contact_id)
        .with_for_update(key_share=True)
    )
    if found is None:
        raise Problem("not_found", "there is no such contact here")
    wanted = Suppress(
        contact_id=contact_id, reason="by_hand", source=f"by hand: {_words(because)}", at=now
    )
    await suppress(tx, workspace_id, channel, [wanted], now=now)
    await changed(tx, workspace_id, [contact_id])
    return await find(tx, workspace_id, contact_id, channel)


async def find(tx: Transaction, workspace_id: int, contact_id: int, channel: Channel) -> Suppressed:
    """One suppression; raises Problem `not_found`."""
    rows = await tx.execute(_selected(workspace_id).where(*_one(contact_id, channel)))
    row = rows.mappings().one_or_none()
    if row is None:
        raise Problem("not_found", f"this contact is not suppressed on {word(channel)}")
    return _read(row)


async def lift(
    tx: Transaction,
    workspace_id: int,
    contact_id: int,
    channel: Channel,
    *,
    because: str,
    token_id: int | None,
    now: datetime,
) -> None:
    """Let a contact be written to again, on the word of a person who answers for it.

    Raises Problem `not_found`, and `invalid_value` without a reason.
    """
    why = _words(because)
    kept = ("contact_id", "channel", "reason", "source", "at")
    lifted = await tx.execute(
        delete(suppression)
        .where(_s.workspace_id == workspace_id, *_one(contact_id, channel))
        .returning(*(_s[name] for name in kept))
    )
    row = lifted.mappings().one_or_none()
    if row is None:
        raise Problem("not_found", f"this contact is not suppressed on {word(channel)}")
    await tx.execute(
        insert(lifted_suppression).values(
            workspace_id=workspace_id,
            **{name: row[name] for name in kept},
            because=why,
            token_id=token_id,
            lifted_at=now,
        )
    )
    await diarise(tx, workspace_id, channel, {contact_id: row["reason"]}, now=now, lifted=True)
    if row["reason"] in MARKETING_ONLY:
        told = {"contact_id": contact_id, "channel": word(channel)}
        await telling.tell(tx, workspace_id, "contact.subscribed", [told], now=now)
    await changed(tx, workspace_id, [contact_id])


def _words(because: str) -> str:
    words = " ".join(because.split())
    if not 1 <= len(words) <= MOST_WORDS:
        raise Problem("invalid_value", f"say why, in 1 to {MOST_WORDS} characters")
    return words


def _one(contact_id: int, channel: Channel) -> tuple[ColumnElement[bool], ...]:
    return _s.contact_id == contact_id, _s.channel == int(channel)


def _selected(workspace_id: int) -> Select[Any]:
    whose = and_(contact.c.workspace_id == _s.workspace_id, contact.c.id == _s.contact_id)
    return (
        select(
            _s.contact_id, func.lower(contact.c.email).label("email"), _s.channel, _s.reason,
            _s.source, _s.at,
        )
        .outerjoin(contact, whose)
        .where(_s.workspace_id == workspace_id)
    )  # fmt: skip


def _read(row: RowMapping) -> Suppressed:
    return Suppressed(**{**row, "channel": Channel(row["channel"])})
