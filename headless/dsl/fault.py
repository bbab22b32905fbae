"""A place where a text stopped making sense: what stands there, what would fit, what repairs it.

`Fault` is what every rule about faults looks at, `Repair` what it may propose. Computes only.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from headless.dsl.diagnostics import Diagnostic, Span, error, replacing
from headless.dsl.expect import (
    expected,
)
from headless.dsl.lalr import END, Token, advance


class Repair(NamedTuple):
    """Take `back` tokens away, put `insert` in, and leave out `skip`; `owed` ends come later."""

    insert: tuple[str, ...]
    skip: int
    back: int = 0
    cost: float = 0.2
    owed: int = 0


class Fault(NamedTuple):
    """A token that does not fit, and what was read before it."""

    at: int
    tokens: Sequence[Token]
    text: str
    kept: tuple[Token, ...]
    stacks: tuple[list[int], ...]
    fitting: frozenset[str]

    @property
    def token(self) -> Token:
        """The one that does not fit."""
        return self.tokens[self.at]

    @property
    def next(self) -> Token:
        """The one behind it."""
        return self.tokens[min(self.at + 1, len(self.tokens) - 1)]

    @property
    def previous(self) -> Token:
        """The one before it, or an empty one at the start."""
        return self.kept[-1] if self.kept else Token("$START", "", 0, 0)

    @property
    def word(self) -> str:
        """The word that does not fit, as typed; of a label without its colon."""
        typed = self.token.text
        return typed.rstrip(": \t\n") if self.token.type == "LABEL" else typed

    @property
    def span(self) -> Span:
        """Where that word stands; the gap at the end of the text if there is none."""
        start = self.token.start
        if self.token.type == END:
            start = self.previous.end
            return Span(start, start)
        if self.token.type == "LABEL":
            return Span(start, start + len(self.word))
        return self.token.span

    @property
    def gap(self) -> Span:
        """Where something is missing: behind the word before, or before a new sentence."""
        at = self.token.start if self._sentence_begins() else self.previous.end
        return Span(at, at)

    def _sentence_begins(self) -> bool:
        if self.token.type == END or "EXIT" not in self.fitting or "SEND" not in self.fitting:
            return False
        return "\n" in self.text[self.previous.end : self.token.start]

    def reach(self, repair: Repair, limit: int = 6) -> int:
        """How many tokens can be read behind a repair."""
        states: list[int] | None = self.stacks[-1 - repair.back]
        for terminal in repair.insert:
            states = advance(states, terminal) if states else None
        count = 0
        while states and count < limit and self.at + repair.skip + count < len(self.tokens):
            states = advance(states, self.tokens[self.at + repair.skip + count].type)
            count += states is not None
        return count


Finding = tuple[Diagnostic, tuple[Repair, ...]]


Rule = Callable[[Fault], Finding | None]


OPEN_ENDS: Final = frozenset(("THEN", "DO", "ELSE", "ALSO", "COMMA", "LABEL", "COLON"))


WANTS_STEP: Final = OPEN_ENDS | {"$START"}


def open_tokens(kept: Sequence[Token], opening: str, closing: str) -> list[Token]:
    """The opening tokens that nothing has closed yet, the innermost last."""
    opened: list[Token] = []
    for token in kept:
        if token.type == opening:
            opened.append(token)
        elif token.type == closing and opened:
            opened.pop()
    return opened


def line_of(f: Fault, token: Token) -> int:
    """The line on which a token stands, from 0."""
    return f.text.count("\n", 0, token.start)


def indent_of(text: str, at: int) -> str:
    """The blanks that begin the line on which an offset stands."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]


def asking(f: Fault) -> str:
    """What kind of question the place belongs to: `WHEN`, `IF` or none."""
    for token in reversed(f.kept):
        if token.type in ("WHEN", "OR_WHEN", "WHENEVER", "START", "GOAL", "STOP"):
            return "WHEN"
        if token.type in ("IF", "OR_IF", "WHERE"):
            return "IF"
    return ""


def complete_before(f: Fault) -> bool:
    """Whether a new step could begin here."""
    return "EXIT" in f.fitting and "SEND" in f.fitting and f.previous.type not in WANTS_STEP


def last_words(f: Fault) -> str:
    """The word before, in one line."""
    return " ".join(f.previous.text.split())


def too_many(f: Fault, span: Span, word: str) -> Diagnostic:
    """E127: a word that should not be there."""
    after = "" if span.start < f.token.start else f" after `{last_words(f)}`" if f.kept else ""
    start = span.start
    while start > 0 and f.text[start - 1] in " \t" and f.text[span.end : span.end + 1] in " \t\n":
        start -= 1
    return error(
        "E127",
        f"`{word.strip()}` is one word too many{after}",
        span,
        help=f"I expected {expected(f.fitting)}" if span.start == f.token.start else "",
        fix=replacing(Span(start, span.end), ""),
    )
