"""Moves as SQL: where the contacts of a batch stand after their run.

Pure. A position goes to its next rest with the instant that wakes it, or is deleted at the end of
the path; a `whenever` sets up a position of its own. Imports the language, `batch` and `times`.
"""

from collections.abc import Iterator
from typing import Any

from msgspec import structs
from sqlalchemy import (
    CTE,
    ColumnElement,
    and_,
    case,
    cast,
    delete,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, array, insert

from headless.audience.values import Sql
from headless.dsl import ast
from headless.dsl.plan import (
    Act,
    Fork,
    Join,
    Jump,
    Loop,
    Rule,
    Tick,
    Wait,
    When,
    Whenever,
)
from headless.runtime import left, times
from headless.runtime.batch import Frame, may_sleep_on
from headless.runtime.effects.stored import column_value
from headless.runtime.flow import arrivals, branches, loops, rules
from headless.runtime.paths import ALWAYS, LEFT, Paths
from headless.runtime.stands import NOW, number
from headless.storage import tables
from headless.storage.codes import EnrollmentState
from headless.storage.tables import Instant

_NO_WINDOW = cast(null(), ARRAY(Instant))


def moves(frame: Frame) -> Iterator[CTE]:
    """The parts that move, delete or set up positions, and end enrollments."""
    if isinstance(frame.start, Join):
        yield from branches.met(frame.start, frame.version.plan, frame.stood)
    elif may_sleep_on(frame.start) or frame.holds:
        yield from _waiting_on(frame)
    onward = [(to, paths) for to, paths in frame.run.exits if isinstance(to, int)]
    if onward:
        yield _moved(frame, onward)
        yield from rules.gone(frame, onward)
    for to, paths in frame.run.exits:
        if to is None:
            yield from _ended(frame, paths)
        elif to == LEFT:
            yield from _left(frame, paths)
    for n, paths in frame.run.steps:
        step = frame.step(n)
        if isinstance(step, Whenever):
            yield rules.stood_up(frame, step, paths)
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
    arriving = _in_new_zone(frame)
    for to, paths in onward:
        for column, value in _arrival(arriving, to, paths).items():
            here.setdefault(column, []).append((frame.by(paths), value))
    values = {
        column: ways[0][1] if len(ways) == 1 else case(*ways) for column, ways in here.items()
    }
    kept = or_(*(frame.by(paths) for _, paths in onward))
    spent = rules.is_spent(frame, onward)
    return (
        update(p)
        .where(_same(frame), kept, true() if spent is None else not_(spent))
        .values(**values, arrived_at=e.at, activity_id=e.cause)
        .returning(p.c.branch)
        .cte("moved")
    )


def _in_new_zone(frame: Frame) -> Frame:
    """The frame by whose clocks its contacts arrive: in the zone that the run itself has set."""
    if frame.version.plan.zone is not None:
        return frame
    ways: list[tuple[Any, Sql]] = []
    own = frame.rows.c.time_zone
    for n, paths in frame.run.steps:
        match frame.step(n):
            case Act(
                action=ast.SetField(field=ast.Field(scope="contact", name="timezone")) as set_
            ):
                zone = column_value("time_zone", own, set_.value, frame.scope)
                ways.append((frame.by(paths), func.coalesce(zone, frame.version.zone)))
            case Act(action=ast.ClearField(field=ast.Field(scope="contact", name="timezone"))):
                ways.append((frame.by(paths), literal(frame.version.zone)))
    if not ways:
        return frame
    scope = structs.replace(frame.scope, zone=case(*ways, else_=frame.scope.zone))
    return structs.replace(frame, scope=scope)


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
            return place | arrivals.listening(frame, step, paths)
        case Rule():
            return place | rules.back(frame, step)
        case Loop() | Jump():
            return place | {"visit": e.visit + 1}
        case Tick():
            awaits = loops.awaiting(step, e.at, frame.laps, frame.scope)
            return place | {"visit": e.visit + 1, **awaits}
        case Join(fork=fork) if any(n == fork for n, _ in frame.run.steps):
            return place | {"due_at": cast(null(), Instant)}
        case _:
            return place


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
    arriving = _in_new_zone(frame)
    for branch, part in _parts(fork):
        columns = {
            "workspace_id": e.workspace_id, "enrollment_id": e.enrollment_id,
            "branch": number(branch), "contact_id": e.contact_id, "version_id": e.version_id,
            "arrived_at": e.at, "activity_id": e.cause, **_arrival(arriving, part, paths),
        }  # fmt: skip
        rows = select(*columns.values()).where(frame.by(paths))
        yield (
            insert(p)
            .from_select(list(columns), rows)
            .on_conflict_do_nothing()
            .returning(p.c.branch)
            .cte(f"part{branch}")
        )


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
