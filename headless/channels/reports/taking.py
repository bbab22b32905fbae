"""Reports applied: what became of messages changes them, their contacts and what campaigns hear.

Only a report about the address suppresses it; one about us parks the message and never touches the
contact. What is reported of a message that is uncertain proves that it was sent. Each event counts
once, however often it is told. Imports storage, `audience`, the workspace's webhooks and its
neighbours.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ARRAY, BigInteger, Row, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from headless.audience.activities import Activity, record
from headless.audience.seen import claim
from headless.channels.reports.report import Fate, Report, Text
from headless.channels.suppressions import Reason, Suppress, suppress
from headless.storage.codes import ActivityKind, Channel, MessageState
from headless.storage.database import Transaction
from headless.storage.tables import activity_todo, contact, message
from headless.workspace.webhooks import telling

_SUPPRESSED: Final[dict[Fate, Reason]] = {
    Fate.DEAD: "hard_bounce",
    Fate.COMPLAINED: "complaint",
    Fate.UNSUBSCRIBED: "unsubscribed",
}
_DELIVERED: Final = "message.delivered"
_DONE: Final = {Fate.OPENED: ActivityKind.OPENED, Fate.CLICKED: ActivityKind.CLICKED}
_STATES: Final = {
    Fate.DEAD: (MessageState.SKIPPED, "bounced"),
    Fate.FAILED: (MessageState.SKIPPED, "failed"),
    Fate.LISTED: (MessageState.SKIPPED, "on the provider's own list"),
    Fate.REFUSED: (MessageState.PARKED, "refused"),
}


async def apply(
    tx: Transaction,
    workspace_id: int,
    channel: Channel,
    reports: Sequence[Report],
    *,
    source: str,
    now: datetime,
) -> int:
    """Take reports in; answers how many speak of messages that the workspace has."""
    messages = await _messages(tx, workspace_id, channel, reports)
    known = [(each, messages[each.message_id]) for each in reports if each.message_id in messages]
    await _prove(tx, workspace_id, known, now)
    for fate, (state, words) in _STATES.items():
        concerned = [each for each, _ in known if each.fate is fate]
        await _end(tx, workspace_id, concerned, state, words)
    await suppress(
        tx,
        workspace_id,
        channel,
        [_suppression(each, row, source, now) for each, row in known if each.fate in _SUPPRESSED],
        now=now,
    )
    done = [_activity(each, row, now) for each, row in known if each.fate in _DONE]
    await _heard(tx, workspace_id, done, now)
    taken = {each.key: row for each, row in known if each.fate is Fate.DELIVERED}
    await _tell_delivered(tx, workspace_id, taken, now)
    return len(known)


async def _tell_delivered(
    tx: Transaction, workspace_id: int, taken: Mapping[str, Row[Any]], now: datetime
) -> None:
    """Webhooks hear of what the other side has taken; it is kept nowhere else."""
    if not taken or not await telling.is_wanted(tx, workspace_id, _DELIVERED):
        return
    new = await claim(tx, workspace_id, taken, now=now)
    told = [
        {"contact_id": row.contact_id, "message_id": row.id}
        for key, row in taken.items()
        if key in new
    ]
    await telling.tell(tx, workspace_id, _DELIVERED, told, now=now)


async def replied(
    tx: Transaction, *, message_id: int, sender: str, words: str, key: str, now: datetime
) -> bool:
    """A person answered a mail; only if it comes from the address that the mail went to."""
    m, c = message.c, contact.c
    row = (
        await tx.execute(
            select(m.workspace_id, m.contact_id, m.ref)
            .join(contact, (c.workspace_id == m.workspace_id) & (c.id == m.contact_id))
            .where(
                m.id == message_id,
                m.channel == int(Channel.EMAIL),
                func.lower(c.email) == sender.lower(),
            )
        )
    ).one_or_none()
    if row is None:
        return False
    done = Activity(
        contact_id=row.contact_id,
        kind=ActivityKind.REPLIED,
        ref=row.ref,
        occurred_at=now,
        key=key,
        message_id=message_id,
        properties={"text": words},
    )
    await _heard(tx, row.workspace_id, [done], now)
    return True


async def texted(
    tx: Transaction, workspace_id: int, text: Text, *, source: str, now: datetime
) -> int:
    """People with this number wrote to us: a reply to their last text, or the wish to be left
    alone. Answers how many contacts have the number."""
    c, m = contact.c, message.c
    rows = await tx.execute(
        select(c.id).where(c.workspace_id == workspace_id, c.phone == text.sender).order_by(c.id)
    )
    people = [row.id for row in rows]
    if text.stops:
        wanted = [
            Suppress(
                contact_id=who,
                reason="unsubscribed",
                source=f"{source}: {text.words[:60]}",
                at=now,
                key=f"{text.key}:{who}",
            )
            for who in people
        ]
        await suppress(tx, workspace_id, Channel.SMS, wanted, now=now)
        return len(people)
    done = []
    for who in people:
        last = (
            await tx.execute(
                select(m.id, m.ref)
                .where(
                    m.workspace_id == workspace_id,
                    m.contact_id == who,
                    m.channel == int(Channel.SMS),
                    m.state == int(MessageState.SENT),
                )
                .order_by(m.created_at.desc())
                .limit(1)
            )
        ).one_or_none()
        if last is not None:
            done.append(
                Activity(
                    contact_id=who,
                    kind=ActivityKind.REPLIED_SMS,
                    ref=last.ref,
                    occurred_at=now,
                    key=f"{text.key}:{who}",
                    message_id=last.id,
                    properties={"text": text.words},
                )
            )
    await _heard(tx, workspace_id, done, now)
    return len(people)


async def _heard(
    tx: Transaction, workspace_id: int, done: Sequence[Activity], now: datetime
) -> None:
    """Write activities down for the engine to hear after the commit."""
    recorded = await record(tx, workspace_id, done, now=now)
    if recorded.ids:
        rows = [{"workspace_id": workspace_id, "activity_id": each} for each in recorded.ids]
        await tx.execute(insert(activity_todo), rows)
        tx.wake("hear", workspace_id)


async def _messages(
    tx: Transaction, workspace_id: int, channel: Channel, reports: Sequence[Report]
) -> dict[int, Row[Any]]:
    m = message.c
    rows = await tx.execute(
        select(m.id, m.contact_id, m.ref, m.state).where(
            m.workspace_id == workspace_id,
            m.id == func.any(bindparam("ids", type_=ARRAY(BigInteger))),
            m.channel == int(channel),
        ),
        {"ids": sorted({each.message_id for each in reports})},
    )
    return {row.id: row for row in rows}


async def _prove(
    tx: Transaction, workspace_id: int, known: Sequence[tuple[Report, Row[Any]]], now: datetime
) -> None:
    """A message that nobody was sure of was sent, if the other side tells what came of it."""
    for each, row in known:
        if row.state == MessageState.UNCERTAIN and each.fate is not Fate.LATER:
            await tx.execute(
                update(message)
                .where(
                    message.c.workspace_id == workspace_id,
                    message.c.id == each.message_id,
                    message.c.state == int(MessageState.UNCERTAIN),
                )
                .values(state=int(MessageState.SENT), sent_at=min(each.at, now), reason=None)
            )


async def _end(
    tx: Transaction, workspace_id: int, reports: Sequence[Report], state: MessageState, words: str
) -> None:
    """The message was handed over and came back; one that went another way since is left alone."""
    m = message.c
    for each in reports:
        reason = f"{words}: {each.detail}" if each.detail else words
        await tx.execute(
            update(message)
            .where(
                m.workspace_id == workspace_id,
                m.id == each.message_id,
                m.state.in_([int(MessageState.SENT), int(MessageState.UNCERTAIN)]),
            )
            .values(state=int(state), reason=reason)
        )


def _suppression(each: Report, row: Row[Any], source: str, now: datetime) -> Suppress:
    return Suppress(
        contact_id=row.contact_id,
        reason=_SUPPRESSED[each.fate],
        source=f"{source}: {each.detail}" if each.detail else source,
        at=min(each.at, now),
        ref=row.ref,
        message_id=each.message_id,
        key=each.key,
        detail=each.detail,
    )


def _activity(each: Report, row: Row[Any], now: datetime) -> Activity:
    return Activity(
        contact_id=row.contact_id,
        kind=_DONE[each.fate],
        ref=row.ref,
        occurred_at=min(each.at, now),
        key=each.key,
        message_id=each.message_id,
        machine=each.machine,
        properties=None if each.url is None else {"url": each.url},
    )
