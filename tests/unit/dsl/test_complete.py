"""What can be typed at a place: exactly what fits."""

import pytest
from corpus import EVERY_TEXT, title

from headless.dsl.expect import complete, expected, reading
from headless.dsl.lalr import accepts, tokenize
from headless.dsl.text import clean


@pytest.mark.parametrize(
    ("typed", "words", "wants"),
    [
        ("se", ("send", "set"), None),
        ("send email ", (), "email"),
        ("jump ", ("to",), None),
        ("when opened ", ("any", "email"), None),
        ("wait 3d when replied ", ("to",), None),
        ("add to ", ("campaign", "company", "segment"), None),
        ("if x is ", ("empty", "field", "no", "now", "today", "yes"), None),
        ("add tag x re", ("remove", "repeat"), None),
        ("from segment Leads re", ("re-entry", "remove", "repeat"), None),
        ("when opened email X w", ("within",), None),
    ],
)
def test_words_that_fit(typed: str, words: tuple[str, ...], wants: str | None) -> None:
    found = complete(typed, len(typed))
    assert found.words == words
    assert found.wants == wants


def test_a_completion_replaces_the_word_begun() -> None:
    found = complete("wait 1d sen email A", 11)
    assert (found.start, found.end) == (8, 11)
    assert found.words == ("send",)


@pytest.mark.parametrize("text", EVERY_TEXT[:20], ids=title)
def test_every_next_word_was_expected(text: str) -> None:
    tokens, _ = tokenize(clean(text), text)
    for index, token in enumerate(tokens):
        states = reading(tokens[:index])
        assert states is not None
        assert token.type in accepts(states)


def test_nothing_is_offered_where_the_text_is_faulty() -> None:
    assert complete("send sned ", 10).words == ()


def test_expectations_are_few_and_in_plain_words() -> None:
    start = reading([])
    assert start is not None
    said = expected(accepts(start))
    assert said.startswith("a step (`send`, `add`")
    assert said.count(",") < 12
