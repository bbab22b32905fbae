"""The post of a simulation: every message that is due counts as sent at that very instant.

The outbox's own statements claim and settle them, on every channel; only the hand-over is missing,
so nothing leaves the machine and no clock but the virtual one is read. Imports `channels` and
storage.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, select

from headless.channels import messages
from headless.channels.answers import Answer, Verdict
from headless.channels.outbox import settle
from headless.channels.ports import Parcel
from headless.storage.codes import Channel, MessageState
from headless.storage.database import Database
from headless.storage.tables import Instant, message

_ROOM: Final = 10_000
_ARRIVED: Final = Answer(Verdict.SENT)
_WAITING: Final = (
    select(message.c.channel)
    .where(
        message.c.workspace_id == bindparam("workspace"),
        message.c.state == bindparam("pending", int(MessageState.PENDING), literal_execute=True),
        message.c.due_at <= bindparam("now", type_=Instant),
    )
    .distinct()
)


async def deliver(database: Database, workspace_id: int, *, now: datetime) -> int:
    """Send what is due; how many messages that were."""
    sent = 0
    async with database.transaction() as tx:
        waiting = await tx.execute(_WAITING, {"workspace": workspace_id, "now": now})
        for channel in sorted(row[0] for row in waiting):
            more = True
            while more:
                due = await messages.claim(tx, workspace_id, Channel(channel), now, _ROOM)
                more = len(due) == _ROOM
                parcels = [Parcel(each.id, "", "", b"") for each in due]
                await messages.mark_sending(tx, workspace_id, parcels, now)
                settled = [settle(each, _ARRIVED, now) for each in due]
                await messages.write(tx, workspace_id, settled, now)
                sent += len(due)
    return sent
