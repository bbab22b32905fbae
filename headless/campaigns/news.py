"""News: webhooks are told what becomes of a campaign, in the transaction in which it does.

Imports the workspace's webhooks and storage.
"""

from datetime import datetime

from sqlalchemy import Integer, Text, literal, select

from headless.storage.database import Transaction
from headless.storage.tables import Instant, campaign
from headless.workspace.webhooks import telling


async def tell(
    tx: Transaction,
    workspace_id: int,
    campaign_id: int,
    what: str,
    *,
    now: datetime,
    version: int | None = None,
    reason: str | None = None,
    plan: str | None = None,
    contacts: int | None = None,
) -> None:
    """Tell of `campaign.{what}`, with what else there is to say of it."""
    c = campaign.c
    told = telling.data(
        campaign_id=c.id,
        name=c.name,
        version=literal(version, Integer),
        reason=literal(reason, Text),
        plan=literal(plan, Text),
        contacts=literal(contacts, Integer),
    )
    rows = select(literal(f"campaign.{what}", Text), literal(now, Instant), told).where(
        c.workspace_id == workspace_id, c.id == campaign_id
    )
    await tx.execute(telling.told_of(workspace_id, rows), {"now": now})
