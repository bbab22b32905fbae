"""Membership: who is in a segment, kept in sets; joining and leaving are told to campaigns.

Static segments change by `join` and `leave`; dynamic ones by `refresh` (all of it) and
`refresh_changed` (the contacts that have changed since). Imports the conditions and storage.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Select,
    and_,
    bindparam,
    cast,
    delete,
    func,
    literal,
    null,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert

from headless.audience.activities import told
from headless.audience.conditions import holds
from headless.audience.values import Scope
from headless.dsl import ast
from headless.dsl.parser import parse_condition
from headless.problems import Problem
from headless.storage.codes import ActivityKind
from headless.storage.database import Transaction
from headless.storage.tables import (
    Instant,
    contact,
    contact_change,
    segment,
    segment_member,
    workspace,
)
from headless.workspace.names import Names, resolve

CHANGED_AT_ONCE: Final = 10_000


class Change(msgspec.Struct, frozen=True):
    """How many contacts came into a segment and how many went out of it."""

    joined: int = 0
    left: int = 0


async def join(
    tx: Transaction,
    workspace_id: int,
    segment_id: int,
    contact_ids: Sequence[int],
    *,
    now: datetime,
) -> int:
    """Put contacts into a segment; how many were not in it before."""
    who = _given(contact_ids)
    return await _join(tx, workspace_id, segment_id, who, now)


async def leave(
    tx: Transaction,
    workspace_id: int,
    segment_id: int,
    contact_ids: Sequence[int],
    *,
    now: datetime,
) -> int:
    """Take contacts out of a segment; how many were in it."""
    return await _leave(tx, workspace_id, segment_id, _given(contact_ids), now)


def _given(contact_ids: Sequence[int]) -> Select[*tuple[Any, ...]]:
    ids = bindparam("given", list(contact_ids), type_=ARRAY(BigInteger), unique=True)
    return select(func.unnest(ids).label("contact_id"))


async def _join(
    tx: Transaction, workspace_id: int, segment_id: int, who: Any, now: datetime
) -> int:
    at = literal(now, Instant)
    rows = who.subquery("who")
    new = (
        insert(segment_member)
        .from_select(
            ["workspace_id", "segment_id", "contact_id", "since"],
            select(literal(workspace_id), literal(segment_id), rows.c.contact_id, at),
        )
        .on_conflict_do_nothing()
        .returning(segment_member.c.contact_id)
        .cte("joined")
    )
    return await _tell(tx, workspace_id, segment_id, new, ActivityKind.JOINED_SEGMENT, at)


async def _leave(
    tx: Transaction, workspace_id: int, segment_id: int, who: Any, now: datetime
) -> int:
    at = literal(now, Instant)
    gone = (
        delete(segment_member)
        .where(
            segment_member.c.workspace_id == workspace_id,
            segment_member.c.segment_id == segment_id,
            segment_member.c.contact_id.in_(who),
        )
        .returning(segment_member.c.contact_id)
        .cte("gone")
    )
    return await _tell(tx, workspace_id, segment_id, gone, ActivityKind.LEFT_SEGMENT, at)


async def _tell(
    tx: Transaction, workspace_id: int, segment_id: int, changed: Any, kind: ActivityKind, at: Any
) -> int:
    rows = select(
        changed.c.contact_id,
        at.label("occurred_at"),
        cast(null(), BigInteger).label("enrollment_id"),
        cast(null(), JSONB).label("properties"),
    )
    noted, todo = told(workspace_id, rows, kind, segment_id, now=at, name="members")
    counts = select(
        select(func.count()).select_from(changed).scalar_subquery().label("changed"),
        select(func.count()).select_from(todo).scalar_subquery().label("todo"),
    ).add_cte(noted)
    row = (await tx.execute(counts)).one()
    if row.todo:
        tx.wake("hear", workspace_id)
    return int(row.changed)


# ---------------------------------------------------------------- dynamic segments


class Rule(msgspec.Struct, frozen=True):
    """A dynamic segment, ready to be asked."""

    workspace_id: int
    segment_id: int
    condition: ast.Condition
    names: Names
    zone: str

    def holds(self, now: datetime) -> Any:
        """The condition over the columns of the table `contact`."""
        scope = Scope(
            workspace_id=self.workspace_id,
            contact=contact,
            now=literal(now, Instant),
            zone=func.coalesce(contact.c.time_zone, self.zone),
            names=self.names,
        )
        return and_(contact.c.workspace_id == self.workspace_id, holds(self.condition, scope))


async def rule(
    tx: Transaction, workspace_id: int, segment_id: int, text: str, *, now: datetime
) -> Rule:
    """Read a segment's definition; raises Problem `invalid_text` with its diagnostics."""
    parsed = parse_condition(text)
    if parsed.condition is None:
        raise Problem(
            "invalid_text", "the condition has faults", text=text, faults=parsed.diagnostics
        )
    names = await resolve(tx, workspace_id, [parsed.condition], now=now)
    zone: str = await tx.scalar(select(workspace.c.time_zone).where(workspace.c.id == workspace_id))
    return Rule(workspace_id, segment_id, parsed.condition, names, zone)


