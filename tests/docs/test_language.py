"""The reference of the language is whole: it has an example of everything that can be said.

Nothing here lists what there is: words, rules and nodes are taken from the grammar's table and from
the tree's classes, so that a statement that is new tomorrow is missed tomorrow.
"""

import importlib.util
import re
import types
import typing
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
import pytest
from pages import REFERENCE, ROOT, blocks

from headless.dsl import ast
from headless.dsl.build import Builder
from headless.dsl.diagnostics import Span
from headless.dsl.parser import parse, parse_condition, words
from headless.dsl.tables import table

TEXTS = [text for page in REFERENCE for _, text, _ in blocks(page, "campaign")]
CONDITIONS = [text for page in REFERENCE for _, text, _ in blocks(page, "condition")]
TREES = [tree for tree in (parse(text).campaign for text in TEXTS) if tree is not None]
NODES = [node for tree in TREES for node in ast.walk(tree)]
CLASSES = [c for c in vars(ast).values() if isinstance(c, type) and issubclass(c, ast.Node)]
NOT_SAID = frozenset({"span", "quoted"})
"""Members of a node that are no part of what it says."""


def test_every_word_has_an_example() -> None:
    read = [text for text in TEXTS if parse(text).campaign is not None]
    shown = {token.type for text in read for token in words(text)}
    terminals = {terminal for row in table().actions for terminal in row} - {"$END"}
    assert terminals - shown == set()


def test_every_rule_has_an_example(monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[str] = set()
    original = Builder.build

    def noting(self: Builder, method: str, span: Span, parts: list[Any]) -> Any:
        used.add(method)
        return original(self, method, span, parts)

    monkeypatch.setattr(Builder, "build", noting)
    for text in TEXTS:
        parse(text)
    for text in CONDITIONS:
        parse_condition(text)
    rules = {rule.method for rule in table().rules} - {"", "*"}
    assert rules - used - {"event_text"} == set(), "event_text is read by the API alone"


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_statement_has_an_example(kind: type[ast.Node]) -> None:
    assert any(isinstance(node, kind) for node in NODES)


def _own(kind: type[ast.Node]) -> Iterator[msgspec.structs.FieldInfo]:
    """The members that a class adds to those that it inherits."""
    inherited = set(getattr(kind.__base__, "__struct_fields__", ()))
    for field in msgspec.structs.fields(kind):
        if field.name not in inherited | NOT_SAID:
            yield field


PARTS = [
    pytest.param(kind, field.name, field.default, id=f"{kind.__name__}.{field.name}")
    for kind in CLASSES
    for field in _own(kind)
    if not field.required
]


@pytest.mark.parametrize(("kind", "part", "absent"), PARTS)
def test_every_part_that_can_be_left_out_has_an_example(
    kind: type[ast.Node], part: str, absent: object
) -> None:
    shown = [getattr(node, part) for node in NODES if isinstance(node, kind)]
    assert any(value != absent for value in shown)


def _choices(hint: Any) -> Iterator[tuple[str, ...]]:
    """The sets of fixed words in a type: those of each `Literal`, wherever it stands in it."""
    if typing.get_origin(hint) is Literal:
        yield tuple(word for word in typing.get_args(hint) if isinstance(word, str))
    elif isinstance(hint, types.UnionType | types.GenericAlias) or typing.get_origin(hint):
        for part in typing.get_args(hint):
            yield from _choices(part)


MEMBERS = [
    (kind, field.name, choice)
    for kind in CLASSES
    for field in _own(kind)
    for choice in _choices(field.type)
]


@pytest.mark.parametrize("choice", sorted({choice for _, _, choice in MEMBERS}), ids="|".join)
def test_every_word_of_a_choice_has_an_example(choice: tuple[str, ...]) -> None:
    shown: set[str] = set()
    for kind, name, of in MEMBERS:
        for node in NODES:
            if of == choice and isinstance(node, kind):
                value = getattr(node, name)
                shown.update(value if isinstance(value, tuple) else (value,))
    assert set(choice) - shown == set()


# ---------------------------------------------------------------- a reader finds the way


def test_every_drawing_is_linked_from_the_reference() -> None:
    drawn = set(re.findall(r"railroad/([\w-]+)\.svg", (ROOT / "docs/grammar.md").read_text()))
    pages = "\n".join(page.read_text() for page in REFERENCE)
    linked = set(re.findall(r"grammar\.md#([\w-]+)\)", pages))
    assert drawn - linked == set()


def test_the_list_of_words_is_that_of_the_grammar_and_the_pages() -> None:
    spec = importlib.util.spec_from_file_location("index", ROOT / "docs" / "write_word_index.py")
    assert spec is not None
    assert spec.loader is not None
    writer: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    assert writer.PAGE.read_text("utf-8") == writer.page(), "run `python docs/write_word_index.py`"
