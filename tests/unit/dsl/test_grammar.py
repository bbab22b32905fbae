"""The grammar itself: no conflict, no collision, and a shipped table that is up to date."""

from typing import Any

import msgspec
import pytest
from corpus import EVERY_TEXT, title
from lark.exceptions import GrammarError, LexError
from lark.lexer import BasicLexer

from headless.dsl import grammar
from headless.dsl.lalr import tokenize
from headless.dsl.tables import TABLE_FILE, table
from headless.dsl.text import clean

GRAMMAR = grammar.GRAMMAR_FILE.read_text("utf-8")


@pytest.fixture(scope="module")
def lark() -> Any:
    made: Any = grammar.lark(GRAMMAR)
    made.lexer = BasicLexer(made.lexer_conf)  # else each `lex` makes one, half a second long
    return made


def test_the_shipped_table_is_that_of_the_grammar_without_a_conflict() -> None:
    built = grammar.build(GRAMMAR, strict=True)
    assert msgspec.json.encode(built) == TABLE_FILE.read_bytes().strip(), (
        "the grammar has changed: run `python -m headless.dsl.grammar`"
    )
    assert table() == built


@pytest.mark.parametrize(
    "spoilt",
    [
        GRAMMAR.replace("\nexit: ", "\nleave: EXIT\nexit: ").replace(
            "| exit |", "| exit | leave |"
        ),
        GRAMMAR + "\nNAME_AGAIN: /[^\\W\\d][\\w-]*/i\n!again: NAME_AGAIN\n",
    ],
    ids=["two readings", "two words for one text"],
)
def test_strict_mode_would_tell(spoilt: str) -> None:
    spoilt = spoilt.replace("// -----", "// ----")
    if "again" in spoilt:
        spoilt = spoilt.replace("start: [title]", "start: again | [title]")
    with pytest.raises((GrammarError, LexError)):
        grammar.build(spoilt, strict=True)


@pytest.mark.parametrize("text", EVERY_TEXT, ids=title)
def test_the_words_are_those_that_lark_sees(text: str, lark: Any) -> None:
    cleaned = clean(text)
    ours = [(t.type, t.text) for t in tokenize(cleaned, text)[0][:-1]]
    assert ours == [(t.type, str(t)) for t in lark.lex(cleaned.text)]


@pytest.mark.parametrize("text", EVERY_TEXT, ids=title)
def test_lark_itself_reads_what_we_read(text: str, lark: Any) -> None:
    lark.parse(clean(text).text, start="start")
