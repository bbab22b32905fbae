"""Former names: after a rename the old address answers for thirty days with the new one.

Imports storage.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from headless.storage.database import Transaction
from headless.storage.tables import former_name as table

KEPT: Final = timedelta(days=30)


async def note(
    tx: Transaction,
    workspace_id: int,
    kind: str,
    old: str,
    new: str,
    thing_id: int,
    *,
    now: datetime,
) -> None:
    """Note what a thing was called until now; `kind` is the prefix of its id: `seg`."""
    if old.lower() == new.lower():
        return
    await tx.execute(delete(table).where(table.c.until <= now))
    row = insert(table).values(
        workspace_id=workspace_id,
        kind=kind,
        name=old.lower(),
        thing_id=thing_id,
        until=now + KEPT,
    )
    await tx.execute(
        row.on_conflict_do_update(
            index_elements=["workspace_id", "kind", "name"],
            set_={"thing_id": row.excluded.thing_id, "until": row.excluded.until},
        )
    )


async def find(
    tx: Transaction, workspace_id: int, kind: str, name: str, *, now: datetime
) -> int | None:
    """The number of the thing that was called so in the last thirty days."""
    found: int | None = await tx.scalar(
        select(table.c.thing_id).where(
            table.c.workspace_id == workspace_id,
            table.c.kind == kind,
            table.c.name == name.lower(),
            table.c.until > now,
        )
    )
    return found
