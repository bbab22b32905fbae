"""Requests that come while others are worked on are worked on together, each with its own end."""

import asyncio
from collections.abc import Sequence

import pytest

from headless.storage.gathering import Gathering


class Work:
    """Doubles numbers in turns that a test lets go on; -1 cannot be doubled."""

    def __init__(self) -> None:
        self.turns: list[list[int]] = []
        self.may = asyncio.Event()

    async def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.turns.append(list(numbers))
        await self.may.wait()
        if -1 in numbers:
            raise ValueError("-1")
        return [2 * number for number in numbers]


async def test_those_who_come_meanwhile_share_the_next_turn() -> None:
    work = Work()
    gathering = Gathering(work, most=3)
    asked = [asyncio.create_task(gathering.ask(0))]
    while not work.turns:
        await asyncio.sleep(0)
    asked += [asyncio.create_task(gathering.ask(number)) for number in (1, 2, 3, 4)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert work.turns == [[0]]  # nobody waits for company, and nobody pushes in
    work.may.set()
    assert await asyncio.gather(*asked) == [0, 2, 4, 6, 8]
    assert work.turns == [[0], [1, 2, 3], [4]]


async def test_a_fault_is_that_of_one_alone() -> None:
    work = Work()
    work.may.set()
    gathering = Gathering(work)
    asked = [asyncio.create_task(gathering.ask(number)) for number in (1, -1, 3)]
    ends = await asyncio.gather(*asked, return_exceptions=True)
    assert [ends[0], ends[2]] == [2, 6]
    assert isinstance(ends[1], ValueError)
    with pytest.raises(ValueError, match="-1"):
        await gathering.ask(-1)
    assert await gathering.ask(5) == 10


async def test_who_has_gone_away_holds_up_nobody() -> None:
    work = Work()
    gathering = Gathering(work)
    gone = asyncio.create_task(gathering.ask(1))
    stays = asyncio.create_task(gathering.ask(2))
    while not work.turns:
        await asyncio.sleep(0)
    gone.cancel()
    work.may.set()
    assert await stays == 4
