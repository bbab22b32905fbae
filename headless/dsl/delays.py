"""The plan's graph with the shortest and the longest time that each way from step to step takes.

Times are seconds; `FOREVER` is the longest time of a way that may never be taken. What quiet hours
and limits add by holding a message back is not in them. Imports `amounts`, `ast`, `entrances`,
`plan`.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import pairwise
from typing import Final, TypeVar

import msgspec

from headless.dsl import ast, plan
from headless.dsl.amounts import instant
from headless.dsl.entrances import message_of, single_events

FOREVER: Final = math.inf
DAY: Final = 86400
_PERIODS: Final[dict[ast.Period, tuple[int, int]]] = {
    "hour": (3600, 3600),
    "day": (DAY, DAY),
    "week": (7 * DAY, 7 * DAY),
    "month": (28 * DAY, 31 * DAY),
}
_STATES: Final = 20_000
"""More situations than these are not looked at; the answer is then that no bound is known."""

State = TypeVar("State", bound=Hashable)


class Edge(msgspec.Struct, frozen=True):
    """A way from one step to another: None is the end. `new_event`: only a fresh event opens it."""

    to: plan.Target
    least: float = 0
    most: float = 0
    new_event: bool = False


Edges = dict[int, tuple[Edge, ...]]


def edges_of(made: plan.Plan) -> Edges:
    """The ways out of every step. A standing rule's body is left at its end, not gone round."""
    rules = {step.number for step in made.steps if isinstance(step, plan.Rule)}
    rough = {
        step.number: tuple(_left_at(rules, step.number, way) for way in _ways(step, made))
        for step in made.steps
    }
    return rough | {
        step.number: tuple(_left_at(rules, step.number, way) for way in _when(step, made, rough))
        for step in made.steps
        if isinstance(step, plan.When)
    }


def _left_at(rules: set[int], number: int, way: Edge) -> Edge:
    """A way that leads back to a standing rule ends there; only its own `whenever` sets it up."""
    if way.to in rules and way.to != number + 1:
        return Edge(None, way.least, way.most, way.new_event)
    return way


def _ways(step: plan.Step, made: plan.Plan) -> Iterator[Edge]:
    match step:
        case plan.Wait(until=until, next=following):
            yield Edge(following, *_waiting(until, made.active))
        case plan.When():
            yield from (Edge(to, 0, FOREVER) for to in plan.targets(step))
        case plan.Whenever(rule=rule, next=following):
            yield Edge(following)
            yield Edge(rule)
        case plan.Rule(body=body, trigger=trigger):
            yield Edge(body, 0, _length(trigger, 0), new_event=True)
            yield Edge(None, 0, _length(trigger, 0))
        case plan.Loop(body=body, next=following):
            yield Edge(body)
            yield Edge(following)
        case plan.Tick(body=body, next=following):
            _, most = period(step.schedule)
            yield Edge(body, 0, most, new_event=True)
            yield Edge(following, 0, FOREVER if step.stop is None else most)
        case plan.Jump(to=to, at_most=at_most, next=following):
            yield Edge(to)
            if at_most is not None:
                yield Edge(following)
        case _:
            yield from (Edge(to) for to in plan.targets(step))


def _length(trigger: ast.Trigger, without: float) -> float:
    return trigger.within.duration.most_seconds if trigger.within else without


def _waiting(until: ast.Duration | ast.Moment, active: ast.Active | None) -> tuple[float, float]:
    match until:
        case ast.OnDate(date=date) if active is not None:
            return 0, max(0.0, (instant(date) - instant(active.start)).total_seconds())
        case ast.Duration():
            return until.least_seconds, until.most_seconds
        case ast.AtTime(days=None):
            return 0, DAY
        case ast.AtTime() | ast.OnWeekday():
            return 0, 7 * DAY
        case _:
            return 0, FOREVER


def period(schedule: ast.EveryDuration | ast.EveryPeriod) -> tuple[int, int]:
    """The shortest and the longest time between two ticks, in seconds."""
    if isinstance(schedule, ast.EveryDuration):
        return schedule.duration.least_seconds, schedule.duration.most_seconds
    if schedule.days is None:
        return _PERIODS[schedule.period]
    on = [ast.WEEKDAYS.index(day) for day in schedule.days.days]
    gaps = [other - one for one, other in pairwise([*on, on[0] + 7])]
    return min(gaps) * DAY, max(gaps) * DAY


# ---------------------------------------------------------------- when


