"""Ending: the process is asked to stop, and whoever holds a request open for long hears of it.

Servers finish the requests that are under way; a stream would never be. The server's own handler of
the signal stays and is called first. Imports Litestar.
"""

import asyncio
import signal
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Final

from litestar import Litestar

Handler = Callable[[int, FrameType | None], object]
_ASKED_BY: Final = (signal.SIGTERM, signal.SIGINT)


async def listen(app: Litestar) -> None:
    """Set the house's `ending` when the server is told to stop; for an application's start-up."""
    loop, ending = asyncio.get_running_loop(), app.state.house.ending
    for number in _ASKED_BY:
        theirs = signal.getsignal(number)
        if callable(theirs):  # else nobody stops gracefully here
            signal.signal(number, _both(theirs, partial(loop.call_soon_threadsafe, ending.set)))
            signal.siginterrupt(number, False)


def _both(theirs: Handler, ours: Callable[[], object]) -> Handler:
    def asked(number: int, frame: FrameType | None) -> None:
        theirs(number, frame)
        ours()

    return asked
