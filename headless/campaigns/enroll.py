"""Enroll: contacts brought into a campaign by hand or through the API, and taken out of it.

Whoever is removed by hand stays out: no segment, no event and no other campaign brings them back,
only a hand. Imports `publish`, the runtime and `audience`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Integer,
    SmallInteger,
    and_,
    bindparam,
    cast,
    delete,
    func,
    literal,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert

from headless.audience.activities import told
from headless.campaigns.publish import Campaign, find
from headless.problems import Problem
from headless.runtime.entry import enter
from headless.runtime.versions import Versions
from headless.storage.codes import ActivityKind, EnrollmentState, MessageState, Outcome
from headless.storage.database import Transaction
from headless.storage.tables import (
    Instant,
    contact,
    enrollment,
    journal,
    message,
    position,
    tally,
)

_BY_HAND = "removed by hand"


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

    Those who are in already, or may not come again, are passed over; who was removed by hand comes
    back. Raises Problem `wrong_state` for a campaign that does not run.
    """
    found = await find(tx, workspace_id, campaign_id, lock=True)
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
    entered: int = await tx.scalar(enter(made, None, rows, by_hand=True), {"now": now})
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
    """Take contacts out of a campaign, and keep them out; how many were in it.

    Their waits end, their messages that were not handed over yet are dropped, and those who are not
    in it now are kept from coming in.
    """
    found = await find(tx, workspace_id, campaign_id, lock=True)
    given = bindparam("given", sorted(set(contacts)), type_=ARRAY(BigInteger))
    await tx.execute(_lock(workspace_id, given))
    ended = [row.id for row in await tx.execute(_removed(found, workspace_id, given, now))]
    if ended:
        of_those = bindparam("ended", ended, type_=ARRAY(BigInteger)).any_()
        await tx.execute(
            delete(position).where(
                position.c.workspace_id == workspace_id, position.c.enrollment_id == of_those
            )
        )
        await tx.execute(
            update(message)
            .where(
                message.c.workspace_id == workspace_id,
                message.c.contact_id == given.any_(),
                message.c.enrollment_id == of_those,
                message.c.state == MessageState.PENDING,
            )
            .values(state=MessageState.SKIPPED, reason=_BY_HAND)
        )
        await _tell(tx, found, workspace_id, of_those, len(ended), now)
    await tx.execute(_kept_out(found, workspace_id, given, now))
    return len(ended)


def _lock(workspace_id: int, given: Any) -> Any:
    """The contacts' positions, in key order: whoever is moving them finishes first."""
    return (
        select(position.c.enrollment_id)
        .where(position.c.workspace_id == workspace_id, position.c.contact_id == given.any_())
        .order_by(position.c.enrollment_id, position.c.branch)
        .with_for_update(key_share=True)
    )


def _removed(found: Campaign, workspace_id: int, given: Any, now: datetime) -> Any:
    return (
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


async def _tell(
    tx: Transaction, found: Campaign, workspace_id: int, of_those: Any, count: int, now: datetime
) -> None:
    """The journal's line, the tally, and `left campaign` for whoever listens."""
    en = enrollment.c
    mine = and_(en.workspace_id == workspace_id, en.id == of_those)
    await tx.execute(
        insert(journal)
        .from_select(
            ["workspace_id", "enrollment_id", "step", "visit", "at", "contact_id", "version_id",
             "outcome", "detail"],
            select(
                en.workspace_id, en.id, literal(0, SmallInteger), literal(0, Integer),
                literal(now, Instant), en.contact_id, en.version_id,
                literal(int(Outcome.REMOVED), SmallInteger),
                func.jsonb_build_object("reason", "by hand"),
            ).where(mine),
        )
        .on_conflict_do_nothing()
    )  # fmt: skip
    await tx.execute(
        insert(tally).values(
            workspace_id=workspace_id, version_id=found.version_id, step=0,
            outcome=Outcome.REMOVED, at=now, contacts=count,
        )
    )  # fmt: skip
    rows = select(
        en.contact_id, literal(now, Instant).label("occurred_at"), en.id.label("enrollment_id"),
        cast(null(), JSONB).label("properties"),
    ).where(mine)  # fmt: skip
    noted, todo = told(
        workspace_id, rows, ActivityKind.LEFT_CAMPAIGN, found.id,
        now=literal(now, Instant), name="left",
    )  # fmt: skip
    await tx.execute(select(func.count()).select_from(todo).add_cte(noted, todo))
    tx.wake("hear", workspace_id)


def _kept_out(found: Campaign, workspace_id: int, given: Any, now: datetime) -> Any:
    """A run that never was, for those who are not in it: the newest run says who stays out."""
    last = (
        select(enrollment.c.rotation, enrollment.c.state)
        .where(
            enrollment.c.workspace_id == workspace_id,
            enrollment.c.campaign_id == found.id,
            enrollment.c.contact_id == contact.c.id,
        )
        .order_by(enrollment.c.rotation.desc())
        .limit(1)
        .lateral("last")
    )
    out = select(
        literal(workspace_id), literal(found.id), literal(found.version_id), contact.c.id,
        func.coalesce(last.c.rotation, 0) + 1, literal(int(EnrollmentState.REMOVED), SmallInteger),
        literal(now, Instant), literal(now, Instant),
    ).select_from(contact.outerjoin(last, true())).where(
        contact.c.workspace_id == workspace_id,
        contact.c.id == given.any_(),
        or_(last.c.state.is_(None), last.c.state != EnrollmentState.REMOVED),
    )  # fmt: skip
    return (
        insert(enrollment)
        .from_select(
            ["workspace_id", "campaign_id", "version_id", "contact_id", "rotation", "state",
             "entered_at", "ended_at"],
            out,
        )
        .on_conflict_do_nothing()
    )  # fmt: skip
