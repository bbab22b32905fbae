"""How a node finds its words, and the turns of phrase that the rooms share.

`written` looks a node's class up among the words that the rooms have given to `learn`; it is the
way from each room to the words of the nodes inside its own. Imports the tree and the literals.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from headless.dsl import ast
from headless.dsl.wording.literals import name


class Style(NamedTuple):
    """How to write: `keep_quotes` leaves the quotes that a value was typed with."""

    keep_quotes: bool = False


CANONICAL: Final = Style()
AS_TYPED: Final = Style(keep_quotes=True)

Words = Callable[[Any, Style], str]
_WORDS: Final[dict[type[ast.Node], Words]] = {}


def learn(words: Mapping[type[ast.Node], Words]) -> None:
    """Take over a room's words: one function for each of its nodes."""
    _WORDS.update(words)


def written(node: ast.Node, style: Style = CANONICAL) -> str:
    """The node in the language's words; for a step without its label."""
    return _WORDS[type(node)](node, style)


def joined(parts: Iterable[ast.Node], style: Style, between: str = ", ") -> str:
    """Several nodes in a row, with the same between each two."""
    return between.join(written(part, style) for part in parts)


def spaced(*parts: str) -> str:
    """The parts that are not empty, with a blank between each two."""
    return " ".join(part for part in parts if part)


def called(word: str, named: ast.Name | None) -> str:
    """A word and the name behind it; nothing without a name."""
    return f"{word} {name(named.text)}" if named is not None else ""


def where(condition: ast.Condition | None, style: Style) -> str:
    """The condition in brackets that an event or a source may have."""
    return f"where ({written(condition, style)})" if condition is not None else ""
