"""How many messages one contact can get in a span of time, at the most.

Every way through the plan is followed, loops with a bound as often as their bound allows. It is an
upper bound over one run: no run sends more, though a run may send less. None means that
there is no bound, or none that can be found in reasonable time. Imports `ast`, `delays`, `plan`,
`routes`.
"""

import heapq
from collections.abc import Callable, Iterator
from itertools import count
from typing import Final

import msgspec

from headless.dsl import ast, plan
from headless.dsl.delays import Edge, Edges, parts_of, period, reachable
from headless.dsl.routes import FOREVER, longest_path, shortest_path

_LOOKED_AT: Final = 2_000
_EACH: Final = 25
"""A search gives up after so many looks, and so many more for each step of the plan."""

Rounds = tuple[tuple[int, int], ...]
"""How often each bounded loop has been gone round: pairs of (step, rounds)."""
State = tuple[int, Rounds]
Way = tuple[State | None, Edge]
Counts = Callable[[plan.Step], bool]


class Course(msgspec.Struct):
    """A plan with its ways, and what can be reached from each step that counts rounds.

    Without `counted` a loop knows only its first round from the later ones, and may end after any:
    fewer situations, and still an upper bound.
    """

    made: plan.Plan
    edges: Edges
    counted: bool = True
    _behind: dict[int, set[int]] = msgspec.field(default_factory=dict)

    def ways(self, state: State) -> Iterator[Way]:
        """The ways out of a state, with the rounds counted."""
        number, rounds = state
        for way in self._allowed(number, dict(rounds)):
            edge, counted = way
            yield (None if edge.to is None else (edge.to, self._needed(edge.to, counted))), edge

    def _allowed(self, number: int, done: dict[int, int]) -> Iterator[tuple[Edge, dict[int, int]]]:
        step = self.made.steps[number]
        match step:
            case plan.Loop(times=times, until=until):
                body, onward = self.edges[number]
                gone = done.get(number, 0)
                if gone < times:
                    yield body, done | {number: gone + 1}
                if self._enough(gone, times) or until is not None:
                    yield onward, {k: v for k, v in done.items() if k != number}
            case plan.Tick():
                yield from self._ticks(step, done)
            case plan.Jump(at_most=int() as most):
                back, onward = self.edges[number]
                gone = done.get(number, 0)
                if gone < most:
                    yield back, done | {number: gone + 1}
                if self._enough(gone, most):
                    yield onward, done
            case _:
                yield from ((edge, done) for edge in self.edges[number])

    def _enough(self, gone: int, bound: int) -> bool:
        return gone >= (bound if self.counted else min(bound, 1))

    def _ticks(
        self, step: plan.Tick, done: dict[int, int]
    ) -> Iterator[tuple[Edge, dict[int, int]]]:
        """The first tick may be at once; the next is a period after it, less what the body took."""
        body, onward = self.edges[step.number]
        ticks = _ticks_at_most(step)
        gone = done.get(step.number, 0)
        if ticks is None or gone < ticks:
            edge = self._again(step, body) if gone else self._first(step, body, ticks)
            yield edge, done | {step.number: 1 if ticks is None else gone + 1}
        if step.stop is not None and (gone or not isinstance(step.stop, ast.ForTimes)):
            enough = isinstance(step.stop, ast.ForTimes)
            if not enough or (ticks is not None and self._enough(gone, ticks)):
                yield (
                    Edge(onward.to, 0, 0 if ticks is not None else FOREVER),
                    {k: v for k, v in done.items() if k != step.number},
                )

    def ticks(self, step: plan.Tick) -> int | None:
        """How many ticks there can be; None when nothing bounds them."""
        return _ticks_at_most(step)

    def tick_waits(self, step: plan.Tick) -> tuple[float, float]:
        """The longest wait for the first tick, and that for each later one after the body."""
        body, _ = self.edges[step.number]
        return self._first(step, body, _ticks_at_most(step)).most, self._again(step, body).most

    def comes_back(self, step: plan.Tick) -> bool:
        """Whether any way through the body leads to a second tick."""
        return self._body_lasts(step)[0] < FOREVER

    def _first(self, step: plan.Tick, body: Edge, ticks: int | None) -> Edge:
        _, most = period(step.schedule)
        if isinstance(step.stop, ast.ForDuration) and ticks is not None:
            later = ticks - 1 if self.comes_back(step) else 0
            most = min(most, max(0, step.stop.duration.most_seconds - later * most))
        return Edge(body.to, 0, most, new_event=True)

    def _again(self, step: plan.Tick, body: Edge) -> Edge:
        least, most = period(step.schedule)
        shortest, longest = self._body_lasts(step)
        rest = max(0.0, most - shortest) if longest < least else most
        return Edge(body.to, max(0.0, least - longest), rest, new_event=True)

    def _body_lasts(self, step: plan.Tick) -> tuple[float, float]:
        if step.body is None:
            return 0, 0

        def ways(number: int) -> Iterator[tuple[int | None, Edge]]:
            for edge in self.edges[number]:
                yield (None if edge.to == step.number else edge.to), edge

        longest = longest_path(step.body, lambda n: ((to, e.most) for to, e in ways(n)))
        shortest = shortest_path(step.body, lambda n: ((to, e.least) for to, e in ways(n)))
        return shortest, FOREVER if longest is None else longest

    def _needed(self, number: int, rounds: dict[int, int]) -> Rounds:
        """Only the counts of loops that can still be come to, so that few states differ."""
        if not rounds:
            return ()
        if number not in self._behind:
            self._behind[number] = reachable(self.edges, number)
        behind = self._behind[number]
        most = _LOOKED_AT if self.counted else 1
        return tuple(sorted((k, min(v, most)) for k, v in rounds.items() if k in behind))


