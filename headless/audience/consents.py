"""The consent ledger: who agreed to what, in which words, when, from where, and how it is proved.

Lines are written and read, never changed; they go with the contact when it is erased. The state of
things is elsewhere (suppressions, topics, tracking): the ledger says how it came about. Webhooks
are told of each line. Imports storage.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import RowMapping, and_, func, insert, select

from headless.storage.database import Transaction
from headless.storage.tables import consent, topic
from headless.workspace.webhooks import telling

About = Literal["email", "sms", "push", "topic", "tracking"]
Action = Literal["requested", "granted", "denied", "withdrawn"]
MARKETING_ONLY: Final = ("unsubscribed", "unconfirmed")
"""Suppressions that stand in the way of marketing, and not of what has to be sent."""
MOST_WORDS: Final = 2_000
AGENT_LIMIT: Final = 300
_TOLD: Final = ("contact_id", "about", "action", "topic_id")


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where it came from: the address and the program of the request, or the token of the call.

    `deed` is what a request keeps to be done when it is confirmed.
    """

    ip: str | None = None
    user_agent: str | None = None
    token: str | None = None
    deed: dict[str, Any] | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line to write; `topic_id` with about `topic` only."""

    contact_id: int
    about: About
    action: Action
    source: str
    at: datetime
    topic_id: int | None = None
    text: str | None = None
    text_version: str | None = None
    proof: str | None = None
    message_id: int | None = None
    evidence: Evidence = Evidence()


class Consent(Entry, frozen=True, kw_only=True):
    """One line as it stands; `topic` is the topic's name, None when it is gone."""

    id: int
    topic: str | None


async def record(tx: Transaction, workspace_id: int, entries: Sequence[Entry]) -> list[int]:
    """Write lines into the ledger; their numbers, in the order of the entries."""
    numbers = []
    for entry in entries:
        values = {name: getattr(entry, name) for name in Entry.__struct_fields__}
        values["evidence"] = msgspec.to_builtins(entry.evidence)
        made = insert(consent).values(workspace_id=workspace_id, **values).returning(consent.c.id)
        numbers.append(int(await tx.scalar(made)))
        told = {name: getattr(entry, name) for name in _TOLD}
        await telling.tell(tx, workspace_id, "contact.consent_changed", [told], now=entry.at)
    return numbers


async def listing(
    tx: Transaction,
    workspace_id: int,
    *,
    limit: int,
    below: int | None = None,
    contact_id: int | None = None,
    about: About | None = None,
) -> list[Consent]:
    """The ledger's lines, the newest first, those below a number."""
    c = consent.c
    query = _selected(workspace_id).order_by(c.id.desc()).limit(limit)
    if below is not None:
        query = query.where(c.id < below)
    if contact_id is not None:
        query = query.where(c.contact_id == contact_id)
    if about is not None:
        query = query.where(c.about == about)
    return [_read(row) for row in (await tx.execute(query)).mappings()]


async def of_contacts(
    tx: Transaction, workspace_id: int, contact_ids: Sequence[int], *, most: int
) -> dict[int, list[Consent]]:
    """The newest lines of each of some contacts, by its number, at most `most` of each."""
    c = consent.c
    place = func.row_number().over(partition_by=c.contact_id, order_by=c.id.desc())
    ranked = (
        select(c.id, place.label("place"))
        .where(c.workspace_id == workspace_id, c.contact_id.in_(contact_ids))
        .subquery("ranked")
    )
    query = (
        _selected(workspace_id)
        .join(ranked, ranked.c.id == c.id)
        .where(ranked.c.place <= most)
        .order_by(c.id.desc())
    )
    found: dict[int, list[Consent]] = {number: [] for number in contact_ids}
    for row in (await tx.execute(query)).mappings():
        found[row["contact_id"]].append(_read(row))
    return found


async def of_message(
    tx: Transaction, workspace_id: int, contact_id: int, message_id: int
) -> list[Consent]:
    """What a message asked for and what was answered, the oldest first."""
    c = consent.c
    query = (
        _selected(workspace_id)
        .where(c.contact_id == contact_id, c.message_id == message_id)
        .order_by(c.id)
    )
    return [_read(row) for row in (await tx.execute(query)).mappings()]


def _selected(workspace_id: int) -> Any:
    c = consent.c
    of = and_(topic.c.workspace_id == c.workspace_id, topic.c.id == c.topic_id)
    columns = [c[name] for name in Entry.__struct_fields__]
    return (
        select(c.id, *columns, topic.c.name.label("topic"))
        .outerjoin(topic, of)
        .where(c.workspace_id == workspace_id)
    )


def _read(row: RowMapping) -> Consent:
    return Consent(**{**row, "evidence": msgspec.convert(row["evidence"], Evidence)})
