"""Enroll: contacts brought into a campaign by hand or through the API, and taken out of it.

Whoever is removed by hand stays out: no segment and no event brings them back. Imports `publish`
and the runtime.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, bindparam, cast, delete, func, literal, null, select, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from headless.campaigns.publish import find
from headless.problems import Problem
from headless.runtime.entry import enter
from headless.runtime.versions import Versions
from headless.storage.codes import EnrollmentState
from headless.storage.database import Transaction
from headless.storage.tables import Instant, enrollment, position


async def add(
    tx: Transaction,
    versions: Versions,
    workspace_id: int,
    campaign_id: int,
    contacts: Sequence[int],
    *,
    data: dict[str, Any] | None = None,
    now: datetime,
) -> int:
    """Let contacts enter now; `data` becomes their `entry.*`. How many entered.

    Those who are in already, or may not come again, are passed over. Raises Problem `wrong_state`
    for a campaign that does not run.
    """
    found = await find(tx, workspace_id, campaign_id)
    if found.state != "running":
        raise Problem("wrong_state", f"`{found.name}` is {found.state}; start it first")
    made = (await versions.get(tx, found.version_id)).version
    given = bindparam("given", sorted(set(contacts)), type_=ARRAY(BigInteger))
    rows = select(
        func.unnest(given).label("contact_id"),
        literal(now, Instant).label("at"),
        cast(null(), BigInteger).label("activity_id"),
        cast(literal(data, JSONB(none_as_null=True)), JSONB).label("entry"),
    ).cte("given")
    entered: int = await tx.scalar(enter(made, None, rows), {"now": now})
    if entered:
        tx.wake("advance", made.id, 0)
    return entered


async def remove(
    tx: Transaction,
    workspace_id: int,
    campaign_id: int,
    contacts: Sequence[int],
    *,
    now: datetime,
) -> int:
    """Take contacts out of a campaign for good; how many were in it."""
    found = await find(tx, workspace_id, campaign_id)
    given = bindparam("given", list(contacts), type_=ARRAY(BigInteger))
    gone = await tx.execute(
        update(enrollment)
        .where(
            enrollment.c.workspace_id == workspace_id,
            enrollment.c.campaign_id == found.id,
            enrollment.c.contact_id == given.any_(),
            enrollment.c.state == EnrollmentState.RUNNING,
        )
        .values(state=EnrollmentState.REMOVED, ended_at=now)
        .returning(enrollment.c.id)
    )
    ended = [row.id for row in gone]
    of_those = position.c.enrollment_id == bindparam("ended", ended, type_=ARRAY(BigInteger)).any_()
    await tx.execute(delete(position).where(position.c.workspace_id == workspace_id, of_those))
    return len(ended)
