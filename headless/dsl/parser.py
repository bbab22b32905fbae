"""From a text to a tree, or to what is wrong with it.

`parse` reads a campaign, `parse_condition` a segment's definition, `parse_event` what a contact
does. They never raise: a faulty text comes back without a tree and with a diagnostic for every
fault. Pure: the same text gives the same answer. Stands above the tree, the table and recovery.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from headless.dsl import ast
from headless.dsl.build import Builder
from headless.dsl.diagnostics import Diagnostic, Fix, Span, apply, has_errors, in_order
from headless.dsl.lalr import Machine, Token, tokenize
from headless.dsl.layout import check_layout
from headless.dsl.recovery import recover
from headless.dsl.spelling import check_words
from headless.dsl.text import clean, in_lines

MOST_PROVED: Final = 3
MOST_READ_AGAIN: Final = 24
"""So many fixes are tried out one by one, fewer where faults are many: each try reads them all
again. What comes later is not called safe."""


class Guess(msgspec.Struct, frozen=True):
    """What could be meant by a faulty text: its tokens, those that are readable, where it errs."""

    text: str
    tokens: Sequence[Token]
    readable: Sequence[Token]
    faults: tuple[Span, ...] = ()


class Parsed(msgspec.Struct, frozen=True):
    """A text and what was read in it; `campaign` is None if any diagnostic is an error.

    `guess` is then what could be meant, if that can be told: for more faults to be found in it.
    """

    text: str
    campaign: ast.Campaign | None
    diagnostics: tuple[Diagnostic, ...] = ()
    comments: tuple[ast.Comment, ...] = ()
    guess: Guess | None = None


class ParsedCondition(msgspec.Struct, frozen=True):
    """A condition's text and what was read in it."""

    text: str
    condition: ast.Condition | None
    diagnostics: tuple[Diagnostic, ...] = ()


class ParsedEvent(msgspec.Struct, frozen=True):
    """An event's text and what was read in it."""

    text: str
    event: ast.Event | None
    diagnostics: tuple[Diagnostic, ...] = ()


def parse(text: str, *, chat: bool = False) -> Parsed:
    """Read a campaign; `chat` says that it came through Slack, whose markup is undone."""
    read = _read(text, "start", chat=chat)
    told = _proved(text, "start", read.diagnostics, chat=chat)
    return Parsed(text, read.tree, told, read.comments, read.guess)


def parse_condition(text: str, *, chat: bool = False) -> ParsedCondition:
    """Read a condition alone: `points > 50 and in segment Leads`."""
    read = _read(text, "condition", chat=chat)
    told = _proved(text, "condition", read.diagnostics, chat=chat)
    return ParsedCondition(text, read.tree, told)


def parse_event(text: str, *, chat: bool = False) -> ParsedEvent:
    """Read an event alone: `opened email Welcome`."""
    read = _read(text, "event_text", chat=chat)
    told = _proved(text, "event_text", read.diagnostics, chat=chat)
    return ParsedEvent(text, read.tree, told)


class _Read(NamedTuple):
    tree: Any
    diagnostics: tuple[Diagnostic, ...]
    comments: tuple[ast.Comment, ...] = ()
    guess: Guess | None = None


def _read(text: str, start: str, *, chat: bool) -> _Read:
    text = in_lines(text)
    cleaned = clean(text, chat=chat)
    if has_errors(cleaned.diagnostics):
        return _Read(None, cleaned.diagnostics)
    tokens, comments = tokenize(cleaned, text)
    found = [*cleaned.diagnostics, *check_words(tokens, comments, text, chat=chat)]
    if has_errors(found):
        return _Read(None, in_order(found), tuple(comments))
    builder = Builder()
    machine = Machine(start, builder)
    readable: list[Token] | None = tokens
    if machine.feed(tokens) == len(tokens):
        found += builder.problems
        found += check_layout(text, builder.runs, builder.answers)
        if not has_errors(found):
            return _Read(machine.value, in_order(found), tuple(comments))
        found_in_order = in_order(found)
    else:
        faults, readable = _faults(tokens, text, start)
        found_in_order = in_order([*found, *faults])
    guess = None
    if readable is not None:
        spans = tuple(one.span for one in found_in_order if _is_a_word(one))
        guess = Guess(text, tokens, readable, spans)
    return _Read(None, found_in_order, tuple(comments), guess)


def _is_a_word(found: Diagnostic) -> bool:
    return found.severity == "error" and found.span.start < found.span.end


def _proved(
    text: str, start: str, diagnostics: tuple[Diagnostic, ...], *, chat: bool
) -> tuple[Diagnostic, ...]:
    """The diagnostics with every fix marked unsafe that does not make its fault go away."""
    hopeful = [d for d in diagnostics if d.fix is not None and d.fix.safe]
    edits = tuple(edit for d in hopeful if d.fix is not None for edit in d.fix.edits)

    def left_by(fix: Fix) -> int:
        return len(_read(apply(text, fix), start, chat=chat).diagnostics)

    if not hopeful or left_by(Fix(edits)) <= len(diagnostics) - len(hopeful):
        return diagnostics
    proved: list[Diagnostic] = []
    most, tried = min(MOST_PROVED, max(1, MOST_READ_AGAIN // len(diagnostics))), 0
    for found in diagnostics:
        fix = found.fix
        if fix is not None and fix.safe:
            tried += 1
            if tried > most or left_by(fix) >= len(diagnostics):
                fix = msgspec.structs.replace(fix, safe=False)
        proved.append(msgspec.structs.replace(found, fix=fix))
    return tuple(proved)


def _faults(
    tokens: list[Token], text: str, start: str
) -> tuple[list[Diagnostic], list[Token] | None]:
    """Every fault of a text that cannot be read, those of numbers and layout among them.

    Besides what can be read of it, if that can be told.
    """
    found, repaired = recover(tokens, text, start)
    if repaired is None:
        return found, None
    builder = Builder()
    if Machine(start, builder).feed(repaired) != len(repaired):
        return found, None
    lines = {text.count("\n", 0, d.span.start) for d in found}
    layout = check_layout(text, builder.runs, builder.answers)
    found += (d for d in builder.problems if text.count("\n", 0, d.span.start) not in lines)
    if not any(d.code in _ABOUT_BLOCKS for d in found):
        found += (d for d in layout if not lines & _lines(text, d))
    return found, repaired


_ABOUT_BLOCKS = frozenset(("E101", "E102", "E105", "E114", "E119"))
"""Faults after which the layout cannot be held against the structure."""


def _lines(text: str, diagnostic: Diagnostic) -> set[int]:
    """The lines that a diagnostic speaks of, and those next to them."""
    spans = (diagnostic.span, *(related.span for related in diagnostic.related))
    at = {text.count("\n", 0, span.start) for span in spans}
    return {line + near for line in at for near in (-1, 0, 1)}


def words(text: str) -> list[Token]:
    """The tokens of a text, the end included: for tools that work on words."""
    return tokenize(clean(text), text)[0]
