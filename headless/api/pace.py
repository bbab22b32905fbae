"""Pace: a body comes within a time, or its request is answered 408 and its handler is free again.

What counts is the time spent waiting for the sender: `HEADLESS_BODY_SECONDS`, and a second more for
each 2 KB that have come, so that a file of any size may come over a slow line and a byte now and
then holds nobody. Once the body is there, whoever listens for the sender's end may wait for ever.
"""

import asyncio
from typing import Any, Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from headless.api.auth import House
from headless.problems import Problem

SLOWEST: Final = 2048
"""Bytes a second that a body must come at once its time is over."""
_DIGITS: Final = 20


class Slow(Problem):
    """A body that did not come; what else of it may be on its way is not waited for."""

    headers: Final = {"Connection": "close"}


def around(app: ASGIApp) -> ASGIApp:
    """For an application's `middleware`."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            house: House = scope["litestar_app"].state.house
            receive = paced(receive, house.settings.body_seconds, _announced(scope))
        await app(scope, receive, send)

    return run


def paced(receive: Receive, seconds: float, announced: int | None = None) -> Receive:
    """The same `receive`, which raises Problem `slow_body` when the body takes too long.

    A body is whole with the last of its `announced` bytes: nobody waits to be told so once more.
    """
    loop = asyncio.get_running_loop()
    left, came, whole = float(seconds), 0, False

    async def receiving() -> Any:
        nonlocal left, came, whole
        if whole:
            message = await receive()
            over = message["type"] == "http.request" and not message.get("body")
            return await receive() if over and came == announced else message
        began = loop.time()
        try:
            async with asyncio.timeout(left):  # `wait_for` makes a task of each wait
                message = await receive()
        except TimeoutError as error:
            raise Slow(
                "slow_body",
                f"the body did not come within {seconds:g} seconds, and a second for each 2 KB of "
                "it; send it at once",
            ) from error
        left += began - loop.time()
        if message["type"] != "http.request":
            whole = True
            return message
        length = len(message.get("body", b""))
        came, left = came + length, left + length / SLOWEST
        whole = came == announced or not message.get("more_body", False)
        return {**message, "more_body": not whole}

    return receiving


def _announced(scope: HTTPScope) -> int | None:
    """How many bytes the sender says will come."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < _DIGITS else None
    return None
