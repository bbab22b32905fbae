"""Anything at all may be typed: no exception, no endless run, a report for what is wrong."""

import gc
import random
import time
from typing import Final

import pytest
from corpus import EVERY_TEXT
from walks import random_campaign

from headless.dsl.draw import svg
from headless.dsl.examine import examine
from headless.dsl.expect import complete
from headless.dsl.explain import explain
from headless.dsl.format import format_parsed
from headless.dsl.lalr import tokenize
from headless.dsl.parser import parse
from headless.dsl.render import plain, terminal, to_json
from headless.dsl.text import clean

LONGEST_RUN: Final = 0.1
"""Seconds of the processor that no text may take, whatever it says."""
LETTERS = "abcdefghij \"'#:;.,()<>=!%0123456789\n\t\u00a0\u2013\u201cÄ日😀\x00\\"
WORDS = [
    *sorted({t.text for text in EVERY_TEXT for t in tokenize(clean(text), text)[0]}),
    *('"', "(", ")", ";", ":", "'", "#", "\n", "\u201c", "\u202e", "%", "3..", "\x00", "e\u0301"),
    "\ud800",
]


def any_text(chance: random.Random) -> str:
    """Words at random, letters, what the grammar allows, or a good text spoilt in some places."""
    kind = chance.random()
    if kind < 0.3:
        return " ".join(chance.choice(WORDS) for _ in range(chance.randrange(60)))
    if kind < 0.4:
        return "".join(chance.choice(LETTERS) for _ in range(chance.randrange(300)))
    if kind < 0.5:
        return random_campaign(chance) or ""
    text = chance.choice(EVERY_TEXT)
    for _ in range(chance.randrange(1, 8)):
        at = chance.randrange(len(text) + 1)
        end = min(len(text), at + chance.randrange(12))
        middle = chance.choice(("", chance.choice(WORDS), chance.choice(LETTERS), text[at:end] * 2))
        text = text[:at] + middle + text[chance.choice((at, end)) :]
    return text


def survive(seed: int, runs: int) -> None:
    """Every text through all passes; one that seems slow has two more chances, for the machine."""
    chance = random.Random(seed)
    gc.freeze()
    try:
        for _ in range(runs):
            text, chat = any_text(chance), chance.random() < 0.2
            at = chance.randrange(len(text) + 1)
            times = [cost(text, at, chat=chat)]
            while times[-1] > LONGEST_RUN and len(times) < 3:
                times.append(cost(text, at, chat=chat))
            assert min(times) <= LONGEST_RUN, (times, text)
    finally:
        gc.unfreeze()


def cost(text: str, at: int, *, chat: bool) -> float:
    """The seconds of the processor that all passes take; they say what agrees."""
    began = time.process_time()
    seen = examine(text, chat=chat)
    told = explain(seen.campaign) if seen.campaign is not None else ""
    formatted = None if seen.campaign is None else format_parsed(parse(text, chat=chat))
    picture = svg(seen.plan) if seen.plan is not None else ""
    terminal(text, seen.diagnostics)
    plain(text, seen.diagnostics)
    complete(text, at)
    took = time.process_time() - began
    for found in seen.diagnostics:
        assert 0 <= found.span.start <= found.span.end <= len(text), (found, text)
    if "\ud800" not in text:
        to_json(text, seen.diagnostics)
    if seen.campaign is None:
        assert any(d.severity == "error" for d in seen.diagnostics), text
    else:
        assert told, text
        assert formatted is not None, text
        assert parse(formatted).campaign == seen.campaign, text
    assert (seen.plan is None) == (not picture), text
    return took


def test_some_texts() -> None:
    survive(seed=1, runs=1000)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_fifty_thousand_texts(seed: int) -> None:
    survive(seed=seed, runs=5_000)


@pytest.mark.parametrize(
    "text",
    [
        "send " * 2000,
        "if " * 2000,
        "(" * 5000,
        '"' * 3001,
        "wait 1d " * 3000 + "wiat 1d",
        "x: " * 2000,
        "when opened email A or " * 1000,
        "1" * 50_000,
        "1 " * 5000 + "d",
    ],
    ids=lambda text: text[:12],
)
def test_long_texts_do_not_take_for_ever(text: str) -> None:
    began = time.process_time()
    parse(text)
    assert time.process_time() - began < 1.5
