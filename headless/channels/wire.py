"""The wire: messages whose hand-over is under way, and those that have come back from it.

A hand-over is a task of its own; whoever waits is woken when as many are back as it wants, and not
for each of them. Imports its neighbours `answers` and `ports`.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from headless.channels.answers import Answer, Verdict
from headless.channels.ports import Due, Parcel

Landed = tuple[Due, Parcel, Answer]

log = structlog.get_logger(__name__)


class Wire:
    """The hand-overs of one delivery."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._out: dict[asyncio.Task[Answer], tuple[Due, Parcel]] = {}
        self._back: list[asyncio.Task[Answer]] = []  # of those: done, not yet collected
        self._wanted = 0
        self._waiter: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        """How many are out, or back and not yet collected."""
        return len(self._out)

    def messages(self) -> list[Due]:
        """What they are."""
        return [due for due, _ in self._out.values()]

    def launch(self, due: Due, parcel: Parcel, sending: Coroutine[Any, Any, Answer]) -> None:
        """Begin a hand-over."""
        task = self._loop.create_task(sending)
        self._out[task] = due, parcel
        task.add_done_callback(self._come_back)

    async def some_back(self, count: int, seconds: float) -> None:
        """Wait until so many have come back, or the time is over."""
        if len(self._back) >= count:
            return
        self._wanted = count
        self._waiter = self._loop.create_future()
        timer = self._loop.call_later(seconds, self._stop_waiting)
        try:
            await self._waiter
        finally:
            self._waiter = None
            timer.cancel()

    def collect(self) -> list[Landed]:
        """Those that have come back since this was last asked, with their answers."""
        back, self._back = self._back, []
        return [(*self._out.pop(task), _outcome(task)) for task in back]

    async def end(self, seconds: float) -> list[Landed]:
        """What all come to; those that take longer are cancelled, and uncertain."""
        if not self._out:
            return []
        _, late = await asyncio.wait(self._out, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        self._back = [*self._out]  # all are done, whether or not we have been told by now
        return self.collect()

    def _come_back(self, task: asyncio.Task[Answer]) -> None:
        if task not in self._out:  # `end` was quicker
            return
        self._back.append(task)
        if len(self._back) >= self._wanted:
            self._stop_waiting()

    def _stop_waiting(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _outcome(task: asyncio.Task[Answer]) -> Answer:
    error = task.exception() if not task.cancelled() else None
    if error is not None:
        log.error("courier_failed", exc_info=error)
        return Answer(Verdict.UNCERTAIN, f"our own fault: {error}")
    return Answer(Verdict.UNCERTAIN, "stopped") if task.cancelled() else task.result()
