"""Caps: how many marketing messages one contact may get from all campaigns of a workspace together.

A cap counts a channel's messages over a rolling period. Campaigns ask for them before each send, so
a change holds from the next send on. Imports storage and the language's words.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
from sqlalchemy import null, select, update

from headless.dsl.ast import Channel, Period
from headless.problems import Problem
from headless.storage.database import Transaction
from headless.storage.tables import workspace

MOST_COUNT: Final = 1000
MOST_CAPS: Final = 16


class Cap(msgspec.Struct, frozen=True):
    """At most `count` messages of a channel in any `period`; `message` is all channels together."""

    count: int
    channel: Channel
    period: Period


def read(stored: object) -> tuple[Cap, ...]:
    """The caps from the column `workspace.caps`."""
    return msgspec.convert(stored or [], tuple[Cap, ...])


async def get_caps(tx: Transaction, workspace_id: int) -> tuple[Cap, ...]:
    """The workspace's caps, in the order in which they were set."""
    return read(await tx.scalar(select(workspace.c.caps).where(workspace.c.id == workspace_id)))


async def set_caps(tx: Transaction, workspace_id: int, caps: Iterable[Cap]) -> tuple[Cap, ...]:
    """Put these in the place of the workspace's caps; none takes them all away.

    Raises Problem `invalid_value` for a count below 1 or above 1,000, for two caps on the same
    channel and period, and for more than 16.
    """
    given = tuple(caps)
    if len(given) > MOST_CAPS:
        raise Problem("invalid_value", f"a workspace has at most {MOST_CAPS} caps")
    if len({(cap.channel, cap.period) for cap in given}) < len(given):
        raise Problem("invalid_value", "two caps are on the same channel and period; keep one")
    for cap in given:
        if not 1 <= cap.count <= MOST_COUNT:
            raise Problem("invalid_value", f"a cap counts from 1 to {MOST_COUNT:,} messages")
    stored = msgspec.to_builtins(given) if given else null()
    await tx.execute(update(workspace).where(workspace.c.id == workspace_id).values(caps=stored))
    return given
