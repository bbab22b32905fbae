"""Restored: data out of a backup speak to nobody until a person has looked at them.

What was about to be sent when the backup was made, and all that has become due since, may have been
sent by the installation that lived on: it is `uncertain`. Every workspace is held with a reason;
when all of these holds are gone, the installation speaks again, and what is uncertain still waits
for somebody to drop it or to send it. Imports storage.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

import msgspec
import structlog
from sqlalchemy import (
    ColumnElement,
    SmallInteger,
    and_,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from headless.storage import installation
from headless.storage.codes import Channel, MessageState
from headless.storage.database import Database, Transaction
from headless.storage.diary import TRACKING, Entry
from headless.storage.installation import Stance
from headless.storage.tables import (
    campaign,
    contact,
    hold,
    message,
    suppression,
    topic,
    topic_choice,
    tracking,
    version,
    workspace,
)

ACTOR: Final = "restore"
REASON: Final = "restored from a backup: it may have been sent since"
_HELD: Final = "restored from a backup; look at what is uncertain before you let it go"
_REPLAYED: Final = "the diary of suppressions"

log = structlog.get_logger(__name__)


class Uncertain(msgspec.Struct, frozen=True):
    """How many messages of a campaign and a channel nobody knows about; None: of no campaign."""

    workspace: str
    campaign: str | None
    channel: Channel
    messages: int


class Gate:
    """Whether anything may be handed over now, asked before each batch."""

    def __init__(self, database: Database, url: str, now: Callable[[], datetime]) -> None:
        """`url`: this process's HEADLESS_URL."""
        self._database = database
        self._url = url
        self._now = now
        self._told: str | None = None

    async def open(self) -> bool:
        """False for a copy and for what is held since a restore; what is due is set aside then."""
        async with self._database.glance() as tx:
            stance = await installation.stance(tx, self._url)
        if stance.moved:
            stance = await arrive(self._database, self._url, now=self._now())
        if stance.restored and not stance.copy:
            await tend(self._database, now=self._now())
        self._tell(stance)
        return stance.speaks

    async def copy(self) -> bool:
        """Whether this is a copy, which has no voice for colleagues either."""
        async with self._database.glance() as tx:
            return (await installation.stance(tx, self._url)).copy

    def _tell(self, stance: Stance) -> None:
        """Say it once in the log each time it changes."""
        mode = "copy" if stance.copy else "restored" if stance.restored else None
        if mode != self._told:
            log.warning("nothing_is_sent", mode=mode) if mode else log.info("sending_again")
            self._told = mode


async def arrive(database: Database, url: str, *, now: datetime) -> Stance:
    """What a process finds that starts with HEADLESS_URL `url`; data out of a dump are held."""
    async with database.transaction() as tx:
        stance = await installation.arrive(tx, url, now=now)
        if stance.moved:
            await hold_all(tx, now=now)
    return stance


async def hold_all(tx: Transaction, *, now: datetime) -> None:
    """Hold every workspace, and set aside what is due."""
    for workspace_id in await _workspaces(tx):
        ours = {"reason": _HELD, "actor": ACTOR, "since": now}
        row = insert(hold).values(workspace_id=workspace_id, scope="workspace", subject=0, **ours)
        key = ["workspace_id", "scope", "subject"]
        await tx.execute(row.on_conflict_do_update(index_elements=key, set_=ours))
        await _set_aside(tx, workspace_id, now)


async def tend(database: Database, *, now: datetime) -> bool:
    """Set aside what has become due; whether the last hold is gone, so that all may speak again."""
    async with database.transaction() as tx:
        for workspace_id in await _workspaces(tx):
            await _set_aside(tx, workspace_id, now)
        held = await tx.scalar(
            select(func.count())
            .select_from(hold)
            .where(hold.c.actor == ACTOR, hold.c.scope == "workspace")
        )
        if not held:
            await installation.release(tx)
        return not held


async def release(tx: Transaction, *, now: datetime) -> int:
    """Let every workspace go that a restore holds; how many these were."""
    freed = 0
    for workspace_id in await _workspaces(tx):
        await _set_aside(tx, workspace_id, now)
        gone = await tx.execute(
            delete(hold).where(hold.c.workspace_id == workspace_id, hold.c.actor == ACTOR)
        )
        freed += gone.rowcount
    await installation.release(tx)
    return freed


