"""Anything at all may be typed: no exception, no endless run, a report for what is wrong."""

import random
import time

import pytest
from corpus import EVERY_TEXT

from headless.dsl.expect import complete
from headless.dsl.format import format_parsed
from headless.dsl.lalr import tokenize
from headless.dsl.parser import parse
from headless.dsl.render import plain, terminal, to_json
from headless.dsl.text import clean

LETTERS = "abcdefghij \"'#:;.,()<>=!%0123456789\n\t\u00a0\u2013\u201cÄ日😀\x00\\"
WORDS = [
    *sorted({t.text for text in EVERY_TEXT for t in tokenize(clean(text), text)[0]}),
    *('"', "(", ")", ";", ":", "'", "#", "\n", "\u201c", "\u202e", "%", "3..", "\x00", "e\u0301"),
    "\ud800",
]


def any_text(chance: random.Random) -> str:
    """Words at random, letters at random, or a good text spoilt in a few places."""
    kind = chance.random()
    if kind < 0.3:
        return " ".join(chance.choice(WORDS) for _ in range(chance.randrange(60)))
    if kind < 0.4:
        return "".join(chance.choice(LETTERS) for _ in range(chance.randrange(300)))
    text = chance.choice(EVERY_TEXT)
    for _ in range(chance.randrange(1, 8)):
        at = chance.randrange(len(text) + 1)
        end = min(len(text), at + chance.randrange(12))
        middle = chance.choice(("", chance.choice(WORDS), chance.choice(LETTERS), text[at:end] * 2))
        text = text[:at] + middle + text[chance.choice((at, end)) :]
    return text


def survive(seed: int, runs: int) -> None:
    chance = random.Random(seed)
    for _ in range(runs):
        text = any_text(chance)
        parsed = parse(text, chat=chance.random() < 0.2)
        failed = any(d.severity == "error" for d in parsed.diagnostics)
        assert failed == (parsed.campaign is None), text
        for found in parsed.diagnostics:
            assert 0 <= found.span.start <= found.span.end <= len(text), (found, text)
        if parsed.campaign is not None:
            formatted = format_parsed(parsed)
            assert formatted is not None
            assert parse(formatted).campaign == parsed.campaign, text
        elif chance.random() < 0.1:
            terminal(text, parsed.diagnostics)
            plain(text, parsed.diagnostics)
            complete(text, chance.randrange(len(text) + 1))
            if "\ud800" not in text:
                to_json(text, parsed.diagnostics)


def test_some_thousand_texts() -> None:
    survive(seed=1, runs=1500)


@pytest.mark.slow
def test_fifty_thousand_texts() -> None:
    survive(seed=2, runs=50_000)


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
