"""What is wrong with a text, as data: one `Diagnostic` feeds terminal, JSON, Slack and editors.

A pass of the language returns diagnostics, it never raises or prints them. Places are spans of
offsets into the text as it was typed; lines and columns are worked out when one is shown, by
`render`. Imports nothing of ours.

The house style of a message: lower case, no full stop, the user's own words in backticks, never
the name of a token or a type; `help` says what to do; `fix` is the corrected text.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

Severity = Literal["error", "warning", "info"]


class Span(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A piece of the text: offsets in characters, the end not included."""

    start: int
    end: int


class Related(msgspec.Struct, frozen=True, gc=False):
    """A second place that has to do with a diagnostic, and what it has to do with it."""

    span: Span
    message: str


class Edit(msgspec.Struct, frozen=True, gc=False):
    """Replace what stands at `span` by `text`."""

    span: Span
    text: str


class Fix(msgspec.Struct, frozen=True, gc=False):
    """Edits that put it right; `safe` ones keep the meaning and leave a text that parses."""

    edits: tuple[Edit, ...]
    safe: bool = False


class Diagnostic(msgspec.Struct, frozen=True, gc=False):
    """One fault: `message` says what, `label` what stands at the caret, `help` what to do."""

    code: str
    severity: Severity
    message: str
    span: Span
    label: str = ""
    related: tuple[Related, ...] = ()
    help: str = ""
    fix: Fix | None = None


def error(
    code: str,
    message: str,
    span: Span,
    *,
    label: str = "",
    related: tuple[Related, ...] = (),
    help: str = "",  # noqa: A002 - the word that the reader of a diagnostic sees
    fix: Fix | None = None,
) -> Diagnostic:
    """A diagnostic that keeps a text from being run."""
    return Diagnostic(code, "error", message, span, label, related, help, fix)


def warning(
    code: str,
    message: str,
    span: Span,
    *,
    label: str = "",
    related: tuple[Related, ...] = (),
    help: str = "",  # noqa: A002 - as above
    fix: Fix | None = None,
) -> Diagnostic:
    """A diagnostic that a text may be run with."""
    return Diagnostic(code, "warning", message, span, label, related, help, fix)


def replacing(span: Span, text: str, *, safe: bool = False) -> Fix:
    """A fix of one edit."""
    return Fix((Edit(span, text),), safe)


def apply(text: str, fix: Fix) -> str:
    """The text with a fix's edits made."""
    for edit in sorted(fix.edits, key=lambda e: e.span.start, reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether any of them keeps the text from being run."""
    return any(d.severity == "error" for d in diagnostics)


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sorted as a reader meets them in the text, the same fault at the same place once."""
    unique = {(d.code, d.span, d.message): d for d in diagnostics}
    return tuple(sorted(unique.values(), key=lambda d: (d.span.start, d.span.end, d.code)))
