"""Suppressions: who gets nothing more by a channel, why, and on whose word.

A weaker reason never replaces a stronger one: who unsubscribed still gets transactional mail, a
dead address or somebody who complained gets none. Imports storage and `audience.activities`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy.dialects.postgresql import insert

from headless.audience.activities import Activity, record
from headless.storage.codes import ActivityKind, Channel
from headless.storage.database import Transaction
from headless.storage.tables import activity_todo, suppression

Reason = Literal["unsubscribed", "hard_bounce", "complaint", "by_hand"]


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
    """Send nothing more to these; campaigns that listen for it hear of it after the commit."""
    if not wanted:
        return
    by_contact = {each.contact_id: each for each in wanted}
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
    await tx.execute(
        given.on_conflict_do_update(
            index_elements=["workspace_id", "contact_id", "channel"],
            set_={
                "reason": given.excluded.reason,
                "source": given.excluded.source + " (unsubscribed before)",
                "at": given.excluded.at,
            },
            where=(suppression.c.reason == "unsubscribed")
            & (given.excluded.reason != "unsubscribed"),
        )
    )
    done = [_activity(channel, each) for each in wanted if each.reason in _HEARD]
    recorded = await record(tx, workspace_id, done, now=now)
    if recorded.ids:
        rows: list[dict[str, Any]] = [
            {"workspace_id": workspace_id, "activity_id": each} for each in recorded.ids
        ]
        await tx.execute(insert(activity_todo), rows)
        tx.wake("hear", workspace_id)


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
