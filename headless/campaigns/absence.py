"""Absence: why a contact has never come into a campaign, asked now of each of its sources.

The journal has nothing on those who never entered, so this alone is worked out anew: the state of
the campaign, the segment, the condition and the values that it looks at. Imports the runtime and
`audience`.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import func, literal, select

from headless.audience.conditions import holds
from headless.audience.rules import rule
from headless.audience.values import Scope, operand_of
from headless.campaigns.publish import Campaign
from headless.campaigns.sentences import moment
from headless.campaigns.sources import brings_members
from headless.dsl import ast
from headless.dsl.plan import Source
from headless.dsl.wording import CANONICAL, written
from headless.runtime.listen import segment_of
from headless.runtime.stands import Version
from headless.runtime.versions import load
from headless.storage.database import Transaction
from headless.storage.tables import Instant, contact, segment, segment_member
from headless.workspace.names import Names, everything


async def reasons(
    tx: Transaction, found: Campaign, made: Version, contact_id: int, *, now: datetime
) -> tuple[str, ...]:
    """A sentence for each source: why it has not brought this contact in."""
    if found.state == "draft":
        return ("the campaign has not been started",)
    told: list[str] = []
    if found.state == "stopped":
        told.append("the campaign was stopped")
    told += [await _of(tx, found, made, one, contact_id, now) for one in made.plan.sources]
    if not made.plan.sources:
        told.append(
            "nobody enters by itself: contacts are added by hand, by the API or by a campaign"
        )
    return tuple(told)


async def never_entered(tx: Transaction, found: Campaign, contact_id: int, *, now: datetime) -> str:
    """The same as one sentence."""
    made = await load(tx, found.version_id)
    why = "; ".join(await reasons(tx, found, made, contact_id, now=now))
    return f"the contact has not entered: {why}"


async def _of(
    tx: Transaction,
    found: Campaign,
    made: Version,
    source: Source,
    contact_id: int,
    now: datetime,
) -> str:
    if source.event is not None:
        return f"it starts when {written(source.event)}, and that has not happened since the start"
    if source.form is not None:
        return f"it starts by the form {source.form}, which was not submitted since the start"
    segment_id = segment_of(made, source)
    since = await _member_since(tx, made.workspace_id, segment_id, contact_id)
    if since is None:
        return await _outside(tx, made, source, segment_id, contact_id, now)
    if source.where is not None and not source.contacts:
        asked = await _asked(tx, made.workspace_id, made.names, source.where, contact_id,
                             made.plan.zone or made.zone, now)  # fmt: skip
        if asked is not None:
            return f"is in segment {source.segment}, but {asked}"
    if source.new_only and found.started_at is not None and since <= found.started_at:
        return (
            f"joined segment {source.segment} at {moment(since)}, before the start; only new"
            " members come in"
        )
    if found.state == "paused":
        return "fits, and comes in when the campaign goes on"
    if brings_members(source) or not source.new_only:
        return "fits, and comes in within seconds"
    return "fits, and comes in on joining"


async def _outside(
    tx: Transaction,
    made: Version,
    source: Source,
    segment_id: int,
    contact_id: int,
    now: datetime,
) -> str:
    """Not in the segment; of a dynamic one, what its condition asks, and what it finds."""
    name = f"is not in segment {source.segment}" if source.segment else "does not fit"
    condition: str | None = await tx.scalar(
        select(segment.c.condition).where(
            segment.c.workspace_id == made.workspace_id, segment.c.id == segment_id
        )
    )
    if condition is None and source.where is not None and source.contacts:
        condition = written(source.where, CANONICAL)
    if condition is None:
        return name
    known = await rule(tx, made.workspace_id, segment_id, condition, now=now)
    asked = await _asked(
        tx, made.workspace_id, known.names, known.condition, contact_id, made.zone, now
    )
    return f"{name}: {asked}" if asked else f"{name} yet, though it fits: within seconds it will be"


async def _member_since(
    tx: Transaction, workspace_id: int, segment_id: int, contact_id: int
) -> datetime | None:
    since: datetime | None = await tx.scalar(
        select(segment_member.c.since).where(
            segment_member.c.workspace_id == workspace_id,
            segment_member.c.segment_id == segment_id,
            segment_member.c.contact_id == contact_id,
        )
    )
    return since


async def _asked(
    tx: Transaction,
    workspace_id: int,
    names: Names,
    condition: ast.Condition,
    contact_id: int,
    zone: str,
    now: datetime,
) -> str | None:
    """`country is "US"` is asked, and country is `FR`; None where the condition holds."""
    scope = Scope(
        workspace_id=workspace_id,
        contact=contact,
        now=literal(now, Instant),
        zone=func.coalesce(contact.c.time_zone, zone),
        names=names,
    )
    operands = dict(_operands(condition))
    values = [operand_of(one, scope, "text").sql for one in operands.values()]
    row = (
        await tx.execute(
            select(holds(condition, scope), *values).where(
                contact.c.workspace_id == workspace_id, contact.c.id == contact_id
            )
        )
    ).one()
    if row[0]:
        return None
    told = [
        f"{name} is {'empty' if value is None else f'`{_plain(value)}`'}"
        for name, value in zip(operands, row[1:], strict=True)
    ]
    asks = f"it asks that {written(condition)}"
    return f"{asks}, and {', '.join(told)}" if told else f"{asks}, which is not so"


def _plain(value: Any) -> str:
    return moment(value) if isinstance(value, datetime) else str(value)


def _operands(condition: ast.Condition) -> Iterable[tuple[str, ast.Operand]]:
    """What a condition looks at that one contact has one value of."""
    for node in everything(condition):
        match node:
            case ast.Did():
                return  # the names inside are the event's own
            case ast.Field(scope="contact" | "company" | "utm" | "device"):
                yield written(node), node
            case ast.Points() | ast.Stage() | ast.Owner() | ast.Device():
                yield written(node), node
