"""Runner: works on hints in one process, a batch at a time, fairly.

A hint is queued at most twice, so that two transactions can work on one large backlog; after each
batch it goes to the back of the line, so that no campaign starves another. Runs nothing by itself:
whoever owns it gives it the work to do for a hint.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable

import structlog

from headless.storage.wake import Wake

log = structlog.get_logger(__name__)

Work = Callable[[Wake], Awaitable[int]]
"""Does one batch of a hint's work; answers how much was moved, 0 when nothing is left."""


class Runner:
    """A line of hints and the tasks that work it off."""

    def __init__(self, work: Work, *, tasks: int = 2, lanes: int = 2) -> None:
        self._work = work
        self._lanes = lanes
        self._tasks_wanted = tasks
        self._line: deque[Wake] = deque()
        self._known: Counter[Wake] = Counter()
        self._ready = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._busy = 0

    def start(self) -> None:
        """Begin to work."""
        self._tasks = [
            asyncio.create_task(self._run(), name=f"runner-{n}") for n in range(self._tasks_wanted)
        ]

    async def send(self, wakes: Iterable[Wake]) -> None:
        """Queue hints: each as often as it stands in `wakes`, as far as there are lanes for it."""
        async with self._ready:
            for wake, times in Counter(wakes).items():
                while self._known[wake] < min(times, self._lanes):
                    self._put(wake)
            self._ready.notify_all()

    def _put(self, wake: Wake) -> None:
        self._line.append(wake)
        self._known[wake] += 1

    async def _run(self) -> None:
        while True:
            async with self._ready:
                await self._ready.wait_for(lambda: self._line or self._stopping)
                if self._stopping:
                    return
                wake = self._line.popleft()
                self._busy += 1
            moved = 0
            try:
                moved = await self._work(wake)
            except Exception:
                # the batch was rolled back; the sweep brings the hint again
                log.exception("batch_failed", wake=wake.key)
            finally:
                async with self._ready:
                    self._done(wake, moved)
                    self._ready.notify_all()

    def _done(self, wake: Wake, moved: int) -> None:
        self._busy -= 1
        self._known[wake] -= 1
        if not moved:
            if not self._known[wake]:
                del self._known[wake]
            return
        while self._known[wake] < self._lanes:
            self._put(wake)

    async def idle(self) -> None:
        """Wait until nothing is queued and nothing is being worked on."""
        async with self._ready:
            await self._ready.wait_for(lambda: not self._line and not self._busy)

    async def stop(self, seconds: float) -> bool:
        """Take no more, let running batches finish; False when some had to be rolled back."""
        async with self._ready:
            self._stopping = True
            self._ready.notify_all()
        if not self._tasks:
            return True
        _, late = await asyncio.wait(self._tasks, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return not late
