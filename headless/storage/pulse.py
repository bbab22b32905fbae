"""The pulse: what an operator asks the database first, read at one moment.

Imports `tables`, `database`, `codes` and `revisions`. The only reader across workspaces: it counts
rows for whoever runs the machine, and tells nothing of what stands in them.
"""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import func, select, text

from headless.storage import revisions
from headless.storage.codes import MessageState
from headless.storage.database import Database
from headless.storage.tables import message, position, worker

ALIVE = timedelta(seconds=30)
"""A worker that has not been seen for so long counts as gone."""
_WAITING = (MessageState.PENDING,)


class Backlog(msgspec.Struct, frozen=True):
    """How much is overdue, and since when the oldest of it."""

    count: int
    oldest: timedelta | None


class Pulse(msgspec.Struct, frozen=True):
    """One look at the database; `now` is its own clock."""

    now: datetime
    version: str
    connections_free: int
    revision: str | None
    newest_revision: str
    workers: int
    oldest_heartbeat: timedelta | None
    positions: Backlog
    messages: Backlog


async def feel(database: Database) -> Pulse:
    """Look once; raises what the driver raises when the database is away."""
    revision = await revisions.current(database)
    newest = revisions.newest()
    async with database.transaction() as tx:
        now, version, free = (
            await tx.execute(
                text(
                    "select clock_timestamp(), current_setting('server_version'), "
                    "current_setting('max_connections')::int"
                    " - (select count(*) from pg_stat_activity where backend_type"
                    " = 'client backend')"
                )
            )
        ).one()
        none = Backlog(0, None)
        if revision is None:
            return Pulse(now, version, free, None, newest, 0, None, none, none)
        alive, seen = (
            await tx.execute(
                select(func.count(), func.min(worker.c.seen_at)).where(
                    worker.c.seen_at > now - ALIVE
                )
            )
        ).one()
        due, due_since = (
            await tx.execute(
                select(func.count(), func.min(position.c.due_at)).where(position.c.due_at <= now)
            )
        ).one()
        waiting, waiting_since = (
            await tx.execute(
                select(func.count(), func.min(message.c.due_at)).where(
                    message.c.state.in_(_WAITING), message.c.due_at <= now
                )
            )
        ).one()
    return Pulse(
        now=now,
        version=version,
        connections_free=free,
        revision=revision,
        newest_revision=newest,
        workers=alive,
        oldest_heartbeat=now - seen if seen else None,
        positions=Backlog(due, now - due_since if due_since else None),
        messages=Backlog(waiting, now - waiting_since if waiting_since else None),
    )
