"""A campaign whose messages are refused wherever they go pauses itself, and says why.

Imports `channels.breakers`, `lifecycle` and storage.
"""

from datetime import datetime

from headless.campaigns import lifecycle, news
from headless.campaigns.publish import find
from headless.channels import breakers
from headless.storage.database import Database
from headless.storage.wake import Wake

JOB = "trip"


async def trip(database: Database, workspace_id: int, campaign_id: int, *, now: datetime) -> int:
    """Pause the campaign if it still runs; answers 1 when it was paused by this call."""
    async with database.transaction() as tx:
        refused, taken = await breakers.handled(tx, workspace_id, campaign_id)
        found = await find(tx, workspace_id, campaign_id)
        if found.state != "running" or not refused:
            return 0
        reason = f"{refused} of the last {taken} messages were refused; see what the servers say"
        await lifecycle.pause(tx, workspace_id, campaign_id, reason=reason, now=now)
        await news.tell(tx, workspace_id, campaign_id, "breaker_tripped", now=now, reason=reason)
        return 1


async def tripped(database: Database) -> list[Wake]:
    """The hints for campaigns that ask to be paused."""
    async with database.transaction() as tx:
        found = await breakers.tripped_campaigns(tx)
    return [Wake(JOB, (workspace_id, campaign_id)) for workspace_id, campaign_id in found]
