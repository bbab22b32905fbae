"""Branches as SQL: parallel parts, each a position of its own, and where they meet again.

Pure. At a fork the position itself goes to the join and sleeps there; each part is a new position
at the part's first step. A part that is done stands at the join, due at once; the last to come
wakes the path, which goes on at the latest of their times. Nobody waits for a lock here: who cannot
have all the positions that it needs leaves them for later. Imports the language and `stands`.
"""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    Text,
    and_,
    case,
    cast,
    delete,
    func,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, aggregate_order_by

from headless.audience.values import Sql
from headless.dsl.plan import Fork, Join, Plan, Rule, rank
from headless.runtime.stands import Version, locked, not_late, number, when_due
from headless.storage.tables import Instant, position

Claim = Select[*tuple[Any, ...]]


def branch_of(plan: Plan, step: int) -> int:
    """The branch of the positions that stand at a step; 0 is the path itself."""
    inner = step
    while step := plan.steps[step].parent:
        match plan.steps[step]:
            case Rule(branch=branch):
                return branch
            case Fork() as fork if inner != fork.join:
                return fork.branches[_part(plan, fork, inner)]
        inner = step
    return 0


def _part(plan: Plan, fork: Fork, step: int) -> int:
    """The part that a step stands in: the last that has begun before it in the text."""
    here, starts = rank(plan, step), [part for part in fork.parts if part is not None]
    begun = [i for i, part in enumerate(starts) if rank(plan, part) <= here]
    return max(i for i in begun if starts[i] != fork.join)


def branches_below(plan: Plan, rule: Rule) -> list[int]:
    """The branch of a standing rule and those of everything that its body sets up."""
    found = [rule.branch]
    for step in plan.steps:
        if _stands_in(plan, step.number, rule.number):
            match step:
                case Rule(branch=branch):
                    found.append(branch)
                case Fork(branches=branches):
                    found += branches
    return found


def _stands_in(plan: Plan, step: int, block: int) -> bool:
    while step := plan.steps[step].parent:
        if step == block:
            return True
    return False


def fork_of(plan: Plan, join: Join) -> Fork:
    """The fork whose parts meet at a join."""
    fork = plan.steps[join.fork]
    if not isinstance(fork, Fork):
        raise TypeError(f"step {join.fork} is no fork")
    return fork


# ---------------------------------------------------------------- claims


def claim_parts(version: Version, join: Join) -> Claim:
    """Lock parts that have come to a join, with the paths that wait for them there."""
    p, path = position.alias("p"), position.alias("path")
    plan = version.plan
    waits = and_(
        path.c.workspace_id == p.c.workspace_id,
        path.c.enrollment_id == p.c.enrollment_id,
        path.c.branch == number(branch_of(plan, join.fork)),
    )
    due = (
        when_due(version, join.number, p)
        .join(path, waits)
        .with_for_update(of=[p, path], skip_locked=True)
        .cte("due")
    )
    return locked(version, due)


Together = Callable[[FromClause, FromClause], ColumnElement[bool]]
"""Whether a position must be held together with one that is due."""


def claim_whole_runs(version: Version, step: int) -> Claim:
    """Lock positions that are about to leave, each with all the positions of its run."""

    def same_run(mine: FromClause, other: FromClause) -> ColumnElement[bool]:
        return and_(
            other.c.workspace_id == version.workspace_id,
            other.c.enrollment_id == mine.c.enrollment_id,
            other.c.branch != mine.c.branch,
        )

    return claim_together(version, step, same_run)


def claim_together(version: Version, step: int, same: Together) -> Claim:
    """Lock positions that are due, each with others that must be held with it.

    Where somebody else holds one of those, they are all left for later.
    """
    p, other, any_ = position.alias("p"), position.alias("other"), position.alias("anywhere")
    mine = when_due(version, step, p).with_for_update(of=p, skip_locked=True).cte("mine")
    others = (
        select(mine.c.place, other.c.branch)
        .select_from(mine.join(other, same(mine, other)))
        .order_by(other.c.enrollment_id, other.c.branch)
        .with_for_update(of=other, skip_locked=True)
        .cte("others")
        .prefix_with("materialized")
    )
    held = select(func.count()).where(others.c.place == mine.c.place)
    there = select(func.count()).where(same(mine, any_))
    whole = held.correlate(mine).scalar_subquery() == there.correlate(mine).scalar_subquery()
    return locked(version, select(mine).where(whole).cte("due"))


