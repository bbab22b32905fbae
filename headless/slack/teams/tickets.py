"""Tickets: what may be done once, within minutes, by whoever holds the text.

`headless slack install` makes one for an installation, `/campaign link` one for an account. Only
the SHA-256 is kept. Imports storage.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import ColumnElement, delete, insert, select, update

from headless.storage.database import Transaction
from headless.storage.tables import slack_ticket

Kind = Literal["install", "link"]
LIVES: Final = timedelta(minutes=10)
_KEPT: Final = timedelta(days=1)


class Ticket(msgspec.Struct, frozen=True):
    """A ticket that still holds, and what it was made for."""

    workspace_id: int
    detail: dict[str, Any]


async def make(
    tx: Transaction, workspace_id: int, kind: Kind, detail: dict[str, Any], *, now: datetime
) -> str:
    """A new ticket's text; it holds for `LIVES`."""
    text = secrets.token_urlsafe(24)
    await tx.execute(delete(slack_ticket).where(slack_ticket.c.expires_at < now - _KEPT))
    await tx.execute(
        insert(slack_ticket).values(
            workspace_id=workspace_id,
            hash=_hash(text),
            kind=kind,
            detail=detail,
            created_at=now,
            expires_at=now + LIVES,
        )
    )
    return text


async def look(tx: Transaction, kind: Kind, text: str, *, now: datetime) -> Ticket | None:
    """The ticket, if it holds; it goes on holding."""
    found = await tx.execute(
        select(slack_ticket.c.workspace_id, slack_ticket.c.detail).where(_holds(kind, text, now))
    )
    row = found.one_or_none()
    return None if row is None else Ticket(row.workspace_id, row.detail)


async def use(tx: Transaction, kind: Kind, text: str, *, now: datetime) -> Ticket | None:
    """The ticket, if it holds; from now on it does not."""
    found = await tx.execute(
        update(slack_ticket)
        .where(_holds(kind, text, now))
        .values(used_at=now)
        .returning(slack_ticket.c.workspace_id, slack_ticket.c.detail)
    )
    row = found.one_or_none()
    return None if row is None else Ticket(row.workspace_id, row.detail)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _holds(kind: Kind, text: str, now: datetime) -> ColumnElement[bool]:
    return (
        (slack_ticket.c.hash == _hash(text))
        & (slack_ticket.c.kind == kind)
        & slack_ticket.c.used_at.is_(None)
        & (slack_ticket.c.expires_at > now)
    )
