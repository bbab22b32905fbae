"""The engine and the reference tell every story alike: campaigns, people and happenings at random.

Two sources of chance: a seed, whose stories are all different, and hypothesis, which looks for the
odd ones and makes them small. The suite plays the same stories each time; `make check-deep` plays
new ones at length. What was found stands by its name in `test_found.py`.
"""

import secrets

import pytest
from hypothesis import HealthCheck, assume, given, settings
from model.agreement import differences
from model.author import runs
from model.dice import Dice
from model.reduce import reduced
from model.stage import Stage
from model.story import Story
from model.strategies import stories, story

_UNHURRIED = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much,
                           HealthCheck.data_too_large],
    print_blob=True,
)  # fmt: skip


async def _fails(stage: Stage, told: Story) -> bool:
    return runs(told.text) and await differences(stage, told) != []


async def _agree(stage: Stage, seed: int, *, most: int = 8) -> bool:
    """Plays the story of a seed, if the engine runs it; a failing one is told in its least form."""
    told = story(Dice.seeded(seed), most=most)
    if not runs(told.text):
        return False
    if await differences(stage, told):
        least = await reduced(told, lambda smaller: _fails(stage, smaller))
        pytest.fail(f"seed {seed}\n{least.text}\n{least}\n" + "\n".join(
            await differences(stage, least)))  # fmt: skip
    return True


@pytest.mark.parametrize("first", range(0, 240, 40))
async def test_stories_of_a_seed(stage: Stage, first: int) -> None:
    played = [await _agree(stage, seed) for seed in range(first, first + 40)]
    assert sum(played) >= 36


@settings(_UNHURRIED, max_examples=64, derandomize=True)
@given(told=stories())
async def test_stories_by_hypothesis(stage: Stage, told: Story) -> None:
    assume(runs(told.text))
    assert await differences(stage, told) == []


@pytest.mark.slow
async def test_new_stories_at_length(stage: Stage) -> None:
    first = secrets.randbelow(2**40)
    for seed in range(first, first + 4_000):
        await _agree(stage, seed, most=16)


@pytest.mark.slow
@settings(_UNHURRIED, max_examples=1_000)
@given(told=stories())
async def test_new_stories_by_hypothesis(stage: Stage, told: Story) -> None:
    assume(runs(told.text))
    assert await differences(stage, told) == []