async def refresh(tx: Transaction, workspace_id: int, segment_id: int, *, now: datetime) -> Change:
    """Make a dynamic segment's members be those for whom its condition holds now."""
    text = await tx.scalar(
        select(segment.c.condition)
        .where(segment.c.workspace_id == workspace_id, segment.c.id == segment_id)
        .with_for_update()
    )
    if text is None:
        return Change()
    asked = await rule(tx, workspace_id, segment_id, text, now=now)
    await tx.whole_tables()
    change = await _diff(tx, asked, now, None)
    await tx.execute(
        update(segment)
        .where(segment.c.workspace_id == workspace_id, segment.c.id == segment_id)
        .values(refreshed_at=now)
    )
    return change


async def refresh_changed(tx: Transaction, workspace_id: int, *, now: datetime) -> int:
    """Ask the dynamic segments again for contacts that have changed; how many there were."""
    some = (
        select(contact_change.c.contact_id)
        .where(contact_change.c.workspace_id == workspace_id)
        .order_by(contact_change.c.contact_id)
        .limit(CHANGED_AT_ONCE)
        .with_for_update(skip_locked=True)
        .cte("some")
    )
    taken = await tx.execute(
        delete(contact_change)
        .where(
            contact_change.c.workspace_id == workspace_id,
            contact_change.c.contact_id == some.c.contact_id,
        )
        .returning(contact_change.c.contact_id)
    )
    ids = [row.contact_id for row in taken]
    if ids:
        rows = await tx.execute(
            select(segment.c.id, segment.c.condition).where(
                segment.c.workspace_id == workspace_id, segment.c.condition.is_not(None)
            )
        )
        for row in rows.all():
            asked = await rule(tx, workspace_id, row.id, row.condition, now=now)
            await _diff(tx, asked, now, ids)
    return len(ids)


async def _diff(tx: Transaction, asked: Rule, now: datetime, only: list[int] | None) -> Change:
    """Join those who fit and are not in, leave those who are in and do not fit; as sets."""
    among: Any = true()
    if only is not None:
        ids = bindparam("only", only, type_=ARRAY(BigInteger))
        among = contact.c.id == ids.any_()
    fitting = select(contact.c.id.label("contact_id")).where(asked.holds(now), among).cte("fitting")
    m = segment_member
    members = (
        select(m.c.contact_id)
        .where(
            m.c.workspace_id == asked.workspace_id,
            m.c.segment_id == asked.segment_id,
            true()
            if only is None
            else m.c.contact_id == bindparam("members", only, type_=ARRAY(BigInteger)).any_(),
        )
        .cte("members")
    )
    both = fitting.outerjoin(members, fitting.c.contact_id == members.c.contact_id, full=True)
    new = select(fitting.c.contact_id).select_from(both).where(members.c.contact_id.is_(None))
    old = select(members.c.contact_id).select_from(both).where(fitting.c.contact_id.is_(None))
    # leaving first: the second statement of the diff must not see its own joiners
    left = await _leave(tx, asked.workspace_id, asked.segment_id, old, now)
    joined = await _join(tx, asked.workspace_id, asked.segment_id, new, now)
    return Change(joined, left)
