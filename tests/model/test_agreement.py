"""The engine and the reference tell every story alike: campaigns, people and happenings at random.

The suite plays the same few hundred stories each time; `make check-deep` plays new ones at length.
"""

import pytest
from hypothesis import HealthCheck, assume, given, settings
from model.agreement import differences
from model.stage import Stage
from model.story import Story
from model.strategies import runs, stories

_UNHURRIED = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much,
                           HealthCheck.data_too_large],
    print_blob=True,
)  # fmt: skip


@pytest.mark.xfail(reason="what it found is being mended", strict=False)
@settings(_UNHURRIED, max_examples=300, derandomize=True)
@given(story=stories())
async def test_engine_and_reference_agree(stage: Stage, story: Story) -> None:
    assume(runs(story.text))
    assert await differences(stage, story) == []


@pytest.mark.slow
@settings(_UNHURRIED, max_examples=5_000)
@given(story=stories(most=16))
async def test_engine_and_reference_agree_at_length(stage: Stage, story: Story) -> None:
    assume(runs(story.text))
    assert await differences(stage, story) == []
