"""Moves as SQL: where the contacts of a batch stand after their run.

Pure. A position goes to its next rest with the instant that wakes it, or is deleted at the end of
the path; a `whenever` sets up a position of its own. Imports the language, `batch` and `times`.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    literal_column,
    not_,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, array, insert

from headless.audience.conditions import heard
from headless.audience.values import Sql, shifted
from headless.dsl import ast
from headless.dsl.plan import (
    Arm,
    Fork,
    Join,
    Jump,
    Loop,
    Rule,
    Step,
    Tick,
    Wait,
    When,
    Whenever,
)
from headless.runtime import left, times
from headless.runtime.batch import Frame
from headless.runtime.flow import branches, loops
from headless.runtime.paths import ALWAYS, LEFT, Paths
from headless.runtime.sendings import just_sent, last_sent, message_of
from headless.runtime.stands import FOREVER, NOW, grace, number
from headless.storage import tables
from headless.storage.codes import EnrollmentState
from headless.storage.tables import Instant

_NO_WINDOW = cast(null(), ARRAY(Instant))


def moves(frame: Frame) -> Iterator[CTE]:
    """The parts that move, delete or set up positions, and end enrollments."""
    if isinstance(frame.start, When | Rule) or frame.holds:
        yield from _waiting_on(frame)
    if isinstance(frame.start, Join):
        yield from branches.met(frame.start, frame.version.plan, frame.stood)
    onward = [(to, paths) for to, paths in frame.run.exits if isinstance(to, int)]
    if onward:
        yield _moved(frame, onward)
        if spent := _spent(frame, onward):
            yield from spent
    for to, paths in frame.run.exits:
        if to is None:
            yield from _ended(frame, paths)
        elif to == LEFT:
            yield from _left(frame, paths)
    for n, paths in frame.run.steps:
        step = frame.step(n)
        if isinstance(step, Whenever):
            yield _stood_up(frame, step, paths)
        if isinstance(step, Fork):
            yield from _begun(frame, step, paths)


def follow(frame: Frame) -> tuple[int, ...]:
    """The rests that this run may leave due at once: worth another look in the same job."""
    found = [to for to, _ in frame.run.exits if isinstance(to, int) and _may_be_due(frame, to)]
    beside: list[int] = []
    for n, _ in frame.run.steps:
        match frame.step(n):
            case Whenever(rule=rule):
                beside.append(rule)
            case Fork() as fork:
                beside += [part for _, part in _parts(fork)]
    return tuple(dict.fromkeys((*found, *beside)))


def _may_be_due(frame: Frame, to: int) -> bool:
    step = frame.step(to)
    return not (isinstance(step, Wait) and isinstance(step.until, ast.Duration))


def _same(frame: Frame) -> ColumnElement[bool]:
    """The row of `position` that a row of the batch came from."""
    return tables.position.c.ctid == frame.rows.c.place


# ---------------------------------------------------------------- onwards


def _moved(frame: Frame, onward: list[tuple[int, Paths]]) -> CTE:
    p, e = tables.position, frame.rows.c
    here: dict[str, list[tuple[Any, Sql]]] = {}
    for to, paths in onward:
        for column, value in _arrival(frame, to, paths).items():
            here.setdefault(column, []).append((frame.by(paths), value))
    values = {
        column: ways[0][1] if len(ways) == 1 else case(*ways) for column, ways in here.items()
    }
    kept = or_(*(frame.by(paths) for _, paths in onward))
    return (
        update(p)
        .where(_same(frame), kept, not_(_is_spent(frame, onward)))
        .values(**values, arrived_at=e.at, activity_id=e.cause)
        .returning(p.c.branch)
        .cte("moved")
    )


def _arrival(frame: Frame, to: int, paths: Paths) -> dict[str, Sql]:
    """The columns of a position that has just come to a rest."""
    e, step = frame.rows.c, frame.step(to)
    place: dict[str, Sql] = {
        "step": number(to), "visit": e.visit, "due_at": NOW, "opens": _NO_WINDOW,
        "closes": _NO_WINDOW,
    }  # fmt: skip
    if loops.turns(frame.version.plan):
        place["laps"] = frame.laps
    match step:
        case Wait(until=until):
            return place | {"due_at": times.ends(until, e.at, frame.scope)}
        case When():
            return place | _listening(frame, step, paths)
        case Rule():
            opens, closes = _rule_window(frame, step)
            return place | {"visit": e.visit + 1, "opens": opens, "closes": closes}
        case Loop() | Jump():
            return place | {"visit": e.visit + 1}
        case Tick():
            awaits = loops.awaiting(step, e.at, frame.laps, frame.scope)
            return place | {"visit": e.visit + 1, **awaits}
        case Join(fork=fork) if any(n == fork for n, _ in frame.run.steps):
            return place | {"due_at": cast(null(), Instant)}
        case _:
            return place


def _listening(frame: Frame, step: When, paths: Paths) -> dict[str, Sql]:
    """The windows of a `when`, fixed on arrival.

    The position sleeps until its first deadline, unless something that an arm waits for has
    happened already: then it is due at once, and history decides.
    """
    at = frame.rows.c.at
    opens = [at if step.implicit else _anchor(frame, arm, paths) for arm in step.arms]
    closes = [_closing(frame, arm, start) for arm, start in zip(step.arms, opens, strict=True)]
    asked = [i for i, arm in enumerate(step.arms) if not just_sent(frame, arm, paths)]
    known = [_happened_since(frame, step.arms[i], opens[i]) for i in asked]
    wakes = [c + grace(arm) for arm, c in zip(step.arms, closes, strict=True)]
    first = wakes[0] if len(wakes) == 1 else func.least(*wakes, type_=Instant)
    unbounded = all(arm.trigger.within is None for arm in step.arms)
    sleeps = cast(null(), Instant) if unbounded else func.nullif(first, FOREVER, type_=Instant)
    due_at = case((or_(*known), NOW), else_=sleeps) if known else sleeps
    return {"due_at": due_at, "opens": array(opens), "closes": array(closes)}


def _happened_since(frame: Frame, arm: Arm, opens: Sql) -> ColumnElement[bool]:
    """Whether an activity of the kind that an arm waits for is there already."""
    a, e = tables.activity.c, frame.rows.c
    kinds = [
        and_(a.kind == number(h.kind), a.ref == number(h.ref) if h.ref else true())
        for h in heard(arm.trigger.event, frame.version.names)
    ]
    return exists(
        select(1).where(a.contact_id == e.contact_id, or_(*kinds), a.occurred_at >= opens)
    )


def _closing(frame: Frame, arm: Arm, opens: Sql) -> Sql:
    within = arm.trigger.within
    return FOREVER if within is None else shifted(opens, within.duration, frame.scope.zone)


def _anchor(frame: Frame, arm: Arm, paths: Paths) -> Sql:
    """When the stopwatch of an arm starts: the last sending of its message, else the arrival."""
    e = frame.rows.c
    within = arm.trigger.within
    if within is not None and isinstance(within.anchor, ast.EntryAnchor):
        return e.entered_at
    message = message_of(arm.trigger.event)
    if message is None or just_sent(frame, arm, paths):
        return e.at
    return func.coalesce(*last_sent(frame, message), e.at)


# ---------------------------------------------------------------- still waiting


def _waiting_on(frame: Frame) -> Iterator[CTE]:
    """Woken for nothing: sleep on until the deadline. A standing rule whose window closed goes."""
    p, s = tables.position, frame.stood.c
    mine = p.c.ctid == s.place
    yield (
        update(p)
        .where(mine, s.outcome == -1)
        .values(due_at=s.wake_at, **({"opens": array([s.at])} if frame.holds else {}))
        .returning(p.c.branch)
        .cte("waits")
    )
    if isinstance(frame.start, Rule):
        yield delete(p).where(mine, s.outcome == -2).returning(p.c.branch).cte("closed")


# ---------------------------------------------------------------- parallel parts


def _parts(fork: Fork) -> list[tuple[int, int]]:
    """The branch and the first step of each part that has steps."""
    pairs = zip(fork.branches, fork.parts, strict=True)
    return [(branch, part) for branch, part in pairs if part is not None and part != fork.join]


def _begun(frame: Frame, fork: Fork, paths: Paths) -> Iterator[CTE]:
    """A position for each part, at the part's first step."""
    p, e = tables.position, frame.rows.c
    for branch, part in _parts(fork):
        columns = {
            "workspace_id": e.workspace_id, "enrollment_id": e.enrollment_id,
            "branch": number(branch), "contact_id": e.contact_id, "version_id": e.version_id,
            "arrived_at": e.at, "activity_id": e.cause, **_arrival(frame, part, paths),
        }  # fmt: skip
        rows = select(*columns.values()).where(frame.by(paths))
        yield (
            insert(p)
            .from_select(list(columns), rows)
            .on_conflict_do_nothing()
            .returning(p.c.branch)
            .cte(f"part{branch}")
        )


