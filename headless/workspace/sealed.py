"""Sealed: every secret that customers have given us, put under the newest key of the ring.

Each table with a column `secrets` is found by itself, so that a new one cannot be forgotten. Works
on all workspaces, for whoever runs the installation. Imports `seals` and storage.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import LargeBinary, Row, Table, select, update

from headless.seals import SealError, Seals
from headless.storage.database import Transaction
from headless.storage.tables import metadata

TABLES: Final = tuple(
    table
    for table in metadata.sorted_tables
    if "secrets" in table.c and isinstance(table.c.secrets.type, LargeBinary)
)


class Sealed(msgspec.Struct, frozen=True):
    """How many secrets the newest key opens, how many only an older one, how many none does."""

    newest: int = 0
    older: int = 0
    lost: int = 0


async def look(tx: Transaction, keys: Sequence[bytes]) -> Sealed:
    """Try every secret; `keys` newest first."""
    newest, ring = Seals(keys[:1]), Seals(keys)
    counts = {"newest": 0, "older": 0, "lost": 0}
    for table in TABLES:
        for row in await _rows(tx, table):
            if _opens(newest, row):
                counts["newest"] += 1
            else:
                counts["older" if _opens(ring, row) else "lost"] += 1
    return Sealed(**counts)


async def rewrap(tx: Transaction, keys: Sequence[bytes]) -> Sealed:
    """Seal anew what an older key has sealed; `older` says how many these were."""
    newest, ring = Seals(keys[:1]), Seals(keys)
    counts = {"newest": 0, "older": 0, "lost": 0}
    for table in TABLES:
        for row in await _rows(tx, table, lock=True):
            if _opens(newest, row):
                counts["newest"] += 1
                continue
            try:
                renewed = ring.renewed(row.workspace_id, row.secrets)
            except SealError:
                counts["lost"] += 1
                continue
            mine = [column == row._mapping[column.name] for column in table.primary_key]
            await tx.execute(update(table).where(*mine).values(secrets=renewed))
            counts["older"] += 1
    return Sealed(**counts)


async def _rows(tx: Transaction, table: Table, *, lock: bool = False) -> Sequence[Row[Any]]:
    own = {column.name: column for column in (*table.primary_key, table.c.workspace_id)}
    query = select(*own.values(), table.c.secrets).where(table.c.secrets.is_not(None))
    return (await tx.execute(query.with_for_update() if lock else query)).all()


def _opens(seals: Seals, row: Row[Any]) -> bool:
    try:
        seals.open(row.workspace_id, row.secrets)
    except SealError:
        return False
    return True
