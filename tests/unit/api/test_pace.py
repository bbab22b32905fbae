"""The pace of bodies: the sender's time is counted, and a sender of any size may be steady."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from headless.api.pace import SLOWEST, Slow, paced


def sender(*parts: tuple[float, bytes]) -> Callable[[], Awaitable[Any]]:
    """Each part comes so many seconds after it was asked for; behind the last nothing does."""
    waiting = list(parts)

    async def receive() -> Any:
        if not waiting:
            await asyncio.Event().wait()
        after, body = waiting.pop(0)
        await asyncio.sleep(after)
        return {"type": "http.request", "body": body, "more_body": bool(waiting) or body != b"end"}

    return receive


async def test_drops_are_not_waited_for() -> None:
    receive = paced(sender(*((0.02, b"a") for _ in range(100))), 0.1)

    async def everything() -> None:
        for _ in range(100):
            await receive()

    with pytest.raises(Slow, match="did not come within"):
        await everything()


async def test_what_comes_steadily_may_take_longer() -> None:
    much = b"x" * SLOWEST  # worth a second each
    receive = paced(sender((0.04, much), (0.04, b"x"), (0.04, b"x"), (0.04, b"end")), 0.1)
    for _ in range(4):
        await receive()


async def test_what_is_done_between_is_not_the_senders_time() -> None:
    receive = paced(sender((0, b"x"), (0, b"end")), 0.05)
    await receive()
    await asyncio.sleep(0.1)
    await receive()


async def test_behind_the_body_one_may_wait_for_ever() -> None:
    receive = paced(sender((0, b"end")), 0.02)
    await receive()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(receive(), 0.1)


@pytest.mark.parametrize(("announced", "pieces"), [(5, 2), (None, 3), (9, 3)])
async def test_nobody_waits_for_the_end_of_a_body_that_is_there(
    announced: int | None, pieces: int
) -> None:
    coming: deque[dict[str, Any]] = deque(
        (
            {"type": "http.request", "body": b"abc", "more_body": True},
            {"type": "http.request", "body": b"de", "more_body": True},
            {"type": "http.request", "body": b"", "more_body": False},
            {"type": "http.disconnect"},
        )
    )

    async def receive() -> Any:
        return coming.popleft()

    heard = paced(receive, 5, announced)
    told = [await heard() for _ in range(pieces)]
    assert [one["more_body"] for one in told] == [True] * (pieces - 1) + [False]
    assert b"".join(one["body"] for one in told) == b"abcde"
    assert len(coming) == 4 - pieces
    assert (await heard())["type"] == "http.disconnect"