# ---------------------------------------------------------------- standing rules


def _stood_up(frame: Frame, step: Whenever, paths: Paths) -> CTE:
    """A position of its own for a standing rule, from now on."""
    p, e = tables.position, frame.rows.c
    rule = frame.step(step.rule)
    if not isinstance(rule, Rule):
        raise TypeError(f"step {step.rule} is no rule")
    closes = _closing(frame, Arm(rule.trigger), e.at)
    rows = select(
        e.workspace_id, e.enrollment_id, number(rule.branch), e.contact_id, e.version_id,
        number(rule.number), number(1), e.at, NOW, array([e.at]), array([closes]), e.cause,
    ).where(frame.by(paths))  # fmt: skip
    columns = [
        "workspace_id", "enrollment_id", "branch", "contact_id", "version_id",
        "step", "visit", "arrived_at", "due_at", "opens", "closes", "activity_id",
    ]  # fmt: skip
    return (
        insert(p)
        .from_select(columns, rows)
        .on_conflict_do_nothing()
        .returning(p.c.branch)
        .cte(f"rule{rule.number}")
    )


def _rule_window(frame: Frame, rule: Rule) -> tuple[Sql, Sql]:
    """Back at a standing rule: what happened while its body ran over time does not count."""
    e = frame.rows.c
    if frame.run.start == rule.number:
        return e.opens, e.closes
    journal, up = tables.journal.c, _setter(frame, rule)
    started = (
        select(func.max(journal.at))
        .where(
            journal.workspace_id == frame.version.workspace_id,
            journal.enrollment_id == e.enrollment_id,
            journal.step == number(up.number),
        )
        .scalar_subquery()
    )
    return array([e.at]), array([_closing(frame, Arm(rule.trigger), started)])


