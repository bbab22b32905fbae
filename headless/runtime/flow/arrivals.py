"""Arrivals as SQL: the windows of a `when`, fixed when a contact comes to it.

Pure. Each event has a stopwatch of its own: the last sending of its message, the entry, the last
end of a labelled step, else the arrival. Imports the language, `audience` and `batch`.
"""

from msgspec import structs
from sqlalchemy import ColumnElement, and_, case, cast, exists, func, null, or_, select, true
from sqlalchemy.dialects.postgresql import array

from headless.audience.conditions import heard
from headless.audience.values import Sql, shifted
from headless.dsl import ast
from headless.dsl.entrances import single_events
from headless.dsl.identity import own_name
from headless.dsl.plan import Arm, Fork, Loop, Tick, When
from headless.runtime.batch import Frame
from headless.runtime.flow.happenings import points_wanted
from headless.runtime.paths import Paths
from headless.runtime.sendings import just_sent, last_sent, message_of
from headless.runtime.stands import FOREVER, NOW, grace, number
from headless.storage import tables
from headless.storage.codes import Outcome
from headless.storage.tables import Instant


def listening(frame: Frame, step: When, paths: Paths) -> dict[str, Sql]:
    """The columns of a position that has come to a `when`.

    It sleeps until its first deadline, unless something that an arm waits for has happened already:
    then it is due at once, and history decides.
    """
    e = frame.rows.c
    opens: list[Sql] = []
    closes: list[Sql] = []
    known: list[ColumnElement[bool]] = []
    wakes: list[Sql] = []
    for arm in step.arms:
        ends = []
        for one in single_events(arm.trigger.event):
            start = e.at if step.implicit else _anchor(frame, arm, one, paths)
            ends.append(closing(frame, arm, start))
            opens.append(start)
            if not _just_sent(frame, arm, one, paths):
                known.append(_happened_since(frame, one, start))
        closes += ends
        wakes.append(_greatest(ends) + grace(arm))
    first = wakes[0] if len(wakes) == 1 else func.least(*wakes, type_=Instant)
    unbounded = all(arm.trigger.within is None for arm in step.arms)
    sleeps = cast(null(), Instant) if unbounded else func.nullif(first, FOREVER, type_=Instant)
    due_at: Sql = case((or_(*known), NOW), else_=sleeps) if known else sleeps
    if any(True for arm in step.arms for _ in points_wanted(arm.trigger.event)):
        due_at = NOW
    return {"due_at": due_at, "opens": array(opens), "closes": array(closes)}


def closing(frame: Frame, arm: Arm, opens: Sql) -> Sql:
    """When a window that opens then has closed; infinity where nothing closes it."""
    within = arm.trigger.within
    return FOREVER if within is None else shifted(opens, within.duration, frame.scope.zone)


def _greatest(instants: list[Sql]) -> Sql:
    return instants[0] if len(instants) == 1 else func.greatest(*instants, type_=Instant)


def _happened_since(frame: Frame, event: ast.Single, opens: Sql) -> ColumnElement[bool]:
    """Whether an activity of the kind that an event is made of is there already."""
    a, e = tables.activity.c, frame.rows.c
    kinds = [
        and_(a.kind == number(h.kind), a.ref == number(h.ref) if h.ref else true())
        for h in heard(event, frame.version.names)
    ]
    return exists(
        select(1).where(a.contact_id == e.contact_id, or_(*kinds), a.occurred_at >= opens)
    )


# ---------------------------------------------------------------- where a stopwatch starts


def _anchor(frame: Frame, arm: Arm, event: ast.Single, paths: Paths) -> Sql:
    """When the stopwatch of an event starts: the last sending of its message, else the arrival."""
    e = frame.rows.c
    match arm.trigger.within:
        case ast.Within(anchor=ast.EntryAnchor()):
            return e.entered_at
        case ast.Within(anchor=ast.StepAnchor(label=label)):
            return _finished(frame, label)
    about = message_of(event)
    if about is None or _just_sent(frame, arm, event, paths):
        return e.at
    return func.coalesce(*last_sent(frame, about), e.at)


def _just_sent(frame: Frame, arm: Arm, event: ast.Single, paths: Paths) -> bool:
    return just_sent(frame, Arm(structs.replace(arm.trigger, event=event)), paths)


def _finished(frame: Frame, label: ast.Name) -> Sql:
    """When this run last finished a labelled step; the arrival where it never did."""
    e, j = frame.rows.c, tables.journal.c
    key = own_name(ast.Exit(label=label))
    step = next(step for step in frame.version.plan.steps if step.key == key)
    last = step.join if isinstance(step, Fork) else step.number
    over = isinstance(step, Loop | Tick)
    here: list[Sql] = []
    if frame.run.start == last and all(n != last for n, _ in frame.run.steps):
        here.append(e.at)
    for n, paths in frame.run.steps:
        if n == last:
            here.append(case((and_(frame.by(paths), e[f"q{n}"] == 1 if over else true()), e.at)))
    before = (
        select(func.max(j.at))
        .where(
            j.workspace_id == frame.version.workspace_id,
            j.enrollment_id == e.enrollment_id,
            j.step == number(last),
            j.visit > 0,
            j.outcome == number(Outcome.NO) if over else true(),
        )
        .scalar_subquery()
    )
    return func.coalesce(*here, before, e.at)
