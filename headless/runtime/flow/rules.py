"""Standing rules as SQL: a `whenever` is set up, comes back from its body, and is spent.

Pure. A rule is a position on a branch of its own. What happens while its body runs over time is
dropped: the journal says so when the body has ended, beside the rule's own rows, under negative
visits. Imports the language, `audience` and `batch`.
"""

from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    SmallInteger,
    and_,
    cast,
    delete,
    exists,
    func,
    literal,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, array, insert

from headless.audience.conditions import answers
from headless.audience.values import Sql
from headless.dsl.plan import Arm, Rule, Step, Whenever
from headless.runtime.batch import Frame
from headless.runtime.flow.arrivals import closing
from headless.runtime.flow.happenings import detail_scope, each_once, is_counted
from headless.runtime.flow.loops import turns
from headless.runtime.paths import Paths
from headless.runtime.stands import NOW, number
from headless.storage import tables
from headless.storage.codes import Outcome

Onward = list[tuple[int, Paths]]


def stood_up(frame: Frame, step: Whenever, paths: Paths) -> CTE:
    """A position of its own for a standing rule, from now on."""
    p, e = tables.position, frame.rows.c
    rule = frame.step(step.rule)
    if not isinstance(rule, Rule):
        raise TypeError(f"step {step.rule} is no rule")
    columns: dict[str, Sql] = {
        "workspace_id": e.workspace_id, "enrollment_id": e.enrollment_id,
        "branch": number(rule.branch), "contact_id": e.contact_id, "version_id": e.version_id,
        "step": number(rule.number), "visit": _first_visit(frame, rule), "arrived_at": e.at,
        "due_at": NOW, "opens": array([e.at]),
        "closes": array([closing(frame, Arm(rule.trigger), e.at)]), "activity_id": e.cause,
    }  # fmt: skip
    return (
        insert(p)
        .from_select(list(columns), select(*columns.values()).where(frame.by(paths)))
        .on_conflict_do_nothing()
        .returning(p.c.branch)
        .cte(f"rule{rule.number}")
    )


def _first_visit(frame: Frame, rule: Rule) -> Sql:
    """1, or behind all visits of an earlier time round, where paths turn back."""
    if not turns(frame.version.plan):
        return number(1)
    j = tables.journal.c
    so_far = select(func.max(j.visit)).where(*_of_rule(frame, rule), j.visit > 0)
    return func.coalesce(so_far.scalar_subquery(), 0) + 1


def _of_rule(frame: Frame, rule: Step) -> tuple[ColumnElement[bool], ...]:
    j = tables.journal.c
    return (
        j.workspace_id == frame.version.workspace_id,
        j.enrollment_id == frame.rows.c.enrollment_id,
        j.step == number(rule.number),
    )


def back(frame: Frame, rule: Rule) -> dict[str, Sql]:
    """The columns of a rule that has run its body.

    What happened while a body ran over time does not count any more.
    """
    e = frame.rows.c
    place = {"visit": e.visit + 1}
    if frame.run.start == rule.number:
        return place | {"opens": e.opens, "closes": e.closes}
    closes = closing(frame, Arm(rule.trigger), _set_up_at(frame, rule))
    return place | {"opens": array([e.at]), "closes": array([closes])}


def _set_up_at(frame: Frame, rule: Rule) -> Sql:
    j = tables.journal.c
    up = next(
        s for s in frame.version.plan.steps if isinstance(s, Whenever) and s.rule == rule.number
    )
    return select(func.max(j.at)).where(*_of_rule(frame, up)).scalar_subquery()


# ---------------------------------------------------------------- what is dropped


def dropped(frame: Frame) -> list[CTE]:
    """Journal rows for what happened while the body of a rule ran."""
    return [
        _dropped(frame, rule, paths)
        for to, paths in frame.run.exits
        if isinstance(to, int)
        and isinstance(rule := frame.step(to), Rule)
        and frame.run.start != rule.number
    ]


def _dropped(frame: Frame, rule: Rule, paths: Paths) -> CTE:
    e, j, a = frame.rows.c, tables.journal, tables.activity.alias("missed")
    known = exists(select(1).where(*_of_rule(frame, rule), j.c.activity_id == a.c.id))
    beside = (
        select(func.count())
        .where(*_of_rule(frame, rule), j.c.visit < 0)
        .correlate(frame.rows)
        .scalar_subquery()
    )
    order = func.row_number().over(partition_by=e.enrollment_id, order_by=(a.c.occurred_at, a.c.id))
    missed = select(
        e.workspace_id, e.enrollment_id, number(rule.number), -(beside + order), a.c.occurred_at,
        e.contact_id, literal(frame.version.id, BigInteger),
        cast(number(Outcome.DROPPED), SmallInteger), a.c.id, cast(null(), JSONB),
    ).where(
        frame.by(paths),
        a.c.workspace_id == frame.version.workspace_id,
        a.c.contact_id == e.contact_id,
        answers(each_once(rule.trigger.event), a, detail_scope(frame.version)),
        a.c.occurred_at >= _since(frame, rule),
        a.c.occurred_at < e.at,
        a.c.enrollment_id.is_distinct_from(e.enrollment_id),
        ~known,
    )  # fmt: skip
    columns = [
        "workspace_id", "enrollment_id", "step", "visit", "at", "contact_id", "version_id",
        "outcome", "activity_id", "detail",
    ]  # fmt: skip
    return (
        insert(j)
        .from_select(columns, missed)
        .on_conflict_do_nothing()
        .returning(j.c.step, j.c.outcome)
        .cte(f"dropped{rule.number}")
    )


def _since(frame: Frame, rule: Rule) -> Sql:
    """From when on nothing was counted: the set-up, or the last occurrence of a counted event."""
    if not is_counted(rule.trigger.event):
        return _set_up_at(frame, rule)
    j = tables.journal.c
    last = select(func.max(j.at)).where(*_of_rule(frame, rule), j.outcome == number(Outcome.DONE))
    return last.scalar_subquery()


# ---------------------------------------------------------------- the end


def is_spent(frame: Frame, onward: Onward) -> ColumnElement[bool] | None:
    """Back at a standing rule that has answered `at most N times`; None where none is."""
    tests: list[Any] = [
        and_(frame.by(paths), frame.rows.c.visit >= number(rule.at_most))
        for to, paths in onward
        if isinstance(rule := frame.step(to), Rule) and rule.at_most is not None
    ]
    return or_(*tests) if tests else None


def gone(frame: Frame, onward: Onward) -> list[CTE]:
    """The positions of rules that are spent."""
    spent = is_spent(frame, onward)
    if spent is None:
        return []
    p = tables.position
    mine = p.c.ctid == frame.rows.c.place
    return [delete(p).where(mine, spent).returning(p.c.branch).cte("spent")]
