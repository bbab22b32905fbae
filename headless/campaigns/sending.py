"""Sending one message now, outside of any campaign, by the outbox's own way.

What is asked twice under one key is sent once, for good. Every check of the hand-over holds:
suppressions and, for marketing, the topic. An address that nobody
has becomes a contact who gets what must be sent and no marketing. Imports `audience`, `channels`,
`content` and storage.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Table, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from headless import ids
from headless.audience.contacts import find, lookup
from headless.audience.remembered import Hashes
from headless.audience.saving import Saved, save
from headless.audience.writes import Write
from headless.campaigns.ingest import Who
from headless.channels.suppressions import UNCONFIRMED, Suppress, suppress
from headless.problems import Problem
from headless.storage.codes import Channel
from headless.storage.database import Database, Transaction
from headless.storage.tables import email, message, message_key, push_message, sms

_SOURCE: Final = "send"
DATA_LIMIT: Final = 64 * 1024
_KINDS: Final[dict[Channel, tuple[str, Table, ids.Kind]]] = {
    Channel.EMAIL: ("email", email, "eml"),
    Channel.SMS: ("sms", sms, "sms"),
    Channel.PUSH: ("push message", push_message, "psh"),
}


class Send(msgspec.Struct, frozen=True, kw_only=True):
    """What to send to whom: `name` is the id or name of an email, an sms or a push message.

    `key` is the sender's own name of the message; None sends at each call.
    """

    who: Who
    channel: Channel
    name: str
    values: Mapping[str, Any]
    transactional: bool
    key: str | None


class Sent(msgspec.Struct, frozen=True):
    """The message; `again` says that it was there under its key."""

    message_id: int
    again: bool


async def send(
    database: Database, workspace_id: int, wanted: Send, *, hashes: Hashes | None, now: datetime
) -> Sent:
    """Put one message into the outbox; Problem `not_found`, `invalid_value` or `too_large`."""
    if len(msgspec.json.encode(wanted.values)) > DATA_LIMIT:
        raise Problem("too_large", f"`data` has more than {DATA_LIMIT // 1024} KB")
    async with database.transaction() as tx:
        present = await _under(tx, workspace_id, wanted.key)
        if present is not None:
            return Sent(present, True)
        ref = await _component(tx, workspace_id, wanted)
    who = await _contact(database, workspace_id, wanted, hashes, now)
    async with database.transaction() as tx:
        number: int = await tx.scalar(
            insert(message)
            .values(
                workspace_id=workspace_id,
                contact_id=who,
                channel=int(wanted.channel),
                ref=ref,
                created_at=now,
                due_at=now,
                data={
                    "with": dict(wanted.values),
                    "by": _SOURCE,
                    **({"transactional": True} if wanted.transactional else {}),
                },
            )
            .returning(message.c.id)
        )
        present = await _named(tx, workspace_id, wanted.key, number, now)
        if present is not None:
            return Sent(present, True)
        tx.wake("deliver", workspace_id, int(wanted.channel))
    return Sent(number, False)


async def _named(
    tx: Transaction, workspace_id: int, key: str | None, number: int, now: datetime
) -> int | None:
    """Give a message its key; the other message, when somebody was faster with the key."""
    if key is None:
        return None
    given = insert(message_key).values(
        workspace_id=workspace_id, key=key, message_id=number, at=now
    )
    mine = await tx.execute(given.on_conflict_do_nothing().returning(message_key.c.message_id))
    if mine.first() is not None:
        return None
    await tx.execute(
        delete(message).where(message.c.workspace_id == workspace_id, message.c.id == number)
    )
    return await _under(tx, workspace_id, key)


async def _under(tx: Transaction, workspace_id: int, key: str | None) -> int | None:
    if key is None:
        return None
    k = message_key.c
    found: int | None = await tx.scalar(
        select(k.message_id).where(k.workspace_id == workspace_id, k.key == key)
    )
    return found


async def _component(tx: Transaction, workspace_id: int, wanted: Send) -> int:
    word, table, prefix = _KINDS[wanted.channel]
    number = ids.decode(prefix, wanted.name)
    same = (
        table.c.id == number
        if number is not None
        else func.lower(table.c.name) == wanted.name.strip().lower()
    )
    found: int | None = await tx.scalar(
        select(table.c.id).where(table.c.workspace_id == workspace_id, same).limit(1)
    )
    if found is None:
        raise Problem("not_found", f"there is no {word} `{wanted.name[:60]}` here")
    return found


async def _contact(
    database: Database,
    workspace_id: int,
    wanted: Send,
    hashes: Hashes | None,
    now: datetime,
) -> int:
    """The contact that is meant; who is only an address yet is made, for what must be sent."""
    who = wanted.who
    async with database.transaction() as tx:
        try:
            if who.id is not None:
                found = await find(tx, workspace_id, ids.decode("con", who.id) or 0)
            else:
                found = await lookup(tx, workspace_id, external_id=who.external_id, email=who.email)
            return found.id
        except Problem as problem:
            only_address = who.id is None and who.external_id is None
            if problem.code != "not_found" or not only_address:
                raise
    if not wanted.transactional or wanted.channel is not Channel.EMAIL:
        raise Problem(
            "not_found",
            "nobody here has this address; only a transactional email goes to one that is new",
        )

    async def shut(tx: Transaction, saved: Sequence[Saved]) -> None:
        if saved[0].created and saved[0].contact_id is not None:
            new = Suppress(
                contact_id=saved[0].contact_id, reason=UNCONFIRMED, source=_SOURCE, at=now
            )
            await suppress(tx, workspace_id, Channel.EMAIL, [new], now=now)

    write = Write(email=who.email or "")
    (saved,) = await save(database, workspace_id, [write], now=now, hashes=hashes, then=shut)
    if saved.contact_id is None:
        raise saved.problem or Problem("internal", "the contact could not be made")
    return saved.contact_id
