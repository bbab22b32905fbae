"""What the language can say and the engine cannot run yet: one table, shrunk as the engine grows.

A statement that is not ready gets a warning with its place, never silence: such a campaign can be
stored, checked and drawn, but not started. To make a statement ready, take its line out of
`_WHOLE` or `_PARTS`; when both are empty this module can go. Imports `ast`, `diagnostics`.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from headless.dsl import ast
from headless.dsl.diagnostics import Diagnostic, Span, in_order, warning

CODE: Final = "W490"

_WHOLE: Final[dict[type[ast.Node], str]] = {
    # settings
    ast.OwnedBy: "owned by",
}
"""Statements that cannot run at all, and the words that a reader knows them by."""

_Part = tuple[type[ast.Node], Callable[[Any], bool], str]
_PARTS: Final[tuple[_Part, ...]] = ()
"""Parts of statements that cannot run, though the rest of the statement can."""


def unready(campaign: ast.Campaign) -> tuple[Diagnostic, ...]:
    """A warning for each statement, or part of one, that the engine cannot run yet."""
    return in_order(found for node in ast.walk(campaign) for found in _one(node))


def _one(node: ast.Node) -> Iterator[Diagnostic]:
    if type(node) in _WHOLE:
        yield _told(_WHOLE[type(node)], node)
        return
    for kind, lacks, words in _PARTS:
        if isinstance(node, kind) and lacks(node):
            yield _told(words.format(node), node)


def _told(words: str, node: ast.Node) -> Diagnostic:
    return warning(
        CODE,
        f"`{words}` cannot run yet; the campaign can be stored and checked, but not started",
        _head(node, words),
    )


def _head(node: ast.Node, words: str) -> Span:
    """Of a block only its first word, so that the caret does not run over the whole body."""
    if isinstance(node, ast.Parallel | ast.Repeat | ast.Every):
        start = node.span.start
        return Span(start, start + len(words))
    return node.span
