"""Loops as SQL: how often a path has turned back at a `repeat`, an `every` or a bounded `jump`.

Pure. A position remembers its rounds in `laps`, `{"7": {"n": 3}}` by the step's number; the number
grows when a round begins and goes when the loop is over or left by a jump, save that of a jump,
which counts for the whole run. Imports the language, `audience` and `recurrence`.
"""

from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, Text, and_, case, cast, false, func, literal, or_
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, array

from headless.audience.conditions import holds
from headless.audience.values import Scope, Sql, interval, shifted
from headless.dsl import ast
from headless.dsl.plan import Jump, Loop, Plan, Step, Tick
from headless.runtime import times
from headless.runtime.flow.recurrence import first_tick, next_tick
from headless.runtime.stands import FOREVER, NOW, number
from headless.storage.tables import Instant

TURNING: Final = (Loop, Tick, Jump)
_NOTHING: Final = cast(literal({}, JSONB), JSONB)
_AFTER: Final = interval("1 microsecond")


def turns(plan: Plan) -> bool:
    """Whether paths of a plan can turn back."""
    return any(isinstance(step, TURNING) for step in plan.steps)


def done(step: Step, laps: Sql) -> Sql:
    """How many rounds of a step have begun."""
    return func.coalesce(cast(laps[str(step.number)]["n"].astext, Integer), 0)


def is_over(step: Step, standing: Any, scope: Scope) -> ColumnElement[bool]:
    """Whether a contact who stands at a turning step goes on, and not round once more."""
    match step:
        case Loop(times=most, until=until):
            enough = done(step, standing.laps) >= number(most)
            return enough if until is None else or_(enough, holds(until, scope))
        case Jump(at_most=most) if most is not None:
            return done(step, standing.laps) >= number(most)
        case Tick():
            return and_(standing.opens.is_not(None))
    return false()


def laps(plan: Plan, step: Step, standing: Any, over: ColumnElement[bool]) -> Sql:
    """The rounds of a position that goes on from a turning step."""
    so_far = func.coalesce(standing.laps, _NOTHING, type_=JSONB)
    more = {"n": done(step, standing.laps) + 1}
    match step:
        case Jump(to=to):
            bounded = step.at_most is not None
            counted = _with(so_far, step, more) if bounded else so_far
            return case((over, so_far), else_=_without(counted, _left(plan, step, to)))
        case Tick():
            more["last"] = standing.due_at
    return case((over, _without(so_far, [step.number])), else_=_with(so_far, step, more))


def _with(laps: Sql, step: Step, values: dict[str, Any]) -> Sql:
    pairs = [part for name, value in values.items() for part in (literal(name, Text), value)]
    known = func.coalesce(laps[str(step.number)], _NOTHING, type_=JSONB)
    own = known.concat(func.jsonb_build_object(*pairs, type_=JSONB))
    return laps.concat(func.jsonb_build_object(str(step.number), own, type_=JSONB))


def _without(laps: Sql, steps: list[int]) -> Sql:
    if not steps:
        return laps
    keys = cast(array([literal(str(n), Text) for n in steps]), ARRAY(Text))
    return cast(laps, JSONB).op("-", return_type=JSONB())(keys)


def _left(plan: Plan, jump: Jump, to: int) -> list[int]:
    """The loops that a jump leaves or begins anew."""
    around = _around(plan, to)
    left = [n for n in _around(plan, jump.number) if n not in around]
    if isinstance(plan.steps[to], Loop | Tick) and to not in left:
        left.append(to)
    return left


def _around(plan: Plan, step: int) -> list[int]:
    found = []
    while step := plan.steps[step].parent:
        if isinstance(plan.steps[step], Loop | Tick):
            found.append(step)
    return found


# ---------------------------------------------------------------- `every`


def awaiting(step: Tick, at: Sql, laps: Sql | None, scope: Scope) -> dict[str, Sql]:
    """The columns of a position that has come to an `every`: it sleeps until the next tick.

    `opens` marks one that has had its last: it goes on at once.
    """
    known = (_NOTHING if laps is None else laps)[str(step.number)]
    began = func.coalesce(cast(known["began"].astext, Instant), at, type_=Instant)
    first = func.coalesce(
        cast(known["first"].astext, Instant),
        first_tick(step.schedule, at, scope),
        type_=Instant,
    )
    last = cast(known["last"].astext, Instant)
    after = func.greatest(at, last + _AFTER, type_=Instant)
    tick = next_tick(step.schedule, first, after, scope)
    over = _is_last(step, began, tick, known, scope)
    so_far = _NOTHING if laps is None else func.coalesce(laps, _NOTHING, type_=JSONB)
    return {
        "due_at": case((over, NOW), else_=tick),
        "opens": case((over, array([FOREVER]))),
        "laps": _with(so_far, step, {"began": began, "first": first}),
    }


def _is_last(step: Tick, began: Sql, tick: Sql, known: Sql, scope: Scope) -> ColumnElement[bool]:
    match step.stop:
        case ast.ForTimes(times=most):
            return func.coalesce(cast(known["n"].astext, Integer), 0) >= number(most)
        case ast.ForDuration(duration=duration):
            return tick >= shifted(began, duration, scope.zone)
        case ast.UntilDate(date=date):
            end = times.ends(ast.OnDate(date=date), began, scope)
            return tick >= end
    return false()
