"""Texts that must parse, to the trees that they must parse to.

The trees lie in cases/valid.trees.json; `python tests/unit/dsl/test_parse.py` writes them anew
after a change that is meant to change them.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from corpus import EVERY_TEXT, HERE, VALID, title

from headless.dsl import ast
from headless.dsl.build import Builder
from headless.dsl.diagnostics import Span
from headless.dsl.parser import parse, parse_condition, parse_event
from headless.dsl.tables import table

TREES = HERE / "cases" / "valid.trees.json"


def without_spans(tree: ast.Node) -> Any:
    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: bare(v) for k, v in value.items() if k not in ("span", "quoted")}
        return [bare(item) for item in value] if isinstance(value, list) else value

    return bare(json.loads(msgspec.json.encode(tree)))


def campaign(text: str) -> ast.Campaign:
    parsed = parse(text)
    assert parsed.diagnostics == ()
    assert parsed.campaign is not None
    return parsed.campaign


@pytest.mark.parametrize("number", range(len(VALID)), ids=[title(t) for t in VALID])
def test_a_valid_text_has_its_tree(number: int) -> None:
    expected = json.loads(TREES.read_text("utf-8"))
    assert without_spans(campaign(VALID[number])) == expected[number]


@pytest.mark.parametrize("text", EVERY_TEXT, ids=title)
def test_line_breaks_and_blanks_never_change_the_meaning(text: str) -> None:
    tree = campaign(text)
    bare = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
    flat = " ".join(bare.split("\n"))
    assert campaign(flat) == tree
    assert campaign(text.replace("\n", "\r\n")) == tree
    assert campaign(re.sub(r"^[ \t]+", "", text, flags=re.MULTILINE)) == tree


@pytest.mark.parametrize("text", EVERY_TEXT, ids=title)
def test_a_tree_is_written_and_read_as_json(text: str) -> None:
    tree = campaign(text)
    read = msgspec.json.decode(msgspec.json.encode(tree), type=ast.Campaign)
    assert read == tree
    assert hash(read) == hash(tree)


@pytest.mark.parametrize("text", EVERY_TEXT, ids=title)
def test_every_node_knows_where_it_stands(text: str) -> None:
    tree = campaign(text)
    for node in ast.walk(tree):
        assert 0 <= node.span.start < node.span.end <= len(text), node
        for below in ast.children(node):
            if not isinstance(node, ast.When | ast.If) or not isinstance(below, ast.Block):
                assert node.span.start <= below.span.start, (node, below)
            assert below.span.end <= node.span.end, (node, below)


def test_spans_point_at_the_words() -> None:
    text = 'send email Welcome wait 3d if points > 50 then add tag "a b"'
    tree = campaign(text)
    said = {type(node): text[node.span.start : node.span.end] for node in ast.walk(tree)}
    assert said[ast.SendMessage] == "send email Welcome"
    assert said[ast.Duration] == "3d"
    assert said[ast.Compare] == "points > 50"
    assert said[ast.Name] == '"a b"'


def test_every_rule_is_used_by_a_case() -> None:
    used: set[str] = set()
    original = Builder.build

    def noting(self: Builder, method: str, span: Span, parts: list[Any]) -> Any:
        used.add(method)
        return original(self, method, span, parts)

    Builder.build = noting  # type: ignore[method-assign] - the test listens at the door
    try:
        for text in EVERY_TEXT:
            parse(text)
    finally:
        Builder.build = original  # type: ignore[method-assign] - as it was
    parse_condition("points > 5")
    rules = {rule.method for rule in table().rules} - {"", "*"}
    assert rules - used == {"condition", "event_text"}


def test_names_are_the_same_bare_or_quoted() -> None:
    assert campaign('send email "Welcome"') == campaign("send email Welcome")


def test_nodes_that_say_different_things_are_different() -> None:
    assert campaign("wait 3d") != campaign("wait 4d")
    assert campaign("wait 7d") != campaign("wait 1w")
    assert campaign("add tag a") != campaign("remove tag a")
    assert campaign("wait 3d") == campaign("wait  3d")
    unequal = campaign("wait 3d") != campaign("wait  3d")
    assert not unequal


def test_settings_stand_in_one_order() -> None:
    one = campaign("priority 3 from segment A exit")
    assert one == campaign("from segment A priority 3 exit")
    assert [type(s) for s in one.settings] == [ast.From, ast.Priority]


def test_else_answers_the_nearest_open_question() -> None:
    inner = campaign("when opened email A do if a is b then exit else wait 1d end")
    assert isinstance(inner.steps[0], ast.When)
    assert inner.steps[0].otherwise is None
    outer = campaign("when opened email A do if a is b then exit; else wait 1d end")
    assert isinstance(outer.steps[0], ast.When)
    assert outer.steps[0].otherwise is not None


def test_a_condition_alone() -> None:
    parsed = parse_condition("points > 50 and in segment Leads")
    assert parsed.diagnostics == ()
    assert isinstance(parsed.condition, ast.And)
    assert [type(c) for c in parsed.condition.conditions] == [ast.Compare, ast.InSegment]
    wrong = parse_condition("points >")
    assert wrong.condition is None
    assert [d.code for d in wrong.diagnostics] == ["E125"]


def test_an_event_alone() -> None:
    parsed = parse_event("opened email Welcome")
    assert parsed.event == ast.EmailOpened(ast.Name("Welcome"))
    assert parse_event("opened").event is None


def test_comments_are_kept_beside_the_tree() -> None:
    parsed = parse("# one\nsend email A # two\n")
    assert [(c.text, c.own_line) for c in parsed.comments] == [("# one", True), ("# two", False)]


def test_too_long_a_text_is_refused() -> None:
    parsed = parse("wait 1d\n" * 200_000)
    assert [d.code for d in parsed.diagnostics] == ["E005"]
    assert parsed.campaign is None


@pytest.mark.parametrize(
    "text",
    [
        "if a is b do " * 33 + "exit" + " end" * 33,
        "if " + "(" * 33 + "a is b" + ")" * 33 + " then exit",
        "if " + "not " * 33 + "a is b then exit",
    ],
)
def test_nesting_is_capped(text: str) -> None:
    assert [d.code for d in parse(text).diagnostics] == ["E006"]


def test_nesting_up_to_the_cap_is_fine() -> None:
    campaign("if a is b do " * 32 + "exit" + " end" * 32)


if __name__ == "__main__":
    trees = [without_spans(campaign(text)) for text in VALID]
    TREES.write_text(json.dumps(trees, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"{len(trees)} trees written to {Path(TREES).name}", file=sys.stderr)
