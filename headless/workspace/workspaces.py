"""Workspaces: who owns everything else, and how it is set up.

A sandbox sends nothing out of the machine and counts every open as a person's. Imports storage and
`zones`.
"""

from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import RowMapping, func, insert, select

from headless.problems import Problem
from headless.storage.database import Transaction
from headless.storage.tables import workspace
from headless.workspace.zones import zone

Mode = Literal["sandbox", "live"]
_LOCK: Final = 7_236_513  # any number that nobody else locks


class Workspace(msgspec.Struct, frozen=True):
    """One workspace and its settings."""

    id: int
    name: str
    mode: Mode
    time_zone: str
    sender: str
    postal_address: str | None
    created_at: datetime

    @property
    def token_kind(self) -> Literal["live", "test"]:
        """What its tokens are marked with."""
        return "live" if self.mode == "live" else "test"


def _read(row: RowMapping) -> Workspace:
    values: dict[str, Any] = {name: row[name] for name in Workspace.__struct_fields__}
    return Workspace(**values)


async def create(
    tx: Transaction, name: str, *, now: datetime, mode: Mode = "sandbox", time_zone: str = "UTC"
) -> Workspace:
    """A new workspace; raises Problem `invalid_value` for a time zone that does not exist."""
    made = await tx.execute(
        insert(workspace)
        .values(name=name, mode=mode, time_zone=zone(time_zone), created_at=now)
        .returning(workspace)
    )
    return _read(made.mappings().one())


async def find(tx: Transaction, workspace_id: int) -> Workspace:
    """A workspace; raises Problem `not_found`."""
    found = await tx.execute(select(workspace).where(workspace.c.id == workspace_id))
    row = found.mappings().one_or_none()
    if row is None:
        raise Problem("not_found", "there is no such workspace")
    return _read(row)


async def default(tx: Transaction, *, now: datetime, name: str = "Acme") -> Workspace:
    """The oldest workspace of the installation, a sandbox that is made when there is none yet."""
    await tx.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    found = await tx.execute(select(workspace).order_by(workspace.c.id).limit(1))
    row = found.mappings().one_or_none()
    return _read(row) if row is not None else await create(tx, name, now=now)