def _ticks_at_most(step: plan.Tick) -> int | None:
    match step.stop:
        case ast.ForTimes(times=times):
            return times
        case ast.ForDuration(duration=length):
            least, _ = period(step.schedule)
            return length.most_seconds // least + 1 if least else None
        case _:
            return None


def most_sent(course: Course, span: float, counts: Counts) -> int | None:
    """The most messages that one run can send to a contact in any span of so many seconds.

    Where loops in loops make too many situations, only time bounds the rounds, not their number.
    """
    steps = range(len(course.made.steps))
    try:
        return _Counting(course, span, counts).most(steps, whole=True)
    except _TooMany:
        pass
    try:
        rough = Course(course.made, course.edges, counted=False)
        return _Counting(rough, span, counts).most(steps, whole=True)
    except _TooMany:
        return None


class _TooMany(Exception):  # noqa: N818 - it stops a search, it is no error
    """More situations than are looked at."""


class _Counting:
    """A search from every sending for the best path within the span, part by part."""

    def __init__(self, course: Course, span: float, counts: Counts) -> None:
        self._course = course
        self._span = span
        self._counts = {s.number for s in course.made.steps if counts(s)}
        self._all_forks = [s for s in course.made.steps if isinstance(s, plan.Fork)]
        self._beside: dict[tuple[int, int], int] = {}
        self._left = _LOOKED_AT + _EACH * len(course.made.steps)

    def _look(self, state: State) -> None:
        self._left -= 1 + len(state[1]) // 8
        if self._left < 0:
            raise _TooMany

    def most(self, within: range, *, whole: bool = False) -> int | None:
        """The most from any start in a range of steps, standing rules on top."""
        states = self._states(within)
        if not self._forks(within):
            return None
        best = 0
        for state in states:
            if state[0] in self._counts:
                best = max(best, self._from(state, within) + self._others(state[0], within))
        extra = self._rules(within) if whole else 0
        return None if extra is None else best + extra

    def _states(self, within: range) -> set[State]:
        seen: set[State] = set()
        todo: list[State] = [(within.start, ())]
        while todo:
            state = todo.pop()
            if state in seen:
                continue
            seen.add(state)
            self._look(state)
            todo.extend(
                to
                for to, _ in self._course.ways(state)
                if to is not None and to[0] in within and not self._sets_up(state[0], to[0])
            )
        return seen

    def _from(self, start: State, within: range) -> int:
        """The most sent from a sending on, itself included, before the span has passed."""
        best: dict[State, int] = {}
        order, top = count(), 1
        queue: list[tuple[float, int, int, State]] = [(0.0, -1, next(order), start)]
        while queue:
            gone, less, _, state = heapq.heappop(queue)
            self._look(state)
            if best.get(state, 0) >= -less:
                continue
            best[state] = -less
            top = max(top, -less)
            for to, edge in self._course.ways(state):
                if to is None or to[0] not in within or gone + edge.least >= self._span:
                    continue
                if self._sets_up(state[0], to[0]):
                    continue
                sent = -less + (to[0] in self._counts) + self._beside.get((state[0], to[0]), 0)
                heapq.heappush(queue, (gone + edge.least, -sent, next(order), to))
        return top

    def _sets_up(self, number: int, to: int) -> bool:
        step = self._course.made.steps[number]
        return isinstance(step, plan.Whenever) and to == step.rule

    def _forks(self, within: range) -> bool:
        """Works out for each part of each fork what the other parts can send meanwhile."""
        for step in self._all_forks:
            if step.number not in within:
                continue
            parts = parts_of(step)
            if any((step.number, part.start) in self._beside for part in parts):
                continue
            mosts = [self.most(part) for part in parts]
            if any(most is None for most in mosts):
                return False
            known = [most or 0 for most in mosts]
            for part, own in zip(parts, known, strict=True):
                self._beside[step.number, part.start] = sum(known) - own
        return True

    def _others(self, number: int, within: range) -> int:
        """What is sent beside a step by the other parts of the forks that it stands in."""
        total = 0
        for step in self._all_forks:
            if step.number in within:
                for part in parts_of(step):
                    if number in part:
                        total += self._beside.get((step.number, part.start), 0)
        return total

    def _rules(self, within: range) -> int | None:
        total = 0
        for step in self._course.made.steps:
            if not isinstance(step, plan.Rule) or step.number not in within or step.body is None:
                continue
            body = range(step.body, max(reachable(self._course.edges, step.body)) + 1)
            if not any(number in self._counts for number in body):
                continue
            found = self.most(body)
            if found is None or step.at_most is None:
                return None
            total += found * step.at_most
        return total
