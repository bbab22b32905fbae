"""Where the batch stands: the claimed positions, and what has become of what they waited for.

Pure. Builds the first parts of a run's statement: `due` (the claimed positions) and `stood` (those
that go on, with the instant `at` at which they do, and the outcome of a `when`). History decides:
an activity only wakes a position, and this reading of the activities that happened says which
event came first, so that late events, races and windows already closed need no rules of their own.
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
    literal,
    literal_column,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from headless.audience.conditions import answers
from headless.audience.values import Scope, Sql, interval
from headless.dsl import ast
from headless.dsl.plan import Arm, Plan, Rule, Tick, Wait, When
from headless.storage.tables import (
    Instant,
    Place,
    activity,
    campaign,
    contact,
    enrollment,
    journal,
    position,
    workspace,
)
from headless.workspace.names import Names

NOW: Final = bindparam("now", type_=Instant)
FOREVER: Final = literal_column("timestamptz 'infinity'", Instant)
_LATE: Final = interval("10 minutes")
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
        select(p.c.enrollment_id, p.c.branch, p.c.ctid.label("place"))
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
    """The answer of a claim: one row about all positions that it has locked."""
    return select(
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


def stood(version: Version, step_number: int, claimed: CTE) -> CTE:
    """The positions with `at`, `outcome` (of a `when`, else 0), `cause` and `wake_at`.

    An outcome of -1 goes on waiting until `wake_at`; -2 is a standing rule whose window has closed.
    `cause` is the activity that moved the path last.
    """
    step = version.plan.steps[step_number]
    match step:
        case When():
            statement = _when(version, step, claimed)
        case Rule():
            statement = _rule(version, step, claimed)
        case _:
            at: Sql = claimed.c.due_at if isinstance(step, Wait) else claimed.c.arrived_at
            if isinstance(step, Tick):  # `opens` marks one that has had its last
                at = case((claimed.c.opens.is_(None), claimed.c.due_at), else_=at)
            statement = select(
                claimed,
                not_late(claimed.c.due_at, at).label("at"),
                number(0).label("outcome"),
                claimed.c.activity_id.label("cause"),
                cast(null(), Instant).label("wake_at"),
            )
    return statement.cte("stood").prefix_with("materialized")


def not_late(promised: Sql, at: Sql) -> Sql:
    """When a step counts from: `at`, or now where it was promised long before."""
    return case((promised < NOW - _LATE, NOW), else_=at)


def _scope(version: Version, zone: str) -> Scope:
    """For the details of an event: they speak of its own properties, not of the contact."""
    return Scope(
        workspace_id=version.workspace_id,
        contact=contact,
        now=NOW,
        zone=literal(zone),
        names=version.names,
    )


def _heard(version: Version, event: ast.Event, claimed: CTE, arm: int) -> tuple[Any, Any]:
    """The activity table and what makes a row of it answer the event inside an arm's window."""
    a = activity.alias(f"heard{arm}")
    zone = version.plan.zone or version.zone
    return a, and_(
        a.c.workspace_id == version.workspace_id,
        a.c.contact_id == claimed.c.contact_id,
        answers(event, a, _scope(version, zone), since=claimed.c.opens[arm]),
        a.c.occurred_at >= claimed.c.opens[arm],
        a.c.occurred_at < claimed.c.closes[arm],
    )


def _first(table: FromClause, *wanted: Any, name: str) -> Any:
    return (
        select(table.c.id, table.c.occurred_at)
        .where(*wanted)
        .order_by(table.c.occurred_at, table.c.id)
        .limit(1)
        .lateral(name)
    )


