"""Pace: a body comes within a time, or its request is answered 408 and its handler is free again.

What counts is the time spent waiting for the sender: `HEADLESS_BODY_SECONDS`, and a second more for
each 2 KB that have come, so that a file of any size may come over a slow line and a byte now and
then holds nobody. Once the body is there, whoever listens for the sender's end may wait for ever.
"""

import asyncio
from typing import Any, Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from headless.api.auth import House
from headless.problems import Problem

SLOWEST: Final = 2048
"""Bytes a second that a body must come at once its time is over."""


class Slow(Problem):
    """A body that did not come; what else of it may be on its way is not waited for."""

    headers: Final = {"Connection": "close"}


def around(app: ASGIApp) -> ASGIApp:
    """For an application's `middleware`."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            house: House = scope["litestar_app"].state.house
            receive = paced(receive, house.settings.body_seconds)
        await app(scope, receive, send)

    return run


def paced(receive: Receive, seconds: float) -> Receive:
    """The same `receive`, which raises Problem `slow_body` when the body takes too long."""
    loop = asyncio.get_running_loop()
    left, whole = float(seconds), False

    async def receiving() -> Any:
        nonlocal left, whole
        if whole:
            return await receive()
        began = loop.time()
        try:
            message = await asyncio.wait_for(receive(), left)
        except TimeoutError as error:
            raise Slow(
                "slow_body",
                f"the body did not come within {seconds:g} seconds, and a second for each 2 KB of "
                "it; send it at once",
            ) from error
        left += began - loop.time()
        if message["type"] == "http.request":
            left += len(message.get("body", b"")) / SLOWEST
            whole = not message.get("more_body", False)
        else:
            whole = True
        return message

    return receiving