async def uncertain(tx: Transaction) -> list[Uncertain]:
    """What a person has to decide on, by workspace, campaign and channel."""
    m, made_by = message.c, version.c
    rows = await tx.execute(
        select(workspace.c.name, campaign.c.name, m.channel, func.count())
        .select_from(
            message.join(workspace, workspace.c.id == m.workspace_id)
            .outerjoin(
                version, and_(made_by.workspace_id == m.workspace_id, made_by.id == m.version_id)
            )
            .outerjoin(
                campaign,
                and_(
                    campaign.c.workspace_id == m.workspace_id,
                    campaign.c.id == made_by.campaign_id,
                ),
            )
        )
        .where(_in(MessageState.UNCERTAIN), m.reason == REASON)
        .group_by(workspace.c.name, campaign.c.name, m.channel)
        .order_by(workspace.c.name, campaign.c.name, m.channel)
    )
    return [Uncertain(row[0], row[1], Channel(row[2]), row[3]) for row in rows]


async def decide(tx: Transaction, *, send: bool, now: datetime) -> int:
    """Send all that a restore set aside, or end it; how many messages that were."""
    done = 0
    values = (
        {"state": int(MessageState.PENDING), "attempts": 0, "due_at": now, "reason": None}
        if send
        else {"state": int(MessageState.SKIPPED), "reason": f"{REASON}; dropped"}
    )
    for workspace_id in await _workspaces(tx):
        changed = await tx.execute(
            update(message)
            .where(
                message.c.workspace_id == workspace_id,
                _in(MessageState.UNCERTAIN),
                message.c.reason == REASON,
            )
            .values(**values)
        )
        done += changed.rowcount
    return done


async def replay(tx: Transaction, entries: Iterable[Entry]) -> int:
    """Write the diary's lines into the database again; how many these were."""
    count = 0
    for entry in entries:
        count += 1
        if entry.topic is not None or entry.reason == TRACKING:
            await _chosen(tx, entry)
            continue
        mine = and_(
            suppression.c.workspace_id == entry.workspace,
            suppression.c.contact_id == entry.contact,
            suppression.c.channel == entry.channel,
        )
        if entry.lifted:
            await tx.execute(delete(suppression).where(mine))
            continue
        known = await tx.scalar(
            select(contact.c.id).where(
                contact.c.workspace_id == entry.workspace, contact.c.id == entry.contact
            )
        )
        await tx.execute(
            insert(suppression)
            .values(
                workspace_id=entry.workspace,
                contact_id=entry.contact,
                channel=entry.channel,
                reason=entry.reason,
                source=_REPLAYED,
                at=entry.at,
                address_hash=entry.address if known is None else None,
            )
            .on_conflict_do_nothing()
        )
    return count


async def _chosen(tx: Transaction, entry: Entry) -> None:
    """What a contact of the backup has chosen since, of a topic of the backup or of tracking."""
    table, key = tracking, ["workspace_id", "contact_id"]
    about: dict[str, object] = {"granted": entry.lifted}
    there = [contact.c.workspace_id == entry.workspace, contact.c.id == entry.contact]
    if entry.topic is not None:
        table, about = topic_choice, {"topic_id": entry.topic, "subscribed": entry.lifted}
        key.append("topic_id")
        mine = and_(topic.c.workspace_id == entry.workspace, topic.c.id == entry.topic)
        there.append(exists(select(1).where(mine)))
    values = {**about, "source": _REPLAYED, "at": entry.at}
    given = insert(table).from_select(
        ["workspace_id", "contact_id", *values],
        select(
            contact.c.workspace_id,
            contact.c.id,
            *(literal(value, table.c[name].type) for name, value in values.items()),
        ).where(*there),
    )
    await tx.execute(
        given.on_conflict_do_update(
            index_elements=key,
            set_={name: given.excluded[name] for name in values if name not in key},
            where=table.c.at <= given.excluded.at,
        )
    )


async def _workspaces(tx: Transaction) -> list[int]:
    rows = await tx.execute(select(workspace.c.id).order_by(workspace.c.id))
    return [row.id for row in rows]


async def _set_aside(tx: Transaction, workspace_id: int, now: datetime) -> None:
    due = and_(_in(MessageState.PENDING), message.c.due_at <= now)
    await tx.execute(
        update(message)
        .where(message.c.workspace_id == workspace_id, or_(due, _in(MessageState.SENDING)))
        .values(state=int(MessageState.UNCERTAIN), due_at=now, reason=REASON)
    )


def _in(state: MessageState) -> ColumnElement[bool]:
    return message.c.state == literal(int(state), SmallInteger, literal_execute=True)
