"""The machine that reads tokens by the table: tokens in, values out, and what could come next.

`tokenize` cuts a cleaned text into tokens and comments; `Machine` shifts and reduces them and has
a tree built on the way; `advance` and `accepts` walk the same table without building
anything, for recovery, messages and completion. Computes only; no exception leaves it.
"""

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple, Protocol

from headless.dsl.ast import Comment
from headless.dsl.diagnostics import Span
from headless.dsl.tables import table
from headless.dsl.text import Cleaned

END = "$END"
_BLANK = " \t\ufeff\u00a0\u200b"


class Token(NamedTuple):
    """One word of the language: `start` and `end` are offsets into the text as typed."""

    type: str
    text: str
    start: int
    end: int

    @property
    def span(self) -> Span:
        """Where it was typed."""
        return Span(self.start, self.end)


class TreeBuilder(Protocol):
    """Makes values of what a rule has read."""

    def build(self, method: str, span: Span, parts: list[Any]) -> Any:
        """The value of a rule; `method` is the rule's name or alias."""
        ...


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile(table().pattern)


def tokenize(cleaned: Cleaned, typed: str) -> tuple[list[Token], list[Comment]]:
    """The tokens, with one for the end, and the comments; spans point into the text as typed."""
    tokens: list[Token] = []
    comments: list[Comment] = []
    words = table().words
    offsets = cleaned.offsets
    for found in _pattern().finditer(cleaned.text):
        kind = found.lastgroup
        if kind == "WS" or kind is None:
            continue
        start, end = found.span()
        if offsets is not None:
            start, end = offsets[start], offsets[end - 1] + 1
        word = found.group()
        if kind == "NAME":
            kind = words.get(word.lower(), kind)
        elif kind == "COMMENT":
            begin = max(typed.rfind("\n", 0, start), typed.rfind("\r", 0, start)) + 1
            line = typed[begin:start]
            comments.append(Comment(word.rstrip(), Span(start, end), not line.strip(_BLANK)))
            continue
        tokens.append(Token(kind, word, start, end))
    tokens.append(Token(END, "", len(typed), len(typed)))
    return tokens, comments


class Machine:
    """The stacks of a parse under way; `values[i]` belongs to `states[i + 1]`."""

    def __init__(self, start: str, builder: TreeBuilder) -> None:
        self.states = [table().starts[start]]
        self.values: list[Any] = []
        self.places: list[tuple[int, int]] = []
        self._end = table().ends[start]
        self._builder = builder

    def feed(self, tokens: Sequence[Token], at: int = 0) -> int:
        """Read tokens until one does not fit; answers the index of that one, or their number."""
        rows, gotos, rules = table().actions, table().gotos, table().rules
        states, values, places = self.states, self.values, self.places
        build = self._builder.build
        for index in range(at, len(tokens)):
            token = tokens[index]
            kind = token[0]
            while True:
                action = rows[states[-1]].get(kind)
                if action is None:
                    return index
                if action >= 0:
                    states.append(action)
                    values.append(token)
                    places.append((token[2], token[3]))
                    break
                rule = rules[-1 - action]
                size = rule.length
                first = len(values) - size
                place = (places[first][0], places[-1][1])
                method = rule.method
                if method == "":
                    value = values[first + rule.keep[0]]
                else:
                    parts: list[Any] = []
                    for kept in rule.keep:
                        if kept >= 0:
                            parts.append(values[first + kept])
                        elif kept == -1:
                            parts.append(None)
                        else:
                            parts += values[first - 2 - kept]
                    value = parts if method == "*" else build(method, Span(*place), parts)
                del states[-size:], values[-size:], places[-size:]
                states.append(gotos[states[-1]][rule.origin])
                values.append(value)
                places.append(place)
                if kind == END and states[-1] == self._end:
                    break
        return len(tokens)

    @property
    def value(self) -> Any:
        """What has been built, once the end has been read."""
        return self.values[-1]


def advance(states: Sequence[int], terminal: str) -> list[int] | None:
    """The states after one more terminal, or None where it cannot come."""
    known = table()
    rows = known.actions
    action = rows[states[-1]].get(terminal)
    if action is None:
        return None
    after = list(states)
    gotos, rules = known.gotos, known.rules
    while action < 0:
        rule = rules[-1 - action]
        del after[-rule.length :]
        after.append(gotos[after[-1]][rule.origin])
        if terminal == END and after[-1] in known.ends.values():
            return after
        action = rows[after[-1]].get(terminal)
        if action is None:
            return None
    after.append(action)
    return after


def readable(states: Sequence[int], terminals: Sequence[str]) -> int:
    """How many of these terminals can be read one after the other from here."""
    known = table()
    rows, gotos, rules = known.actions, known.gotos, known.rules
    stack = list(states)
    for count, terminal in enumerate(terminals):
        action = rows[stack[-1]].get(terminal)
        while action is not None and action < 0:
            rule = rules[-1 - action]
            del stack[-rule.length :]
            stack.append(gotos[stack[-1]][rule.origin])
            if terminal == END and stack[-1] in known.ends.values():
                return count + 1
            action = rows[stack[-1]].get(terminal)
        if action is None:
            return count
        stack.append(action)
    return len(terminals)


def accepts(states: Sequence[int]) -> frozenset[str]:
    """Every terminal that can come next, exactly."""
    return _accepts(tuple(states))


@lru_cache(maxsize=512)
def _accepts(states: tuple[int, ...]) -> frozenset[str]:
    row = table().actions[states[-1]]
    return frozenset(terminal for terminal in row if advance(states, terminal) is not None)
