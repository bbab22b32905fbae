"""Every example goes through all passes: no pass raises, and what they say agrees."""

import re

import pytest
from corpus import CAMPAIGNS, EVERY_TEXT, title

from headless.dsl import plan as plans
from headless.dsl.analysis import analyse
from headless.dsl.check import check
from headless.dsl.compile import compile_campaign, numbered
from headless.dsl.diagnostics import has_errors
from headless.dsl.diff import diff
from headless.dsl.draw import mermaid, svg
from headless.dsl.examine import examine
from headless.dsl.explain import explain
from headless.dsl.parser import parse

LINTS = {
    "event-invite-follow-up": ["W406"],
    "nps": ["W401"],
    "re-permission": ["W401"],
    "win-back": ["W401"],
}
"""What the examples are warned of, and rightly: an early answer brings two emails in one week."""


def is_sound(text: str) -> bool:
    campaign = parse(text).campaign
    return campaign is not None and not has_errors(check(campaign))


SOUND = [text for text in EVERY_TEXT if is_sound(text)]


def test_nearly_every_text_is_sound() -> None:
    assert len(SOUND) >= len(EVERY_TEXT) - 10


@pytest.mark.parametrize("text", SOUND, ids=title)
def test_every_text_goes_through_all_passes(text: str) -> None:
    parsed = parse(text)
    assert parsed.campaign is not None
    campaign = parsed.campaign
    made = compile_campaign(campaign, text)
    assert [step.number for step in made.steps] == list(range(len(made.steps)))
    assert plans.from_json(plans.to_json(made)) == made
    assert len({step.key for step in made.steps}) == len(made.steps)
    for step in made.steps:
        assert all(to is None or 0 < to < len(made.steps) for to in plans.targets(step))
        assert step.parent < max(step.number, 1)
        assert "\n" not in step.text
    for number, tree in numbered(campaign.steps):
        line = text.count("\n", 0, tree.span.start) + 1
        assert made.steps[number].line == line
    for found in (
        *check(campaign),
        *analyse(campaign, made).diagnostics,
    ):
        assert 0 <= found.span.start < found.span.end <= len(text)
    assert diff(made, made).changes == ()
    assert explain(campaign)
    assert svg(made).startswith("<svg")
    assert mermaid(made).startswith("flowchart")


@pytest.mark.parametrize("text", SOUND, ids=title)
def test_a_flattened_text_is_the_same_plan(text: str) -> None:
    flat = " ".join(re.sub(r"#[^\n\"]*$", "", text, flags=re.MULTILINE).split())
    one, other = parse(text).campaign, parse(flat).campaign
    assert one is not None
    assert other is not None
    made, flattened = compile_campaign(one, text), compile_campaign(other, flat)
    assert made.hash == flattened.hash
    assert [step.text for step in made.steps] == [step.text for step in flattened.steps]
    assert explain(one) == explain(other)


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_the_examples_are_campaigns_without_a_fault(name: str) -> None:
    seen = examine(CAMPAIGNS[name])
    assert seen.ok, seen.diagnostics
    told = [d.code for d in seen.diagnostics]
    assert told == LINTS.get(name, []), seen.diagnostics
