"""From a text to a tree, or to what is wrong with it.

`parse` reads a campaign, `parse_condition` a segment's definition, `parse_event` what a contact
does. They never raise: a faulty text comes back without a tree and with a diagnostic for every
fault. Pure: the same text gives the same answer. Stands above the tree, the table and recovery.
"""

from typing import Any, Final

import msgspec

from headless.dsl import ast
from headless.dsl.build import Builder
from headless.dsl.diagnostics import Diagnostic, Fix, apply, has_errors, in_order
from headless.dsl.lalr import Machine, Token, tokenize
from headless.dsl.layout import check_layout
from headless.dsl.recovery import recover
from headless.dsl.spelling import check_words
from headless.dsl.text import clean

MOST_PROVED: Final = 3
MOST_READ_AGAIN: Final = 24
"""So many fixes are tried out one by one, fewer where faults are many: each try reads them all
again. What comes later is not called safe."""


class Parsed(msgspec.Struct, frozen=True):
    """A text and what was read in it; `campaign` is None if any diagnostic is an error."""

    text: str
    campaign: ast.Campaign | None
    diagnostics: tuple[Diagnostic, ...] = ()
    comments: tuple[ast.Comment, ...] = ()


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
    tree, diagnostics, comments = _read(text, "start", chat=chat)
    return Parsed(text, tree, _proved(text, "start", diagnostics, chat=chat), comments)


def parse_condition(text: str, *, chat: bool = False) -> ParsedCondition:
    """Read a condition alone: `points > 50 and in segment Leads`."""
    tree, diagnostics, _ = _read(text, "condition", chat=chat)
    return ParsedCondition(text, tree, _proved(text, "condition", diagnostics, chat=chat))


def parse_event(text: str, *, chat: bool = False) -> ParsedEvent:
    """Read an event alone: `opened email Welcome`."""
    tree, diagnostics, _ = _read(text, "event_text", chat=chat)
    return ParsedEvent(text, tree, _proved(text, "event_text", diagnostics, chat=chat))


def _read(
    text: str, start: str, *, chat: bool
) -> tuple[Any, tuple[Diagnostic, ...], tuple[ast.Comment, ...]]:
    cleaned = clean(text, chat=chat)
    if has_errors(cleaned.diagnostics):
        return None, cleaned.diagnostics, ()
    tokens, comments = tokenize(cleaned, text)
    found = [*cleaned.diagnostics, *check_words(tokens, comments, text, chat=chat)]
    if has_errors(found):
        return None, in_order(found), tuple(comments)
    builder = Builder()
    machine = Machine(start, builder)
    if machine.feed(tokens) == len(tokens):
        found += builder.problems
        found += check_layout(text, builder.runs, builder.answers)
        tree = None if has_errors(found) else machine.value
    else:
        found += _faults(tokens, text, start)
        tree = None
    return tree, in_order(found), tuple(comments)


def _proved(
    text: str, start: str, diagnostics: tuple[Diagnostic, ...], *, chat: bool
) -> tuple[Diagnostic, ...]:
    """The diagnostics with every fix marked unsafe that does not make its fault go away."""
    hopeful = [d for d in diagnostics if d.fix is not None and d.fix.safe]
    edits = tuple(edit for d in hopeful if d.fix is not None for edit in d.fix.edits)

    def left_by(fix: Fix) -> int:
        return len(_read(apply(text, fix), start, chat=chat)[1])

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


def _faults(tokens: list[Token], text: str, start: str) -> list[Diagnostic]:
    """Every fault of a text that cannot be read, those of numbers and layout among them."""
    found, repaired = recover(tokens, text, start)
    if repaired is None:
        return found
    builder = Builder()
    if Machine(start, builder).feed(repaired) != len(repaired):
        return found
    lines = {text.count("\n", 0, d.span.start) for d in found}
    layout = check_layout(text, builder.runs, builder.answers)
    found += (d for d in builder.problems if text.count("\n", 0, d.span.start) not in lines)
    if not any(d.code in _ABOUT_BLOCKS for d in found):
        found += (d for d in layout if not lines & _lines(text, d))
    return found


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
