"""The plan's graph with the shortest and the longest time that each way from step to step takes.

Times are seconds; `FOREVER` is the longest time of a way that may never be taken. What quiet hours
and limits add by holding a message back is not in them. Imports `amounts`, `ast`, `entrances`,
`plan`, `routes`.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import msgspec
from msgspec import structs

from headless.dsl import ast, plan
from headless.dsl.amounts import instant
from headless.dsl.entrances import message_of, single_events, started_by
from headless.dsl.routes import FOREVER, come_to, longest_path, shortest_path

DAY: Final = 86400
_PERIODS: Final[dict[ast.Period, tuple[int, int]]] = {
    "hour": (3600, 3600),
    "day": (DAY, DAY),
    "week": (7 * DAY, 7 * DAY),
    "month": (28 * DAY, 31 * DAY),
}


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
    before = _Before(made, rough)
    exact = rough | {
        step.number: tuple(_left_at(rules, step.number, way) for way in _when(step, before))
        for step in made.steps
        if isinstance(step, plan.When)
    }
    for step in reversed(made.steps):
        if isinstance(step, plan.Fork):
            exact |= _joined(step, exact)
    return exact


def parts_of(fork: plan.Fork) -> list[range]:
    """The numbers of the steps in each part of a fork."""
    starts = [part for part in fork.parts if part is not None and part != fork.join]
    return [range(a, b) for a, b in zip(starts, [*starts[1:], fork.join], strict=True)]


def _joined(fork: plan.Fork, edges: Edges) -> Edges:
    """The ways into a join, longer by the time for which a part waits for the slowest."""
    parts = parts_of(fork)
    lengths = [_part_lasts(part, fork.join, edges) for part in parts]
    slowest = max((least for least, _ in lengths if least < FOREVER), default=0.0)
    held: Edges = {}
    for part, (_, most) in zip(parts, lengths, strict=True):
        waits = max(0.0, slowest - most)
        for number in part:
            held[number] = tuple(
                structs.replace(way, least=way.least + waits, most=way.most + waits)
                if way.to == fork.join
                else way
                for way in edges[number]
            )
    return held


def _part_lasts(part: range, join: int, edges: Edges) -> tuple[float, float]:
    def ways(number: int) -> tuple[Edge, ...]:
        return edges[number] if number in part else ()

    least = shortest_path(part.start, lambda n: ((way.to, way.least) for way in ways(n)), join)
    most = longest_path(part.start, lambda n: ((way.to, way.most) for way in ways(n)))
    return least, FOREVER if most is None else most


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


def _when(step: plan.When, before: "_Before") -> Iterator[Edge]:
    """The ways out of a `when`, whose windows may have been running before the contact arrived."""
    closings: list[tuple[float, float]] = []
    latest = 0.0
    answered_at_once = False
    for arm in step.arms:
        if step.implicit and started_by(arm.trigger):
            yield Edge(arm.then)
            continue
        length = arm.trigger.within.duration if arm.trigger.within else None
        if length is None:
            closings.append((FOREVER, FOREVER))
            latest = FOREVER
            yield Edge(arm.then, 0, FOREVER, new_event=_from_arrival(arm))
            continue
        shortest, longest = before.gone(step, arm)
        least = max(0.0, length.least_seconds - longest)
        most = max(0.0, length.most_seconds - shortest)
        latest = max(latest, most)
        if arm.trigger.negated:
            answered_at_once = True
            yield Edge(arm.then, least, most)
        else:
            closings.append((least, most))
            yield Edge(arm.then, 0, most, new_event=_from_arrival(arm))
    if answered_at_once and not closings:
        yield Edge(step.otherwise, 0, latest, new_event=True)
    elif closings and latest < FOREVER:
        least = 0.0 if answered_at_once else max(least for least, _ in closings)
        yield Edge(step.otherwise, least, latest)


def _from_arrival(arm: plan.Arm) -> bool:
    """Whether the window opens when the contact arrives, so that an old event cannot answer."""
    within = arm.trigger.within
    if within is not None and within.anchor is not None:
        return False
    return not any(message_of(event) for event in single_events(arm.trigger.event))


class _Before:
    """How long ago things were, seen from a step: what anchors a window runs from."""

    def __init__(self, made: plan.Plan, edges: Edges) -> None:
        self._edges = edges
        self._backwards: dict[int, list[int]] = {}
        for number, ways in edges.items():
            for way in ways:
                if way.to is not None:
                    self._backwards.setdefault(way.to, []).append(number)
        self._sendings: dict[tuple[ast.Channel, str], set[int]] = {}
        for step in made.steps:
            message = message_sent(step)
            if message is not None:
                self._sendings.setdefault(message, set()).add(step.number)
        for source in made.sources:
            if source.sent is not None:
                self._sendings.setdefault((source.channel, source.sent), set()).add(0)
        self._labels = {step.key: step.number for step in made.steps if step.key.startswith("@")}

    def gone(self, step: plan.When, arm: plan.Arm) -> tuple[float, float]:
        """For how long an arm's window has been open on arrival: the least and the most."""
        within = arm.trigger.within
        anchor = within.anchor if within else None
        if isinstance(anchor, ast.EntryAnchor):
            return self._between({0}, step.number)
        if isinstance(anchor, ast.StepAnchor):
            label = self._labels.get(f"@{anchor.label.text}")
            return self._between(set() if label is None else {label}, step.number)
        gone: list[tuple[float, float]] = []
        for event in single_events(arm.trigger.event):
            message = message_of(event)
            if message is None:
                gone.append((0, 0))
                continue
            sendings = self._sendings.get(message)
            gone.append(self._between(sendings, step.number) if sendings else (0, FOREVER))
        return min(least for least, _ in gone), max(most for _, most in gone)

    def _between(self, starts: set[int], end: int) -> tuple[float, float]:
        """The shortest and the longest time since the last of the starts, on arrival at a step.

        Where a way from the entry leads past all starts the time counts from the arrival: it is 0.
        """
        near = come_to(
            self._backwards.get(end, ()),
            lambda number: () if number in starts else self._backwards.get(number, ()),
        )

        def onward(number: int) -> Iterator[Edge]:
            ways = () if number == end else self._edges[number]
            return (
                way for way in ways if way.to == end or (way.to in near and way.to not in starts)
            )

        least, most = FOREVER, 0.0
        for start in starts & near:
            longest = longest_path(start, lambda n: ((way.to, way.most) for way in onward(n)))
            most = max(most, FOREVER if longest is None else longest)
            shortest = shortest_path(
                start, lambda n: ((way.to, way.least) for way in onward(n)), end
            )
            least = min(least, shortest)
        return (0.0 if 0 in near and 0 not in starts else least), most


def message_sent(step: plan.Step) -> tuple[ast.Channel, str] | None:
    """The message that a step sends to the contact, and its channel."""
    match step:
        case plan.Act(action=ast.SendMessage(channel=channel, message=message, to=None)):
            return channel, message.text
        case _:
            return None


def reachable(edges: Edges, start: int = 0) -> set[int]:
    """The steps that a contact at `start` can come to, `start` among them."""
    return come_to({start}, lambda number: (way.to for way in edges[number] if way.to is not None))
