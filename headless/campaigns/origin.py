"""Origin: which contact and campaign a message was made for, so that it can be asked why.

Imports storage.
"""

from collections.abc import Iterable

import msgspec
from sqlalchemy import and_, select, tuple_

from headless.storage.database import Transaction
from headless.storage.tables import campaign, message, version

Key = tuple[int, int]
"""A workspace and a message in it."""


class Origin(msgspec.Struct, frozen=True):
    """Whose message it is, and of which campaign."""

    contact_id: int
    campaign_id: int
    campaign: str


async def origins(tx: Transaction, messages: Iterable[Key]) -> dict[Key, Origin]:
    """The origins of messages; those that no campaign made are not among them."""
    wanted = sorted(set(messages))
    if not wanted:
        return {}
    made_by = and_(
        version.c.workspace_id == message.c.workspace_id, version.c.id == message.c.version_id
    )
    of = and_(
        campaign.c.workspace_id == version.c.workspace_id, campaign.c.id == version.c.campaign_id
    )
    rows = await tx.execute(
        select(
            message.c.workspace_id,
            message.c.id,
            message.c.contact_id,
            campaign.c.id.label("campaign_id"),
            campaign.c.name,
        )
        .join(version, made_by)
        .join(campaign, of)
        .where(tuple_(message.c.workspace_id, message.c.id).in_(wanted))
    )
    return {
        (row.workspace_id, row.id): Origin(row.contact_id, row.campaign_id, row.name)
        for row in rows
    }