# ---------------------------------------------------------------- at the join


def arrived(version: Version, join: Join, claimed: CTE) -> Select[*tuple[Any, ...]]:
    """The paths whose parts have come, in the columns of `stood`; -1 waits for another part."""
    plan = version.plan
    fork = fork_of(plan, join)
    part, path = position.alias("part"), position.alias("path")
    latest = aggregate_order_by(part.c.activity_id, part.c.arrived_at.desc(), part.c.branch)
    come = (
        select(
            part.c.enrollment_id,
            func.count().filter(part.c.step != number(join.number)).label("away"),
            func.max(part.c.visit).label("visit"),
            func.max(part.c.arrived_at).label("came_at"),
            func.max(part.c.due_at).label("came_due"),
            func.array_agg(latest, type_=ARRAY(BigInteger))[1].label("cause"),
        )
        .where(
            part.c.workspace_id == version.workspace_id,
            part.c.enrollment_id.in_(select(claimed.c.enrollment_id)),
            part.c.branch.in_(fork.branches),
        )
        .group_by(part.c.enrollment_id)
        .cte("come")
    )
    waits = and_(
        path.c.workspace_id == version.workspace_id,
        path.c.enrollment_id == come.c.enrollment_id,
        path.c.branch == number(branch_of(plan, fork.number)),
    )
    new = {"visit": come.c.visit, "laps": _laps(version, fork, path), "place": path.c.ctid}
    columns = [new.get(c.name, path.c.get(c.name, c)).label(c.name) for c in claimed.c]
    return select(
        *columns,
        not_late(come.c.came_due, come.c.came_at).label("at"),
        case((come.c.away == 0, number(0)), else_=number(-1)).label("outcome"),
        come.c.cause,
        cast(null(), Instant).label("wake_at"),
    ).select_from(come.join(path, waits))


def _laps(version: Version, fork: Fork, path: Any) -> Sql:
    """The rounds of all parts together: of those that several know the furthest."""
    part = position.alias("counted")
    each = func.jsonb_each(part.c.laps).table_valued("key", "value", name="lap")
    lap = each.render_derived()
    furthest = aggregate_order_by(cast(lap.c.value, JSONB), cast(lap.c.value, JSONB).desc())
    value = func.array_agg(furthest, type_=ARRAY(JSONB))[1]
    told = (
        select(cast(lap.c.key, Text).label("key"), value.label("value"))
        .select_from(part.join(lap, part.c.laps.is_not(None)))
        .where(
            part.c.workspace_id == version.workspace_id,
            part.c.enrollment_id == path.c.enrollment_id,
            part.c.branch.in_(fork.branches),
        )
        .group_by(lap.c.key)
        .correlate(path)
        .subquery("told")
    )
    return select(func.jsonb_object_agg(told.c.key, told.c.value, type_=JSONB)).scalar_subquery()


def met(join: Join, plan: Plan, stood: CTE) -> Iterator[CTE]:
    """Parts that wait for another one sleep; those of a path that goes on are over."""
    p, fork = position, fork_of(plan, join)
    mine = and_(
        p.c.workspace_id == stood.c.workspace_id,
        p.c.enrollment_id == stood.c.enrollment_id,
        p.c.branch.in_(fork.branches),
        p.c.step == number(join.number),
    )
    yield (
        update(p)
        .where(mine, stood.c.outcome == -1)
        .values(due_at=None)
        .returning(p.c.branch)
        .cte("waits")
    )
    yield delete(p).where(mine, stood.c.outcome == 0).returning(p.c.branch).cte("joined")
