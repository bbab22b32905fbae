"""What every value of the tree is: a frozen value with a span, equal by what it says.

A node knows its `span`, the offsets of the text it came from, but spans (and whether a text was
typed in quotes) do not count in comparisons: two layouts of one campaign are equal trees. In JSON
a node's class is told by its `kind`. Comments are no nodes: they are kept beside the tree. Imports
nothing of ours but `Span`, computes nothing but a walk.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from headless.dsl.diagnostics import Span

_UNCOMPARED = frozenset({"span", "quoted"})


def _kind(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


class Node(
    msgspec.Struct,
    frozen=True,
    eq=False,
    gc=False,
    kw_only=True,
    omit_defaults=True,
    tag_field="kind",
    tag=_kind,
):
    """Anything in a campaign's text: `span` says where it stood, and is not compared."""

    span: Span = Span(0, 0)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(
            getattr(self, name) == getattr(other, name)
            for name in self.__struct_fields__
            if name not in _UNCOMPARED
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        told = (n for n in self.__struct_fields__ if n not in _UNCOMPARED)
        return hash((type(self), *(getattr(self, name) for name in told)))


class Comment(msgspec.Struct, frozen=True, gc=False):
    """A comment from `#` to the end of its line, kept beside the tree; `own_line` if alone."""

    text: str
    span: Span
    own_line: bool


@cache
def _below(kind: type[Node]) -> tuple[str, ...]:
    return tuple(name for name in kind.__struct_fields__ if name not in _UNCOMPARED)


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below a node, in the order of its fields."""
    for name in _below(type(node)):
        below: Any = getattr(node, name)
        if isinstance(below, Node):
            yield below
        elif isinstance(below, tuple):
            yield from (item for item in below if isinstance(item, Node))


def walk(node: Node) -> Iterator[Node]:
    """The node itself and every node below it, parents before children."""
    todo = [node]
    while todo:
        here = todo.pop()
        yield here
        todo.extend(reversed(list(children(here))))
