"""Paths: a plan cut into runs of instant steps, each of which one statement carries out.

A contact rests at the entry, at waits, at `when`s and at standing rules, and where a path turns
back or meets others; between two rests all steps are instant. A *run* starts at a rest and holds
every instant step that can follow before the next rests. Where an instant question reads what an
earlier step of the same run writes, the run is cut: the question becomes a rest of its own, due at
once. A run can start at any step, for a position may stand at any. Pure; imports the language.
"""

from typing import Final, Literal

import msgspec

from headless.dsl import ast
from headless.dsl.plan import (
    Act,
    Arm,
    Entry,
    Fork,
    Join,
    Jump,
    Leave,
    Loop,
    Plan,
    Rule,
    Step,
    Target,
    Tick,
    Wait,
    When,
    Whenever,
    targets,
)
from headless.runtime.touches import reads, writes
from headless.workspace.names import everything

Path = frozenset[tuple[int, int]]
"""One way through the questions of a run: which question (its number) had which outcome."""
Paths = frozenset[Path]
ALWAYS: Final[Paths] = frozenset({frozenset()})
_MOST_PATHS: Final = 24  # beyond that the expressions grow faster than a cut costs

LEFT: Final = "left"
Destination = int | None | Literal["left"]
"""Where a run leads: the next rest, the path's end (None), or out of the campaign."""


class Run(msgspec.Struct, frozen=True):
    """The instant steps between a rest and the next ones.

    `start` is the rest; `steps` the instant steps in an order in which each follows those that lead
    to it, with the paths by which it is reached; `exits` where it leads, by which paths. The paths
    of all exits together cover every contact once.
    """

    start: int
    steps: tuple[tuple[int, Paths], ...]
    exits: tuple[tuple[Destination, Paths], ...]


def runs(plan: Plan, also: frozenset[int] = frozenset()) -> dict[int, Run]:
    """Every run of a plan by the step at which it starts; `also` are more steps to rest at."""
    found: dict[int, Run] = {}
    todo = [0, *(step.number for step in plan.steps if isinstance(step, Rule)), *also]
    while todo:
        start = todo.pop()
        if start not in found:
            found[start] = run_from(plan, start, also)
            todo += [to for to, _ in found[start].exits if isinstance(to, int)]
            todo += [part for n, _ in found[start].steps for part in begun(plan.steps[n])]
    return found


def run_from(plan: Plan, start: int, also: frozenset[int] = frozenset()) -> Run:
    """The run that starts at any step; `also` are more steps to rest at than the plan's own."""
    cuts = set(also)
    while True:
        run, hazard = _run(plan, start, cuts)
        if hazard is None:
            return run
        cuts.add(hazard)


def begun(step: Step) -> tuple[int, ...]:
    """Where the parts of a fork begin."""
    if not isinstance(step, Fork):
        return ()
    return tuple(part for part in step.parts if part is not None and part != step.join)


def is_rest(plan: Plan, number: int) -> bool:
    """Whether every position that comes to a step stands there, whatever led to it.

    To leave a run that may have several positions is one: only who holds all of them can end it.
    """
    step = plan.steps[number]
    if leaves(step):
        return has_branches(plan)
    if isinstance(step, Act) and isinstance(step.action, ast.RemoveFrom):
        return step.action.container == "campaign"
    return isinstance(step, Entry | Wait | When | Rule | Loop | Tick | Jump | Join)


def waits(step: Step) -> bool:
    """Whether what a rest waits for is settled before the run that starts there."""
    return isinstance(step, Entry | Wait | When | Rule)


def leaves(step: Step) -> bool:
    """Whether a step ends the run with everything that it waits for."""
    return isinstance(step, Leave) or (
        isinstance(step, Act) and isinstance(step.action, ast.MoveTo | ast.DeleteContact)
    )


def has_branches(plan: Plan) -> bool:
    """Whether a run of the plan can have more than one position."""
    return any(isinstance(step, Whenever | Fork) for step in plan.steps)


def may_end(plan: Plan, run: Run) -> bool:
    """Whether what a run does may be a goal or a stop; with branches that is heard after it."""
    written = {word for n, _ in run.steps for word in writes(plan.steps[n])}
    return bool(written & _awaited(plan)) and not has_branches(plan)


def _awaited(plan: Plan) -> set[str]:
    """What goals and stops listen to, in the words of `writes`."""
    found: set[str] = set()
    for number, ending in enumerate(plan.endings):
        found |= reads(When(number=number, arms=(Arm(ast.Trigger(ending.event)),)))
        for node in everything(ending.event):
            match node:
                case ast.StageEntered():
                    found.add("field:stage")
                case ast.Left(gathering=kind, name=name):
                    found.add(f"{kind}:{name.text.casefold()}")
                case _:
                    pass
    return found


def outcomes(step: Step) -> tuple[Target, ...]:
    """Where each outcome of a question leads, by the outcome's number; one for a plain step.

    From a fork the position itself goes to the join, and waits there for its parts.
    """
    return (step.join,) if isinstance(step, Fork) else targets(step)


def _run(plan: Plan, start: int, cuts: set[int]) -> tuple[Run, int | None]:
    """The run from a step, or the step that it must be cut at."""
    reached: dict[int, Paths] = {start: ALWAYS}
    exits: dict[Destination, Paths] = {}
    steps: list[tuple[int, Paths]] = []
    written: set[str] = set()
    ending = _awaited(plan)
    for number in _in_order(plan, start, cuts):
        step = plan.steps[number]
        paths = _simplified(reached[number], plan)
        if number != start or not waits(step):
            cut = len(paths) > _MOST_PATHS or reads(step) & written or written & ending
            if number != start and cut:
                return Run(start, (), ()), number
            steps.append((number, paths))
            written |= writes(step)
        if leaves(step):
            exits[LEFT] = exits.get(LEFT, frozenset()) | paths
            continue
        ways = outcomes(step)
        for outcome, target in enumerate(ways):
            via = (
                paths if len(ways) == 1 else frozenset(path | {(number, outcome)} for path in paths)
            )
            if target is None or target in cuts or is_rest(plan, target):
                exits[target] = exits.get(target, frozenset()) | via
            else:
                reached[target] = reached.get(target, frozenset()) | via
    ordered = tuple((to, _simplified(paths, plan)) for to, paths in exits.items())
    return Run(start, tuple(steps), ordered), None


def _in_order(plan: Plan, start: int, cuts: set[int]) -> list[int]:
    """The start and the instant steps after it, each behind all that lead to it."""
    seen: set[int] = set()
    done: list[int] = []

    def visit(number: int) -> None:
        if number in seen:
            return
        seen.add(number)
        step = plan.steps[number]
        for target in () if leaves(step) else outcomes(step):
            if target is not None and target not in cuts and not is_rest(plan, target):
                visit(target)
        done.append(number)

    visit(start)
    return done[::-1]


def _simplified(paths: Paths, plan: Plan) -> Paths:
    """The same contacts by fewer paths: a question whose every outcome leads here asks nothing."""
    current = set(paths)
    while True:
        merged = _merged(current, plan)
        if merged is None:
            return frozenset(p for p in current if not any(q < p for q in current))
        current = merged


def _merged(paths: set[Path], plan: Plan) -> set[Path] | None:
    for path in paths:
        for question, _ in path:
            rest = frozenset(pair for pair in path if pair[0] != question)
            ways = range(len(outcomes(plan.steps[question])))
            group = {rest | {(question, outcome)} for outcome in ways}
            if group <= paths:
                return (paths - group) | {rest}
    return None
