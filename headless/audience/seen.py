"""Seen: the ids that senders gave to what they brought, so that what comes twice counts once.

An id is known for thirty days; retries are over long before. Imports storage.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Select, Text, bindparam, delete, func, literal, select, text
from sqlalchemy.dialects.postgresql import insert

from headless.storage.database import WORKSPACES, Database, Transaction
from headless.storage.many import many
from headless.storage.tables import Instant, activity_seen

KEPT: Final = timedelta(days=30)
AT_ONCE: Final = 50_000
_NOW: Final = bindparam("now", type_=Instant)
_OLD: Final = text(
    "delete from activity_seen where ctid = any(array("
    "select ctid from activity_seen where arrived_at < :before limit :most))"
)
"""By place, for one statement deletes ids of all workspaces; those that somebody holds wait."""


async def claim(
    tx: Transaction, workspace_id: int, keys: Iterable[str], *, now: datetime
) -> set[str]:
    """Those of the senders' own ids that nobody has brought before; from now on they are known."""
    result = await tx.execute(_claimed(workspace_id), {"keys": sorted(set(keys)), "now": now})
    return {row.key for row in result}


@lru_cache(maxsize=WORKSPACES)
def _claimed(workspace_id: int) -> Any:
    keys = func.unnest(many("keys", Text))
    return claiming(workspace_id, select(keys))


def claiming(workspace_id: int, keys: Select[*tuple[Any, ...]]) -> Any:
    """The statement that makes keys known and returns the new ones; takes `:now`.

    `keys` is a select of one column, in the order of the alphabet of programs (as `sorted` has it),
    so that two who bring the same wait for each other in one order.
    """
    rows = keys.subquery("brought")
    return (
        insert(activity_seen)
        .from_select(
            ["workspace_id", "key", "arrived_at"], select(literal(workspace_id), *rows.c, _NOW)
        )
        .on_conflict_do_nothing()
        .returning(activity_seen.c.key)
    )


async def forget(tx: Transaction, workspace_id: int, keys: Iterable[str]) -> None:
    """Senders' own ids whose items were refused after all: they may come again."""
    await tx.execute(
        delete(activity_seen).where(
            activity_seen.c.workspace_id == workspace_id, activity_seen.c.key.in_(list(keys))
        )
    )


async def drop(database: Database, *, now: datetime) -> int:
    """Forget what arrived longer ago than `KEPT`, of all workspaces, in sets; how many ids."""
    dropped = 0
    while True:
        async with database.transaction() as tx:
            gone = await tx.execute(_OLD, {"before": now - KEPT, "most": AT_ONCE})
        dropped += gone.rowcount
        if gone.rowcount < AT_ONCE:
            return dropped
