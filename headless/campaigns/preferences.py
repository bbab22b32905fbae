"""Preferences: what a person chooses on the page behind a mail's unsubscribe link.

Channels and topics are left and taken up again, each change with a line in the ledger. Only what
the person left is taken up again: a dead address, a complaint and a hand's decision stay. Imports
`audience`, `channels`, the runtime and storage.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import case, exists, literal, select
from sqlalchemy.dialects.postgresql import insert

from headless import ids
from headless.audience import consents, topics
from headless.audience.activities import Activity, record
from headless.audience.consents import About, Entry, Evidence
from headless.audience.contacts import changed
from headless.audience.topics import Choice
from headless.channels import suppressed
from headless.channels.suppressions import UNCONFIRMED, UNSUBSCRIBED, diarise
from headless.runtime.listen import hear
from headless.runtime.versions import Versions
from headless.storage.codes import ActivityKind, Channel
from headless.storage.database import Transaction
from headless.storage.tables import contact, push_device, suppression

ABOUT: Final[dict[Channel, About]] = {
    Channel.EMAIL: "email", Channel.SMS: "sms", Channel.PUSH: "push",
}  # fmt: skip
"""The channels that a person can leave."""
_BY_PAGE: Final = "the contact chose it on its own page"


class Way(msgspec.Struct, frozen=True):
    """A channel on which a contact can be reached; `reason` is why it is closed, None for open."""

    channel: Channel
    reason: str | None

    @property
    def mine(self) -> bool:
        """Whether the person can open and close it on the page."""
        return self.reason in (None, UNSUBSCRIBED)


class Preferences(msgspec.Struct, frozen=True):
    """What a contact gets, by channel and by topic."""

    ways: tuple[Way, ...]
    choices: tuple[Choice, ...]


class Wanted(msgspec.Struct, frozen=True):
    """What the person wants from now on: those it ticked, of those it was shown."""

    channels: Collection[Channel]
    topics: Collection[int]


async def read(tx: Transaction, workspace_id: int, contact_id: int) -> Preferences:
    """What a contact gets now; nothing of one who is gone."""
    c, d = contact.c, push_device.c
    device = exists(
        select(1).where(d.workspace_id == c.workspace_id, d.contact_id == c.id).correlate(contact)
    )
    reachable = {Channel.EMAIL: c.email.is_not(None), Channel.SMS: c.phone.is_not(None)}
    columns = [
        case((test, literal(True)), else_=literal(False)).label(channel.name)
        for channel, test in {**reachable, Channel.PUSH: device}.items()
    ]
    row = (
        await tx.execute(select(*columns).where(c.workspace_id == workspace_id, c.id == contact_id))
    ).one_or_none()
    if row is None:
        return Preferences((), ())
    s = suppression.c
    rows = await tx.execute(
        select(s.channel, s.reason).where(
            s.workspace_id == workspace_id, s.contact_id == contact_id
        )
    )
    reasons = {Channel(each.channel): each.reason for each in rows}
    ways = tuple(
        Way(channel, reasons.get(channel)) for channel in ABOUT if getattr(row, channel.name)
    )
    return Preferences(ways, tuple(await topics.choices(tx, workspace_id, contact_id)))


async def save(
    tx: Transaction,
    versions: Versions,
    workspace_id: int,
    contact_id: int,
    wanted: Wanted,
    *,
    message_id: int,
    evidence: Evidence,
    now: datetime,
) -> None:
    """Make it as the person wants it; what it does not name is left or closed."""
    held = await read(tx, workspace_id, contact_id)
    entry = Entry(
        contact_id=contact_id,
        about="topic",
        action="granted",
        source="preferences",
        proof=f"the link in {ids.encode('msg', message_id)}, which went to the contact",
        message_id=message_id,
        evidence=evidence,
        at=now,
    )
    for way in held.ways:
        if way.reason is None and way.channel not in wanted.channels:
            await leave(tx, versions, workspace_id, way.channel, entry)
        elif way.reason == UNSUBSCRIBED and way.channel in wanted.channels:
            await suppressed.lift(
                tx,
                workspace_id,
                contact_id,
                way.channel,
                because=_BY_PAGE,
                token_id=None,
                now=now,
            )
            back = msgspec.structs.replace(entry, about=ABOUT[way.channel])
            await consents.record(tx, workspace_id, [back])
    shown = {each.topic.id: each.topic.id in wanted.topics for each in held.choices}
    if shown:
        await topics.choose(tx, workspace_id, shown, entry)


async def leave(
    tx: Transaction, versions: Versions, workspace_id: int, channel: Channel, entry: Entry
) -> bool:
    """The contact wants no more marketing on a channel; False when that was known already.

    `entry` says who, from where and by which message. It ends no run by itself: campaigns that
    care say `stop when unsubscribed`.
    """
    given = insert(suppression).values(
        workspace_id=workspace_id,
        contact_id=entry.contact_id,
        channel=int(channel),
        reason=UNSUBSCRIBED,
        source=entry.source,
        at=entry.at,
    )
    new = await tx.execute(
        given.on_conflict_do_update(
            index_elements=["workspace_id", "contact_id", "channel"],
            set_={name: given.excluded[name] for name in ("reason", "source", "at")},
            where=suppression.c.reason == UNCONFIRMED,
        ).returning(suppression.c.contact_id)
    )
    if new.one_or_none() is None:
        return False
    who = {entry.contact_id: UNSUBSCRIBED}
    await diarise(tx, workspace_id, channel, who, now=entry.at)
    withdrawn = msgspec.structs.replace(
        entry, about=ABOUT[channel], action="withdrawn", topic_id=None
    )
    await consents.record(tx, workspace_id, [withdrawn])
    left = Activity(
        contact_id=entry.contact_id,
        kind=ActivityKind.UNSUBSCRIBED,
        ref=int(channel),
        occurred_at=entry.at,
        message_id=entry.message_id,
    )
    recorded = await record(tx, workspace_id, [left], now=entry.at)
    await hear(tx, versions, workspace_id, recorded.ids, about=recorded.about, now=entry.at)
    await changed(tx, workspace_id, [entry.contact_id])
    return True
