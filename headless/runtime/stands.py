"""Where the batch stands: the claimed positions, and what has become of what they waited for.

Pure. Builds the first parts of a run's statement: the claim, `due` (the claimed positions) and
`stood` (the same, with the instant `at` at which they go on). What an event decides is `flow`'s.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    SmallInteger,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from headless.audience.values import Sql, interval
from headless.dsl.plan import Arm, Plan, Step, Tick, Wait
from headless.storage.tables import Instant, Place, campaign, position, workspace
from headless.workspace.names import Names

NOW: Final = bindparam("now", type_=Instant)
FOREVER: Final = literal_column("timestamptz 'infinity'", Instant)
LATE: Final = interval("10 minutes")
"""A step that is later than this (an outage, a pause) counts from when it really runs. As long as
the longest grace, which a deadline is allowed on top."""
_MOST_GRACE: Final = 600.0


class Version(msgspec.Struct, frozen=True):
    """A stored version as the engine needs it; `zone` is the workspace's, None: no own zone."""

    workspace_id: int
    campaign_id: int
    id: int
    plan: Plan
    names: Names
    zone: str


def number(value: int) -> Sql:
    """A whole number written into the statement, not bound: it is part of the plan."""
    return literal_column(str(value), SmallInteger)


def grace(arm: Arm) -> Sql:
    """How long an arm waits for late events after its window: at most 10 minutes, a tenth of it."""
    within = arm.trigger.within
    seconds = min(_MOST_GRACE, within.duration.least_seconds / 10) if within else 0.0
    return interval(f"{seconds:g} seconds")


# ---------------------------------------------------------------- the claim


def claim(
    version: Version, step: int, only: Callable[[FromClause], ColumnElement[bool]] | None = None
) -> Select[*tuple[Any, ...]]:
    """Lock up to `:most` positions that are due at a step; others' locks are passed over.

    Answers one row: how many, their enrollments, their places in the table as one text, and the
    workspace's `caps`. A place holds as long as its lock does, which spares the next statement two
    look-ups by key for each row. Nobody is claimed while the campaign may not run; `only` says
    which positions else.
    """
    p = position.alias("p")
    due = when_due(version, step, p, only).with_for_update(of=p, skip_locked=True)
    return locked(version, due.subquery("due"))


def when_due(
    version: Version,
    step: int,
    p: FromClause,
    only: Callable[[FromClause], ColumnElement[bool]] | None = None,
) -> Select[*tuple[Any, ...]]:
    """The first positions (`p`) that are due at a step, unless the campaign may not run."""
    return (
        select(p.c.enrollment_id, p.c.branch, p.c.contact_id, p.c.ctid.label("place"))
        .where(
            p.c.version_id == version.id,
            p.c.step == number(step),
            p.c.due_at <= NOW,
            _may_run(version),
            true() if only is None else only(p),
        )
        .order_by(p.c.due_at)
        .limit(bindparam("most", type_=BigInteger))
    )


def locked(version: Version, due: FromClause) -> Select[*tuple[Any, ...]]:
    """The answer of a claim: one row about all positions that it has locked.

    The commit of what follows waits for no disk: a power cut takes the batch back as a whole, and
    whoever hands a message over has committed after it and waited.
    """
    return select(
        func.set_config("synchronous_commit", "off", True).label("commit"),
        func.count().label("claimed"),
        func.array_agg(due.c.enrollment_id, type_=ARRAY(BigInteger)).label("enrollments"),
        cast(func.array_agg(due.c.place), Text).label("places"),
        select(workspace.c.caps)
        .where(workspace.c.id == version.workspace_id)
        .scalar_subquery()
        .label("caps"),
    )


def _may_run(version: Version) -> ColumnElement[bool]:
    """The campaign is running, and within its active window: a pause holds everybody in place."""
    c = campaign.c
    return exists(
        select(1).where(
            c.workspace_id == version.workspace_id,
            c.id == version.campaign_id,
            may_run(c),
        )
    )


def may_run(campaigns: Any) -> ColumnElement[bool]:
    """The same of the columns of any row of `campaign`."""
    return and_(
        campaigns.state == "running",
        or_(campaigns.active_from.is_(None), campaigns.active_from <= NOW),
        or_(campaigns.active_to.is_(None), campaigns.active_to > NOW),
    )


def due() -> CTE:
    """The claimed positions, read again: a second statement sees what committed before the lock."""
    places = cast(bindparam("places", type_=Text), ARRAY(Place))
    columns = [column for column in position.c if column.name != "ctid"]
    return (
        select(*columns, position.c.ctid.label("place"))
        .where(position.c.ctid == places.any_())
        .cte("due")
        .prefix_with("materialized")
    )


# ---------------------------------------------------------------- what has become of it


def plainly(step: Step, claimed: CTE) -> Select[*tuple[Any, ...]]:
    """The positions of a rest that only time ends, with the columns that every rest has.

    `at` is the instant at which they go on, `outcome` 0, `cause` the activity that moved the path
    last, `wake_at` when those must be asked again that do not go on.
    """
    at: Sql = claimed.c.due_at if isinstance(step, Wait) else claimed.c.arrived_at
    if isinstance(step, Tick):  # `opens` marks one that has had its last
        at = case((claimed.c.opens.is_(None), claimed.c.due_at), else_=at)
    return select(
        claimed,
        not_late(claimed.c.due_at, at).label("at"),
        number(0).label("outcome"),
        claimed.c.activity_id.label("cause"),
        cast(null(), Instant).label("wake_at"),
    )


def not_late(promised: Sql, at: Sql) -> Sql:
    """When a step counts from: `at`, or now where it was promised long before."""
    return case((promised < NOW - LATE, NOW), else_=at)