def _when(step: plan.When, made: plan.Plan, rough: Edges) -> Iterator[Edge]:
    """The ways out of a `when`, whose windows may have been running before the contact arrived."""
    closings: list[tuple[float, float]] = []
    answered_at_once = False
    for arm in step.arms:
        if step.implicit and not arm.trigger.negated and _from_arrival(arm):
            yield Edge(arm.then)
            continue
        length = arm.trigger.within.duration if arm.trigger.within else None
        if length is None:
            closings.append((FOREVER, FOREVER))
            yield Edge(arm.then, 0, FOREVER, new_event=_from_arrival(arm))
            continue
        gone = _gone(step, arm, made, rough)
        least, most = max(0.0, length.least_seconds - gone), length.most_seconds
        if arm.trigger.negated:
            answered_at_once = True
            yield Edge(arm.then, least, most)
        else:
            closings.append((least, most))
            yield Edge(arm.then, 0, most, new_event=_from_arrival(arm))
    longest = max(
        (arm.trigger.within.duration.most_seconds for arm in step.arms if arm.trigger.within),
        default=0,
    )
    if not closings and not answered_at_once:
        return
    if not closings:
        yield Edge(step.otherwise, 0, longest, new_event=True)
    elif max(closings)[0] < FOREVER:
        least = 0.0 if answered_at_once else max(least for least, _ in closings)
        yield Edge(step.otherwise, least, longest)


def _from_arrival(arm: plan.Arm) -> bool:
    """Whether the window opens when the contact arrives, so that an old event cannot answer."""
    within = arm.trigger.within
    if within is not None and within.anchor is not None:
        return False
    return not any(message_of(event) for event in single_events(arm.trigger.event))


def _gone(step: plan.When, arm: plan.Arm, made: plan.Plan, rough: Edges) -> float:
    """The longest time for which an arm's window can have been open when the contact arrives."""
    within = arm.trigger.within
    anchor = within.anchor if within else None
    if isinstance(anchor, ast.EntryAnchor):
        return longest_between({0}, step.number, rough)
    if isinstance(anchor, ast.StepAnchor):
        key = f"@{anchor.label.text}"
        return longest_between({s.number for s in made.steps if s.key == key}, step.number, rough)
    gone = 0.0
    for event in single_events(arm.trigger.event):
        message = message_of(event)
        if message is None:
            continue
        sendings = {s.number for s in made.steps if message_sent(s) == message}
        if any((source.channel, source.sent) == message for source in made.sources):
            sendings.add(0)
        gone = max(gone, longest_between(sendings, step.number, rough) if sendings else FOREVER)
    return gone


def message_sent(step: plan.Step) -> tuple[ast.Channel, str] | None:
    """The message that a step sends to the contact, and its channel."""
    match step:
        case plan.Act(action=ast.SendMessage(channel=channel, message=message, to=None)):
            return channel, message.text
        case _:
            return None


def longest_between(starts: set[int], end: int, edges: Edges) -> float:
    """The longest time from any of the starts to a step; 0 if no way leads there."""
    backwards: dict[int, list[int]] = {}
    for number, ways in edges.items():
        for way in ways:
            if way.to is not None:
                backwards.setdefault(way.to, []).append(number)
    leading = _reached({end}, lambda number: backwards.get(number, ()))
    longest = 0.0
    for start in starts & leading:
        found = longest_path(
            start,
            lambda number: (
                (way.to, way.most)
                for way in (() if number == end else edges[number])
                if way.to is not None and way.to in leading and way.to not in starts
            ),
        )
        longest = max(longest, FOREVER if found is None else found)
    return longest


def _reached(starts: Iterable[int], follow: Callable[[int], Iterable[int]]) -> set[int]:
    seen: set[int] = set()
    todo = list(starts)
    while todo:
        number = todo.pop()
        if number not in seen:
            seen.add(number)
            todo.extend(follow(number))
    return seen


def reachable(edges: Edges, start: int = 0) -> set[int]:
    """The steps that a contact at `start` can come to, `start` among them."""
    return _reached({start}, lambda number: (way.to for way in edges[number] if way.to is not None))


def longest_path(
    start: State, follow: Callable[[State], Iterable[tuple[State | None, float]]]
) -> float | None:
    """The length of the longest path from a state; FOREVER on a circle, None past all bounds."""
    lengths: dict[State, float] = {}
    open_: set[State] = {start}
    stack: list[tuple[State, list[tuple[State | None, float]]]] = [(start, list(follow(start)))]
    ways: dict[State, list[tuple[State | None, float]]] = {start: list(stack[0][1])}
    while stack:
        state, left = stack[-1]
        if left:
            to, _ = left.pop()
            if to is None or to in lengths:
                continue
            if to in open_:
                return FOREVER
            if len(ways) > _STATES:
                return None
            open_.add(to)
            ways[to] = list(follow(to))
            stack.append((to, list(ways[to])))
        else:
            stack.pop()
            open_.discard(state)
            lengths[state] = max(
                (most + (0 if to is None else lengths[to]) for to, most in ways[state]), default=0
            )
    return lengths[start]
