"""How long a run can last at the longest, from any step to its end.

Loops with a bound count as their body times their rounds, so that loops in loops cost no more than
their steps. Imports `plan`, `rates`, `routes`.
"""

from collections.abc import Iterator

from headless.dsl import plan
from headless.dsl.rates import Course, State
from headless.dsl.routes import FOREVER, MOST_STATES, longest_path


def longest_stay(course: Course, start: int = 0) -> float | None:
    """The longest time from a step to the end, in seconds; FOREVER when nothing bounds it.

    None when the ways are too many to be followed.
    """
    return _Stays(course).lasts(start)


class _Stays:
    def __init__(self, course: Course) -> None:
        self._course = course
        self._steps = course.made.steps
        self._whole: dict[int, float | None] = {}
        jumps = sum(isinstance(step, plan.Jump) for step in self._steps)
        # A situation tells how often each jump was taken: with many jumps each one costs more.
        self._most_states = MOST_STATES // max(1, jumps // 8)

    def lasts(self, start: int, stop: int | None = None) -> float | None:
        """The longest way from a step to the end, or to `stop`."""
        first: State = (start, ())
        return longest_path(first, lambda state: self._ways(state, stop), self._most_states)

    def _ways(self, state: State, stop: int | None) -> Iterator[tuple[State | None, float]]:
        step = self._steps[state[0]]
        if isinstance(step, plan.Loop | plan.Tick):
            whole = self._loop(step)
            if whole is not None:
                onward = self._course.edges[step.number][1].to
                yield (None if onward is None or onward == stop else (onward, state[1])), whole
                return
        for to, edge in self._course.ways(state):
            yield (None if to is not None and to[0] == stop else to), edge.most

    def _loop(self, step: plan.Loop | plan.Tick) -> float | None:
        """All rounds of a loop together; None when it must be followed round by round."""
        if step.number not in self._whole:
            self._whole[step.number] = self._rounds(step)
        return self._whole[step.number]

    def _rounds(self, step: plan.Loop | plan.Tick) -> float | None:
        if step.body is None or self._left_by_jump(step.number):
            return None
        body = self.lasts(step.body, step.number)
        if body is None:
            return None
        if isinstance(step, plan.Loop):
            return step.times * body if step.times else 0
        first, again = self._course.tick_waits(step)
        if not self._course.comes_back(step):
            return first + body
        ticks = self._course.ticks(step)
        if ticks is None:
            return FOREVER
        if ticks < 2:
            return first + body
        return first + ticks * body + (ticks - 1) * again

    def _left_by_jump(self, loop: int) -> bool:
        inside = {loop}
        for step in self._steps[loop + 1 :]:
            if step.parent in inside:
                inside.add(step.number)
        jumps = (self._steps[number] for number in inside)
        return any(isinstance(step, plan.Jump) and step.to not in inside for step in jumps)
