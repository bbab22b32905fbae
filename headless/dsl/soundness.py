"""What is wrong with the parts of a text that read well, when others do not.

Recovery leaves words that can be read; the tree of them is checked like any other, but nothing is
said of a statement in which recovery has put in, left out or replaced a word, nor of what such a
word may have changed elsewhere: one report for each fault, and none that the repair itself causes.
Imports `ast`, `build`, `catalogue`, `check`, `diagnostics`, `flow`, `lalr`, `parser`.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from headless.dsl import ast
from headless.dsl.build import Builder
from headless.dsl.catalogue import Catalogue
from headless.dsl.check import check
from headless.dsl.diagnostics import Diagnostic, Edit, Fix, Related, Span
from headless.dsl.flow import bodies
from headless.dsl.lalr import END, Machine, Token
from headless.dsl.parser import Guess

_CERTAIN: Final = frozenset(
    (
        *("E200", "E201", "E202", "E203", "E204", "E205"),
        *("E210", "E211", "E212", "E213", "E214", "E215", "E216", "E217"),
        *("E220", "E221", "E222", "E223", "E224", "E225", "E304"),
    )
)
"""Faults that a statement has by itself, wherever the repair may have put it."""
_OF_ARMS: Final = "E211"
_NO_LABEL: Final = "E205"
_APART: Final = 3
"""Tokens are moved so far from each other that a word put in stands between its neighbours."""


def check_sound_parts(guess: Guess, catalogue: Catalogue | None) -> Iterator[Diagnostic]:
    """The certain faults in the statements that read well."""
    places = _Places(guess)
    builder = Builder()
    machine = Machine("start", builder)
    if machine.feed(places.moved) != len(places.moved):
        return
    campaign: ast.Campaign = machine.value
    holes = [*places.holes(), *(places.there(span) for span in guess.faults)]
    statements = list(_statements(campaign))
    hurt = {id(one) for one, parts in statements if any(_meet(p, h) for p in parts for h in holes)}
    lost = {token.text.rstrip(": ") for token in places.lost}
    for found in check(campaign, catalogue, brought=False):
        if found.code not in _CERTAIN:
            continue
        around = _innermost(statements, found.span)
        if around is None or id(around) in hurt:
            continue
        if found.code == _OF_ARMS and any(_meet(around.span, hole) for hole in holes):
            continue
        told = places.back_in(found)
        if found.code == _NO_LABEL and guess.text[told.span.start : told.span.end] in lost:
            continue
        yield told


class _Places:
    """The readable tokens moved apart, and the way back to where they were typed."""

    def __init__(self, guess: Guess) -> None:
        self._text = guess.text
        self.moved: list[Token] = []
        self._typed: list[Token] = []
        kept = set()
        for number, token in enumerate(guess.readable):
            by = _APART * number
            start, end = token.start + by, token.end + by
            if _put_in(token):
                end = (self.moved[-1].end if self.moved else 0) + 2
                start = end - 1
            else:
                kept.add(token.start)
            self.moved.append(Token(token.type, token.text, start, end))
            self._typed.append(token)
        self.lost = [t for t in guess.tokens if t.start not in kept and t.type != END]
        self._starts = [token.start for token in self.moved]
        self._real = [n for n, token in enumerate(self._typed) if not _put_in(token)]
        self._real_starts = [self._typed[n].start for n in self._real]

    def holes(self) -> Iterator[Span]:
        """Where recovery has put in or left out words."""
        for moved, typed in zip(self.moved, self._typed, strict=True):
            if _put_in(typed):
                yield moved.span
        for token in self.lost:
            yield self._gap(token)

    def _gap(self, token: Token) -> Span:
        """The place of a word left out: it belongs to its neighbours on the same line."""
        after = bisect_right(self._real_starts, token.start)
        start, end = 0, self.moved[-1].end
        if after:
            number = self._real[after - 1]
            near = "\n" not in self._text[self._typed[number].end : token.start]
            start = self.moved[number].end + (-1 if near else 1)
        if after < len(self._real):
            number = self._real[after]
            near = "\n" not in self._text[token.end : self._typed[number].start]
            end = self.moved[number].start + (1 if near else -1)
        return Span(start, end)

    def there(self, span: Span) -> Span:
        """A span of the text as typed, where its words have been moved to."""
        first = max(0, bisect_right(self._real_starts, span.start) - 1)
        last = max(0, bisect_right(self._real_starts, max(span.start, span.end - 1)) - 1)
        return Span(self.moved[self._real[first]].start, self.moved[self._real[last]].end)

    def back_in(self, found: Diagnostic) -> Diagnostic:
        """A diagnostic with its places as typed."""
        related = tuple(Related(self._back(r.span), r.message) for r in found.related)
        fix = found.fix
        if fix is not None:
            fix = Fix(tuple(Edit(self._back(e.span), e.text) for e in fix.edits), fix.safe)
        span = self._back(found.span)
        return msgspec.structs.replace(found, span=span, related=related, fix=fix)

    def _back(self, span: Span) -> Span:
        return Span(self._typed_at(span.start), self._typed_at(span.end))

    def _typed_at(self, at: int) -> int:
        number = max(0, bisect_right(self._starts, at) - 1)
        return self._typed[number].start + at - self.moved[number].start


def _put_in(token: Token) -> bool:
    return token.start == token.end and token.type != END


def _meet(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def _statements(campaign: ast.Campaign) -> Iterator[tuple[ast.Node, list[Span]]]:
    """Every setting and step, parents before children, with the parts that are not in a body."""
    for setting in campaign.settings:
        yield setting, [setting.span]
    todo = list(reversed(campaign.steps))
    while todo:
        step = todo.pop()
        inside = [body for body in bodies(step) if body.steps]
        yield step, list(_outside(step.span, inside))
        todo.extend(one for body in reversed(inside) for one in reversed(body.steps))


def _outside(whole: Span, inside: Iterable[ast.Block]) -> Iterator[Span]:
    start = whole.start
    for body in inside:
        yield Span(start, body.steps[0].span.start)
        start = body.steps[-1].span.end
    yield Span(start, whole.end)


def _innermost(statements: list[tuple[ast.Node, list[Span]]], span: Span) -> ast.Node | None:
    around = None
    for one, _ in statements:
        if one.span.start <= span.start and span.end <= one.span.end:
            around = one
    return around