def _when(version: Version, step: When, claimed: CTE) -> Select[*tuple[Any, ...]]:
    joined: Any = claimed
    happens: list[Sql] = []  # when an arm wins, null while it does not
    dies: list[Sql] = []  # when an arm can no longer win, null while it can
    causes: list[Sql] = []
    wakes: list[Sql] = []
    for index, arm in enumerate(step.arms):
        place = index + 1
        a, wanted = _heard(version, arm.trigger.event, claimed, place)
        first = _first(
            a, wanted, _is_news(version, step, arm, a, claimed, place), name=f"arm{place}"
        )
        joined = joined.outerjoin(first, true())
        closes = claimed.c.closes[place]
        final = closes + grace(arm)
        closed = case((and_(first.c.id.is_(None), final <= NOW), closes))
        happens.append(closed if arm.trigger.negated else first.c.occurred_at)
        dies.append(first.c.occurred_at if arm.trigger.negated else closed)
        causes.append(cast(null(), BigInteger) if arm.trigger.negated else first.c.id)
        wakes.append(case((final > NOW, func.nullif(final, FOREVER))))
    winner = func.least(*happens, type_=Instant)
    all_dead = and_(*(dead.is_not(None) for dead in dies))
    chosen = [(happen == winner, index) for index, happen in enumerate(happens)]
    outcome = case(
        *((test, number(index)) for test, index in chosen),
        (all_dead, number(len(step.arms))),
        else_=number(-1),
    )
    last = func.greatest(*dies, type_=Instant)
    at = case(
        *((test, _moment(step.arms[index], happens[index])) for test, index in chosen),
        else_=_dead_at(step, last),
    )
    cause = case(*((test, causes[index]) for test, index in chosen), else_=claimed.c.activity_id)
    return select(
        claimed,
        at.label("at"),
        outcome.label("outcome"),
        func.coalesce(cause, claimed.c.activity_id).label("cause"),
        func.least(*wakes, type_=Instant).label("wake_at"),
    ).select_from(joined)


def _moment(arm: Arm, happened: Sql) -> Sql:
    """An event brings its own time along; a deadline that is long past counts from now."""
    return not_late(happened + _LATE, happened) if arm.trigger.negated else happened


def _dead_at(step: When, last: Sql) -> Sql:
    """The `else` begins at the last deadline, or at the event that a `not` had hoped against."""
    negated = any(arm.trigger.negated for arm in step.arms)
    return last if negated else not_late(last + _LATE, last)


def _is_news(
    version: Version, step: When, arm: Arm, a: FromClause, claimed: CTE, place: int
) -> Sql:
    """No event answers twice: what brought the contact to where the window opens does not count."""
    if step.implicit:
        return true()
    within = arm.trigger.within
    if within is not None and isinstance(within.anchor, ast.EntryAnchor):
        started = (
            select(enrollment.c.activity_id)
            .where(
                enrollment.c.workspace_id == version.workspace_id,
                enrollment.c.id == claimed.c.enrollment_id,
            )
            .correlate(claimed)
            .scalar_subquery()
        )
        return a.c.id.is_distinct_from(started)
    return or_(
        a.c.id.is_distinct_from(claimed.c.activity_id),
        claimed.c.opens[place] < claimed.c.arrived_at,
    )


def _rule(version: Version, step: Rule, claimed: CTE) -> Select[*tuple[Any, ...]]:
    a, wanted = _heard(version, step.trigger.event, claimed, 1)
    answered = exists(
        select(1)
        .where(
            journal.c.workspace_id == version.workspace_id,
            journal.c.enrollment_id == claimed.c.enrollment_id,
            journal.c.step == number(step.number),
            journal.c.activity_id == a.c.id,
        )
        .correlate(claimed, a)
    )
    first = _first(
        a,
        wanted,
        ~answered,
        a.c.enrollment_id.is_distinct_from(claimed.c.enrollment_id),
        true() if step.implicit else a.c.id.is_distinct_from(claimed.c.activity_id),
        name="occurrence",
    )
    final = claimed.c.closes[1] + grace(Arm(step.trigger))
    outcome = case(
        (first.c.id.is_not(None), number(0)), (final <= NOW, number(-2)), else_=number(-1)
    )
    return select(
        claimed,
        first.c.occurred_at.label("at"),
        outcome.label("outcome"),
        first.c.id.label("cause"),
        case((final > NOW, func.nullif(final, FOREVER))).label("wake_at"),
    ).select_from(claimed.outerjoin(first, true()))
