"""Holds the engine against the reference: the same story, told by both."""

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from model.reference import Reference
from model.stage import Stage
from model.story import Outcome, Story

from headless.dsl import ast
from headless.dsl.compile import compile_campaign
from headless.dsl.parser import parse


async def differences(stage: Stage, story: Story) -> list[str]:
    """What the engine tells otherwise than the reference; nothing, when they agree."""
    played = await stage.play(story)
    told = Reference(read(story.text), story, await _dealer(stage, story)).tell()
    found = await stage.bookkeeping()
    for name, expected in told.items():
        found += [f"{name}: {line}" for line in _differences(expected, played[name])]
    return found


def read(text: str) -> ast.Campaign:
    """The tree of a text without faults."""
    parsed = parse(text)
    assert parsed.campaign is not None, parsed.diagnostics
    return parsed.campaign


async def _dealer(stage: Stage, story: Story) -> Callable[..., int]:
    """The arm of a split: the first 32 bits of MD5 over campaign, step and contact, as a share."""
    plan = compile_campaign(read(story.text), story.text)
    campaign = await stage.one("select id from campaign")

    def deal(step: int, name: str, arms: tuple[ast.Arm, ...]) -> int:
        key = f"{campaign}:{plan.steps[step].key}:{stage.ids[name]}"
        share = int(hashlib.md5(key.encode()).hexdigest()[:8], 16) * 100 / 2**32
        upper = Decimal(0)
        for index, arm in enumerate(arms[:-1]):
            upper += arm.share or Decimal(0)
            if share < upper:
                return index
        return len(arms) - 1

    return deal


def _differences(expected: Outcome, played: Outcome) -> list[str]:
    found = []
    for name in ("runs", "points", "tags", "segments", "fields", "messages", "unsubscribed"):
        wanted, got = getattr(expected, name), getattr(played, name)
        if wanted != got:
            found.append(f"{name}: {wanted} by the language, {got} by the engine")
    missing, surplus = (
        _but(expected.journal, played.journal),
        _but(played.journal, expected.journal),
    )
    found += [f"only by the language: {line}" for line in missing]
    found += [f"only by the engine: {line}" for line in surplus]
    return found


def _but(lines: list[Any], others: list[Any]) -> list[Any]:
    rest = list(others)
    return [line for line in lines if line not in rest or rest.remove(line)]
