"""Sweep: find what is due, whatever became of the wake-ups.

One indexed look each second: the cost is that of what is due, not of who waits. Should the first
rows all belong to campaigns that may not run (a pause leaves its positions due), a second look
jumps from one (version, step) to the next. Imports storage.
"""

from collections import Counter
from datetime import datetime
from typing import Final

from sqlalchemy import Integer, bindparam, text
from sqlalchemy.sql import TextClause

from headless.storage.database import Database
from headless.storage.tables import Instant
from headless.storage.wake import Wake

_LOOKED_AT: Final = 5_000

# Everything in one look: a round trip is what an idle sweep costs most.
_LOOK: Final[TextClause] = text(
    """
    with first as materialized (
      select version_id, step from position where due_at <= :now order by due_at limit :most
    )
    select 'advance' as job, version_id as number, step, count(*) as many
      from first group by version_id, step
    union all
    select distinct 'take_in', campaign_id, 0, 0 from intake where finished_at is null
    union all
    select distinct 'hear', workspace_id, 0, 0 from activity_todo
    union all
    select distinct 'refresh', workspace_id, 0, 0 from contact_change
    union all
    select distinct 'days', workspace_id, 0, 0 from segment where asks_at <= :now
    union all
    select distinct 'clear', workspace_id, 0, 0 from gone_contact where clear_at <= :now
    union all
    select distinct 'bulk', workspace_id, 0, 0 from job
      where kind = 'bulk' and state in ('queued', 'running')
    """
).bindparams(bindparam("now", type_=Instant), bindparam("most", type_=Integer))

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
    async with database.glance() as tx:
        rows = (await tx.execute(_LOOK, {"now": now, "most": _LOOKED_AT})).all()
        found = Counter({(r.number, r.step): r.many for r in rows if r.job == "advance"})
        if found.total() == _LOOKED_AT:
            hops = (await tx.execute(_HOPS, {"now": now})).all()
            found |= Counter((row.version_id, row.step) for row in hops)
    wakes = [Wake("advance", place) for place in found]
    # a large backlog is worth two transactions at once from its first batch on
    wakes += [Wake("advance", place) for place, due in found.items() if due > _LOOKED_AT // 2]
    wakes += [Wake(row.job, (row.number,)) for row in rows if row.job != "advance"]
    return wakes
