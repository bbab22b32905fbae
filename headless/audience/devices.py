"""Devices: where a contact's push messages go.

A token belongs to one contact: the last one to bring it. Imports storage.
"""

from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from headless.problems import Problem
from headless.storage.database import Transaction
from headless.storage.tables import push_device

Platform = Literal["ios", "android", "web"]


class Device(msgspec.Struct, frozen=True):
    """A device; its token is never shown again."""

    id: int
    platform: Platform
    seen_at: datetime
    created_at: datetime


_SHOWN = tuple(push_device.c[name] for name in Device.__struct_fields__)


async def listing(tx: Transaction, workspace_id: int, contact_id: int) -> list[Device]:
    """A contact's devices in the order in which they came."""
    d = push_device.c
    rows = await tx.execute(
        select(*_SHOWN)
        .where(d.workspace_id == workspace_id, d.contact_id == contact_id)
        .order_by(d.id)
    )
    return [Device(*row) for row in rows]


async def register(
    tx: Transaction,
    workspace_id: int,
    contact_id: int,
    token: str,
    platform: Platform,
    *,
    now: datetime,
) -> Device:
    """Note a device of a contact; one that was another's is this one's now."""
    new = insert(push_device).values(
        workspace_id=workspace_id, contact_id=contact_id, token=token, platform=platform,
        seen_at=now, created_at=now,
    )  # fmt: skip
    made = await tx.execute(
        new.on_conflict_do_update(
            index_elements=["workspace_id", "token"],
            set_={name: new.excluded[name] for name in ("contact_id", "platform", "seen_at")},
        ).returning(*_SHOWN)
    )
    return Device(*made.one())


async def forget(tx: Transaction, workspace_id: int, contact_id: int, device_id: int) -> None:
    """Send nothing more to a device; raises Problem `not_found`."""
    d = push_device.c
    gone = await tx.execute(
        delete(push_device)
        .where(d.workspace_id == workspace_id, d.contact_id == contact_id, d.id == device_id)
        .returning(d.id)
    )
    if gone.one_or_none() is None:
        raise Problem("not_found", "the contact has no such device")
