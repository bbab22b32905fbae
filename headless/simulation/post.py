"""The post of a simulation: every message that is due counts as sent at that very instant.

The outbox's own statements claim and settle them, on every channel; only the hand-over is missing,
so nothing leaves the machine and no clock but the virtual one is read. Imports `channels` and
storage.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from headless.channels import messages
from headless.channels.messages import Settlement
from headless.storage.codes import Channel, MessageState
from headless.storage.database import Database

_ROOM: Final = 10_000


async def deliver(
    database: Database, workspace_id: int, channels: Iterable[int], *, now: datetime
) -> int:
    """Send what is due on these channels; how many messages that were."""
    sent = 0
    async with database.transaction() as tx:
        for channel in sorted(channels):
            more = True
            while more:
                due = await messages.claim(tx, workspace_id, Channel(channel), now, _ROOM)
                more = len(due) == _ROOM
                settled = [
                    Settlement(
                        each.id, each.attempts, MessageState.SENT, now, None, each.attempts + 1
                    )
                    for each in due
                ]
                if settled:
                    await messages.write(tx, workspace_id, settled, now)
                sent += len(due)
    return sent