def _setter(frame: Frame, rule: Rule) -> Step:
    return next(
        s for s in frame.version.plan.steps if isinstance(s, Whenever) and s.rule == rule.number
    )


def _is_spent(frame: Frame, onward: list[tuple[int, Paths]]) -> ColumnElement[bool]:
    """Back at a standing rule that has answered `at most N times`."""
    tests = [
        and_(frame.by(paths), frame.rows.c.visit >= number(rule.at_most))
        for to, paths in onward
        if isinstance(rule := frame.step(to), Rule) and rule.at_most is not None
    ]
    return or_(*tests) if tests else literal_column("false")


def _spent(frame: Frame, onward: list[tuple[int, Paths]]) -> list[CTE]:
    spent = _is_spent(frame, onward)
    if str(spent) == "false":
        return []
    p = tables.position
    return [delete(p).where(_same(frame), spent).returning(p.c.branch).cte("spent")]


# ---------------------------------------------------------------- the end


def has_rules(frame: Frame) -> bool:
    """Whether runs of this plan can have more than one position."""
    return any(isinstance(step, Whenever) for step in frame.version.plan.steps)


def _ended(frame: Frame, paths: Paths) -> Iterator[CTE]:
    """The path is over. With standing rules the run may go on: `advance` looks after that."""
    p = tables.position
    yield delete(p).where(_same(frame), frame.by(paths)).returning(p.c.branch).cte("ended")
    if not has_rules(frame):
        yield from _closed(frame, paths, EnrollmentState.FINISHED, "finished")


def _left(frame: Frame, paths: Paths) -> Iterator[CTE]:
    """Out of the campaign, with everything that the run waits for."""
    p, e = tables.position, frame.rows.c
    all_of_it = and_(
        p.c.workspace_id == frame.version.workspace_id, p.c.enrollment_id == e.enrollment_id
    )
    yield delete(p).where(all_of_it, frame.by(paths)).returning(p.c.branch).cte("gone")
    yield from _closed(frame, paths, EnrollmentState.EXITED, "exited")


def _closed(frame: Frame, paths: Paths, state: EnrollmentState, name: str) -> Iterator[CTE]:
    en, e = tables.enrollment, frame.rows.c
    mine = and_(en.c.workspace_id == frame.version.workspace_id, en.c.id == e.enrollment_id)
    test = true() if paths == ALWAYS else frame.by(paths)
    closed = (
        update(en)
        .where(mine, test)
        .values(state=number(state), ended_at=e.at)
        .returning(*left.ENDED)
        .cte(name)
    )
    yield closed
    yield from left.tell(frame.version, closed, name=name)
