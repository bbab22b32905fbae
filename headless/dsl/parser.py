"""From a text to a tree, or to what is wrong with it.

`parse` reads a campaign, `parse_condition` a segment's definition, `parse_event` what a contact
does. They never raise: a faulty text comes back without a tree and with a diagnostic for every
fault. Pure: the same text gives the same answer. Stands above the tree, the table and recovery.
"""

from typing import Any

import msgspec

from headless.dsl import ast
from headless.dsl.build import Builder
from headless.dsl.diagnostics import Diagnostic, has_errors, in_order
from headless.dsl.lalr import Machine, Token, tokenize
from headless.dsl.layout import check_layout
from headless.dsl.recovery import diagnose
from headless.dsl.spelling import check_words
from headless.dsl.text import clean


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
    return Parsed(text, tree, diagnostics, comments)


def parse_condition(text: str, *, chat: bool = False) -> ParsedCondition:
    """Read a condition alone: `points > 50 and in segment Leads`."""
    tree, diagnostics, _ = _read(text, "condition", chat=chat)
    return ParsedCondition(text, tree, diagnostics)


def parse_event(text: str, *, chat: bool = False) -> ParsedEvent:
    """Read an event alone: `opened email Welcome`."""
    tree, diagnostics, _ = _read(text, "event_text", chat=chat)
    return ParsedEvent(text, tree, diagnostics)


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
        found += diagnose(tokens, text, start)
        tree = None
    return tree, in_order(found), tuple(comments)


def words(text: str) -> list[Token]:
    """The tokens of a text, the end included: for tools that work on words."""
    return tokenize(clean(text), text)[0]
