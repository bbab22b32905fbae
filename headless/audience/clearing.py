"""Clearing: what is still to be done about contacts that are gone.

Steps that delete a contact only mark it; here it is erased, in a transaction of its own. A minute
after an erasure or a merge, what others were writing about the contact in that moment goes the same
way. Imports `erasing`, `merging` and storage.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, exists, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from headless.audience.erasing import Hashed, erase
from headless.audience.merging import gather
from headless.storage.database import Transaction
from headless.storage.tables import contact, gone_contact

AT_ONCE: Final = 1_000


async def clear(
    tx: Transaction, workspace_id: int, *, now: datetime, hashed: Hashed | None = None
) -> int:
    """Do what is due about gone contacts; how many there were."""
    g = gone_contact.c
    there = exists(
        select(1).where(contact.c.workspace_id == workspace_id, contact.c.id == g.contact_id)
    )
    rows = (
        await tx.execute(
            select(g.contact_id, g.into_id, there.label("there"))
            .where(g.workspace_id == workspace_id, g.clear_at <= now)
            .order_by(g.clear_at, g.contact_id)
            .limit(AT_ONCE)
            .with_for_update(skip_locked=True, of=gone_contact)
        )
    ).all()
    if not rows:
        return 0
    await tx.execute(
        update(gone_contact)
        .where(
            g.workspace_id == workspace_id,
            g.contact_id
            == bindparam(
                "done", [row.contact_id for row in rows], type_=ARRAY(g.contact_id.type)
            ).any_(),
        )
        .values(clear_at=None)
    )
    if erased := [row.contact_id for row in rows if row.into_id is None]:
        await erase(tx, workspace_id, erased, now=now, hashed=hashed)
    if merged := [(row.into_id, row.contact_id) for row in rows if row.into_id is not None]:
        await gather(tx, workspace_id, merged)
    return len(rows)
