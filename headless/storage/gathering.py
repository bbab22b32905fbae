"""Gathering: requests that come while others are being worked on are worked on together.

One at a time works; whoever comes meanwhile waits for the next turn, and everybody of a turn shares
its cost: one transaction, one commit. A lone request waits for nobody. Knows nothing of what the
work is.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
MOST: Final = 500


class Gathering(Generic[Asked, Answer]):
    """A line of requests; `work` answers several at once, in their order."""

    def __init__(
        self, work: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]], *, most: int = MOST
    ) -> None:
        self._work = work
        self._most = most
        self._line: deque[tuple[Asked, asyncio.Future[Answer]]] = deque()
        self._turns: asyncio.Task[None] | None = None

    async def ask(self, asked: Asked) -> Answer:
        """The answer, once the turn that it came with is done; raises what its work raised."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._line.append((asked, future))
        if self._turns is None:
            self._turns = asyncio.create_task(self._run(), name="gathering")
        return await future

    async def _run(self) -> None:
        try:
            while self._line:
                turn = [self._line.popleft() for _ in range(min(self._most, len(self._line)))]
                if not await self._answer(turn):
                    for one in turn:  # somebody's fault is nobody else's
                        await self._answer([one], alone=True)
        finally:
            self._turns = None

    async def _answer(
        self, turn: Sequence[tuple[Asked, asyncio.Future[Answer]]], *, alone: bool = False
    ) -> bool:
        """Work on a turn; False when it failed and each should be tried `alone`."""
        try:
            answers = await self._work([asked for asked, _ in turn])
        except Exception as error:
            if not alone and len(turn) > 1:
                return False
            for _, future in turn:
                if not future.done():
                    future.set_exception(error)
            return True
        for (_, future), answer in zip(turn, answers, strict=True):
            if not future.done():  # whoever asked may have gone away
                future.set_result(answer)
        return True
