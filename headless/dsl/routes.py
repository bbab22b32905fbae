"""Ways through a graph whose steps take time: what can be come to, the longest and the shortest.

Nothing here knows what a step is; a caller hands in where one leads. All are loops, no recursion,
since a campaign may be thousands of steps long. Imports nothing of ours.
"""

import heapq
import math
from collections.abc import Callable, Hashable, Iterable
from itertools import count
from typing import Final, TypeVar

FOREVER: Final = math.inf
MOST_STATES: Final = 20_000
"""More situations than these are not looked at; the answer is then that no bound is known."""

State = TypeVar("State", bound=Hashable)
Follow = Callable[[State], Iterable[tuple[State | None, float]]]
"""Where a state leads, and how long each way takes; None is the end."""


def come_to(starts: Iterable[State], follow: Callable[[State], Iterable[State]]) -> set[State]:
    """All that can be come to from the starts, they among them."""
    seen: set[State] = set()
    todo = list(starts)
    while todo:
        state = todo.pop()
        if state not in seen:
            seen.add(state)
            todo.extend(follow(state))
    return seen


def longest_path(
    start: State, follow: Follow[State], most_states: int = MOST_STATES
) -> float | None:
    """The time of the longest path from a state; FOREVER on a circle, None past all bounds."""
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
            if len(ways) > most_states:
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


def shortest_path(start: State, follow: Follow[State], end: State | None = None) -> float:
    """The time of the shortest path from a state to `end` (None: the end); FOREVER without one."""
    order = count()
    queue: list[tuple[float, int, State | None]] = [(0.0, next(order), start)]
    seen: set[State | None] = set()
    while queue:
        gone, _, state = heapq.heappop(queue)
        if state == end:
            return gone
        if state is None or state in seen:
            continue
        seen.add(state)
        for to, least in follow(state):
            heapq.heappush(queue, (gone + least, next(order), to))
    return FOREVER
