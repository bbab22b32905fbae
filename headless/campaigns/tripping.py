"""A campaign whose messages are refused wherever they go pauses itself, and says why.

Imports `channels.breakers`, `lifecycle` and storage.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import SmallInteger, func, literal, select

from headless.campaigns import lifecycle, news
from headless.campaigns.publish import find
from headless.channels import breakers
from headless.storage.codes import MessageState
from headless.storage.database import Database, Transaction
from headless.storage.tables import message, version
from headless.storage.wake import Wake

JOB = "trip"
_NEWEST: Final = 200
_CODE: Final = r"refused: (\d{3}(?: \d\.\d+\.\d+)?)"
_STUCK: Final = [  # as the index of what a person has to decide on has it
    literal(int(state), SmallInteger, literal_execute=True)
    for state in (MessageState.PARKED, MessageState.UNCERTAIN)
]


async def trip(database: Database, workspace_id: int, campaign_id: int, *, now: datetime) -> int:
    """Pause the campaign if it still runs; answers 1 when it was paused by this call."""
    async with database.transaction() as tx:
        refused, taken = await breakers.handled(tx, workspace_id, campaign_id)
        found = await find(tx, workspace_id, campaign_id)
        if found.state != "running" or not refused:
            return 0
        code = await _most_said(tx, workspace_id, campaign_id)
        mostly = f", most of them with `{code}`" if code else ""
        reason = (
            f"{refused} of the last {taken} messages were refused{mostly}; they are parked: "
            "look at what the servers say, mend it, then resume"
        )
        await lifecycle.pause(tx, workspace_id, campaign_id, reason=reason, now=now)
        await news.tell(tx, workspace_id, campaign_id, "breaker_tripped", now=now, reason=reason)
        return 1


async def _most_said(tx: Transaction, workspace_id: int, campaign_id: int) -> str | None:
    """The code that the newest refusals have most often; the words may name an address."""
    m, v = message.c, version.c
    said = func.substring(m.reason, _CODE)
    newest = (
        select(said.label("code"))
        .join(version, (v.workspace_id == m.workspace_id) & (v.id == m.version_id))
        .where(
            m.workspace_id == workspace_id,
            m.state.in_(_STUCK),
            v.campaign_id == campaign_id,
            said.is_not(None),
        )
        .order_by(m.id.desc())
        .limit(_NEWEST)
        .subquery("newest")
    )
    code = newest.c.code
    most = select(code).group_by(code).order_by(func.count().desc(), code).limit(1)
    found: str | None = await tx.scalar(most)
    return found


async def tripped(database: Database) -> list[Wake]:
    """The hints for campaigns that ask to be paused."""
    async with database.transaction() as tx:
        found = await breakers.tripped_campaigns(tx)
    return [Wake(JOB, (workspace_id, campaign_id)) for workspace_id, campaign_id in found]
