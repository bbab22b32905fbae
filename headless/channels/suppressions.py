"""Suppressions: who gets nothing more by a channel, why, and on whose word.

A weaker reason never replaces a stronger one: who has not confirmed or has unsubscribed still gets
transactional mail, a dead address or somebody who complained gets none. Imports storage and
`audience`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import ColumnElement, and_, case, or_, select
from sqlalchemy.dialects.postgresql import insert

from headless.audience import consents
from headless.audience.activities import Activity, record
from headless.audience.consents import MARKETING_ONLY, About
from headless.storage.codes import ActivityKind, Channel, word
from headless.storage.database import Transaction
from headless.storage.diary import Entry
from headless.storage.tables import activity_todo, contact, suppression
from headless.workspace.webhooks import telling

Reason = Literal["unconfirmed", "unsubscribed", "hard_bounce", "complaint", "by_hand"]
UNCONFIRMED: Final = "unconfirmed"
UNSUBSCRIBED: Final = "unsubscribed"


_ABOUT: Final[dict[Channel, About]] = {
    Channel.EMAIL: "email", Channel.SMS: "sms", Channel.PUSH: "push",
}  # fmt: skip


class Suppress(msgspec.Struct, frozen=True, kw_only=True):
    """One contact to send nothing more to; `message_id` is the message that brought it about."""

    contact_id: int
    reason: Reason
    source: str
    at: datetime
    ref: int = 0
    message_id: int | None = None
    key: str | None = None
    detail: str = ""


_HEARD: Final[dict[Reason, ActivityKind]] = {
    "unsubscribed": ActivityKind.UNSUBSCRIBED,
    "hard_bounce": ActivityKind.BOUNCED,
    "complaint": ActivityKind.COMPLAINED,
}


async def suppress(
    tx: Transaction,
    workspace_id: int,
    channel: Channel,
    wanted: Sequence[Suppress],
    *,
    now: datetime,
) -> None:
    """Send nothing more to these; campaigns that listen for it hear of it after the commit.

    That somebody unsubscribed is a line of the ledger.
    """
    if not wanted:
        return
    by_contact = {each.contact_id: each for each in wanted}
    await diarise(
        tx, workspace_id, channel, {who: each.reason for who, each in by_contact.items()}, now=now
    )
    given = insert(suppression).values(
        [
            {
                "workspace_id": workspace_id,
                "contact_id": each.contact_id,
                "channel": int(channel),
                "reason": each.reason,
                "source": each.source,
                "at": each.at,
            }
            for each in by_contact.values()
        ]
    )
    new = await tx.execute(
        given.on_conflict_do_update(
            index_elements=["workspace_id", "contact_id", "channel"],
            set_={
                "reason": given.excluded.reason,
                "source": case(
                    (
                        suppression.c.reason == UNSUBSCRIBED,
                        given.excluded.source + " (unsubscribed before)",
                    ),
                    else_=given.excluded.source,
                ),
                "at": given.excluded.at,
            },
            where=_weaker(suppression.c.reason, given.excluded.reason),
        ).returning(suppression.c.contact_id)
    )
    left = [by_contact[row.contact_id] for row in new]
    withdrawn = [_line(channel, each) for each in left if each.reason == UNSUBSCRIBED]
    await consents.record(tx, workspace_id, withdrawn)
    complained = [
        {"contact_id": each.contact_id, "channel": word(channel), "reason": each.reason}
        for each in left
        if each.reason == "complaint"  # who unsubscribed is told of as an activity
    ]
    await telling.tell(tx, workspace_id, "contact.unsubscribed", complained, now=now)
    done = [_activity(channel, each) for each in wanted if each.reason in _HEARD]
    recorded = await record(tx, workspace_id, done, now=now)
    if recorded.ids:
        rows: list[dict[str, Any]] = [
            {"workspace_id": workspace_id, "activity_id": each} for each in recorded.ids
        ]
        await tx.execute(insert(activity_todo), rows)
        tx.wake("hear", workspace_id)


async def diarise(
    tx: Transaction,
    workspace_id: int,
    channel: Channel,
    reasons: Mapping[int, str],
    *,
    now: datetime,
    lifted: bool = False,
) -> None:
    """Put suppressions (contact -> reason) into the diary, from which a restore reads them back."""
    if tx.diary is None or not reasons:
        return
    c, hashed = contact.c, tx.diary.hashed
    rows = await tx.execute(
        select(c.id, c.email).where(c.workspace_id == workspace_id, c.id.in_([*reasons]))
    )
    addresses: dict[int, str | None] = {row.id: row.email for row in rows}
    for who, reason in reasons.items():
        address = addresses.get(who)
        tx.entries.append(
            Entry(
                at=now,
                workspace=workspace_id,
                contact=who,
                channel=int(channel),
                reason=reason,
                address=hashed(workspace_id, address) if hashed and address else None,
                lifted=lifted,
            )
        )


def _line(channel: Channel, each: Suppress) -> consents.Entry:
    return consents.Entry(
        contact_id=each.contact_id,
        about=_ABOUT[channel],
        action="withdrawn",
        source=each.source,
        message_id=each.message_id,
        at=each.at,
    )


def _weaker(held: ColumnElement[str], given: ColumnElement[str]) -> ColumnElement[bool]:
    return or_(
        and_(held == UNCONFIRMED, given != UNCONFIRMED),
        and_(held == UNSUBSCRIBED, given.not_in(MARKETING_ONLY)),
    )


def _activity(channel: Channel, each: Suppress) -> Activity:
    by_channel = each.reason == "unsubscribed"
    return Activity(
        contact_id=each.contact_id,
        kind=_HEARD[each.reason],
        ref=int(channel) if by_channel else each.ref,
        occurred_at=each.at,
        key=each.key,
        message_id=each.message_id,
        properties={"answer": each.detail} if each.detail else None,
    )
