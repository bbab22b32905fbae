"""Sweep: find what is due, whatever became of the wake-ups.

One indexed look each second: the cost is that of what is due, not of who waits. Should the first
rows all belong to campaigns that may not run (a pause leaves its positions due), a second look
jumps from one (version, step) to the next. Imports storage.
"""

from collections import Counter
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, exists, select, text
from sqlalchemy.sql import TextClause

from headless.storage.database import Database
from headless.storage.tables import (
    Instant,
    activity_todo,
    contact_change,
    intake,
    position,
)
from headless.storage.wake import Wake

_LOOKED_AT: Final = 5_000

_FIRST: Final = (
    select(position.c.version_id, position.c.step)
    .where(position.c.due_at <= bindparam("now", type_=Instant))
    .order_by(position.c.due_at)
    .limit(_LOOKED_AT)
)

# Every (version, step) with somebody due, by hops over the index (version_id, step, due_at).
_HOPS: Final[TextClause] = text(
    """
    with recursive hop as (
      (select version_id, step, due_at from position
        where due_at is not null order by version_id, step, due_at limit 1)
      union all
      select ahead.version_id, ahead.step, ahead.due_at from hop,
        lateral (select version_id, step, due_at from position
                  where due_at is not null and (version_id, step) > (hop.version_id, hop.step)
                  order by version_id, step, due_at limit 1) ahead
    )
    select hop.version_id, hop.step from hop
      join version on version.id = hop.version_id
      join campaign on campaign.id = version.campaign_id
                   and campaign.workspace_id = version.workspace_id
     where hop.due_at <= :now and campaign.state = 'running'
       and (campaign.active_to is null or campaign.active_to > :now)
       and (campaign.active_from is null or campaign.active_from <= :now)
    """
).bindparams(bindparam("now", type_=Instant))


async def sweep(database: Database, *, now: datetime) -> list[Wake]:
    """The hints for everything that is due and that the engine has to do; a large one twice."""
    async with database.transaction() as tx:
        rows = (await tx.execute(_FIRST, {"now": now})).all()
        found = Counter((row.version_id, row.step) for row in rows)
        if len(rows) == _LOOKED_AT:
            hops = (await tx.execute(_HOPS, {"now": now})).all()
            found |= Counter((row.version_id, row.step) for row in hops)
        wakes = [Wake("advance", place) for place in found]
        # a large backlog is worth two transactions at once from its first batch on
        wakes += [Wake("advance", place) for place, due in found.items() if due > _LOOKED_AT // 2]
        intakes = select(intake.c.campaign_id).where(intake.c.finished_at.is_(None)).distinct()
        wakes += [Wake("take_in", (row.campaign_id,)) for row in await tx.execute(intakes)]
        for job, table in (("hear", activity_todo), ("refresh", contact_change)):
            waiting = select(table.c.workspace_id).distinct()
            if await tx.scalar(select(exists(select(1).select_from(table)))):
                wakes += [Wake(job, (row.workspace_id,)) for row in await tx.execute(waiting)]
        return wakes
