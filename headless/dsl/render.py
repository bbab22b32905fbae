"""Diagnostics as a person or a tool reads them: in a terminal, as plain sentences, as JSON.

All three say the same of the same object. Lines and columns count from 1, offsets from 0, in
characters of the text as typed. Computes only; imports `diagnostics`, `text`.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from headless.dsl.diagnostics import Diagnostic, Edit, Fix, Related, Severity, Span, apply
from headless.dsl.text import in_lines

WIDEST: Final = 110
"""Longer lines are shown in part, around the place in question."""
_COLOURS: Final[dict[str, str]] = {"error": "31", "warning": "33", "info": "36", "note": "34"}


class Position(msgspec.Struct, frozen=True):
    """A place in a text: line and column from 1, offset from 0."""

    line: int
    column: int
    offset: int


class Range(msgspec.Struct, frozen=True):
    """From the first character to the one after the last."""

    start: Position
    end: Position


class RelatedReport(msgspec.Struct, frozen=True):
    """A second place."""

    span: Range
    message: str


class EditReport(msgspec.Struct, frozen=True):
    """What to put in place of a range."""

    span: Range
    text: str


class FixReport(msgspec.Struct, frozen=True):
    """Edits, whether they may be made unseen, and the lines that they leave."""

    edits: tuple[EditReport, ...]
    safe: bool
    text: str


class Report(msgspec.Struct, frozen=True):
    """A diagnostic with its lines and columns: what `headless check --json` prints."""

    code: str
    severity: Severity
    message: str
    help: str | None
    fix: FixReport | None
    span: Range
    related: tuple[RelatedReport, ...]


def position(text: str, offset: int) -> Position:
    """Line and column of an offset."""
    text = in_lines(text)
    offset = min(max(offset, 0), len(text))
    start = text.rfind("\n", 0, offset) + 1
    return Position(text.count("\n", 0, offset) + 1, offset - start + 1, offset)


def located(text: str, span: Span) -> Range:
    """A span with its lines and columns."""
    return Range(position(text, span.start), position(text, span.end))


def report(text: str, diagnostic: Diagnostic) -> Report:
    """A diagnostic for a tool; what stands at the caret is told as its first related place."""
    label = ((diagnostic.span, diagnostic.label),) if diagnostic.label else ()
    related = (*label, *((r.span, r.message) for r in diagnostic.related))
    return Report(
        diagnostic.code,
        diagnostic.severity,
        diagnostic.message,
        diagnostic.help or None,
        _fix_report(text, diagnostic.fix) if diagnostic.fix else None,
        located(text, diagnostic.span),
        tuple(RelatedReport(located(text, span), message) for span, message in related),
    )


def diagnostic(report: Report) -> Diagnostic:
    """The diagnostic that a report tells of, to be shown beside its text: `report` backwards."""

    def span(place: Range) -> Span:
        return Span(place.start.offset, place.end.offset)

    told = report.related
    label = told[0].message if told and told[0].span == report.span else ""
    return Diagnostic(
        report.code,
        report.severity,
        report.message,
        span(report.span),
        label,
        tuple(Related(span(one.span), one.message) for one in told[bool(label) :]),
        report.help or "",
        Fix(tuple(Edit(span(e.span), e.text) for e in report.fix.edits), report.fix.safe)
        if report.fix
        else None,
    )


def to_json(text: str, diagnostics: Iterable[Diagnostic]) -> bytes:
    """A JSON array of reports."""
    encoded = msgspec.json.encode([report(text, d) for d in diagnostics])
    return msgspec.json.format(encoded, indent=2)


def _fix_report(text: str, fix: Fix) -> FixReport:
    edits = tuple(EditReport(located(text, e.span), e.text) for e in fix.edits)
    return FixReport(edits, fix.safe, "\n".join(fixed_lines(text, fix)))


def fixed_lines(text: str, fix: Fix) -> list[str]:
    """The lines that a fix touches, as they read with it; without their common indentation."""
    text = in_lines(text)
    first = min(edit.span.start for edit in fix.edits)
    last = max(edit.span.end for edit in fix.edits)
    start = text.rfind("\n", 0, first) + 1
    end = text.find("\n", last)
    after = len(text) - end if end >= 0 else 0
    fixed = apply(text, fix).encode("utf-8", "replace").decode("utf-8")
    lines = fixed[start : len(fixed) - after].split("\n")
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    return [line[min(indents, default=0) :].rstrip() for line in lines if line.strip()]


def plain(text: str, diagnostics: Iterable[Diagnostic]) -> str:
    """A sentence or two for each, for chats and logs."""
    text = in_lines(text)
    return "\n".join(_sentence(text, d) for d in diagnostics)


def _sentence(text: str, diagnostic: Diagnostic) -> str:
    at = position(text, diagnostic.span.start)
    where = f"line {at.line}, column {at.column}" if "\n" in text.strip() else f"column {at.column}"
    said = f"{diagnostic.severity} {diagnostic.code} at {where}: {diagnostic.message}"
    said += f" ({diagnostic.label})" if diagnostic.label else ""
    said += f"\n  {diagnostic.help}" if diagnostic.help else ""
    for line in fixed_lines(text, diagnostic.fix) if diagnostic.fix else ():
        said += f"\n  fix: {line}"
    return said


def terminal(
    text: str, diagnostics: Iterable[Diagnostic], *, name: str = "campaign", colours: bool = False
) -> str:
    """Each diagnostic with its lines, carets below them, help and fix; `name` is the file's."""
    text = in_lines(text)
    return "\n\n".join("\n".join(_lines(text, d, name, colours=colours)) for d in diagnostics)


def _lines(text: str, diagnostic: Diagnostic, name: str, *, colours: bool) -> Iterator[str]:
    at = position(text, diagnostic.span.start)
    kind = diagnostic.severity
    yield f"{_paint(f'{kind}[{diagnostic.code}]', kind, on=colours)}: {diagnostic.message}"
    marks = [(diagnostic.span, diagnostic.label, "^")]
    marks += ((r.span, r.message, "-") for r in diagnostic.related)
    placed = sorted(
        ((position(text, m[0].start).line, m) for m in marks), key=lambda p: p[1][0].start
    )
    gutter = len(str(placed[-1][0]))
    yield f"{' ' * gutter} --> {name}:{at.line}:{at.column}"
    if text.strip():
        yield f"{' ' * gutter} |"
        yield from _marked(text, placed, gutter, kind if colours else None)
    if diagnostic.help:
        yield f"{' ' * gutter} = help: {diagnostic.help}"
    for number, line in enumerate(fixed_lines(text, diagnostic.fix) if diagnostic.fix else ()):
        yield f"{' ' * gutter} {'= fix:' if number == 0 else '      '} {_seen(line)}"


Mark = tuple[Span, str, str]


def _marked(
    text: str, placed: list[tuple[int, Mark]], gutter: int, colour: str | None
) -> Iterator[str]:
    shown = 0
    for line, (span, label, sign) in placed:
        start = position(text, span.start)
        begin = span.start - start.column + 1
        end = text.find("\n", begin)
        source = text[begin : len(text) if end < 0 else end]
        crop = _crop(source, start.column - 1)
        if line != shown:
            yield f"{line:>{gutter}} | {_shown(source, crop)}".rstrip()
            shown = line
        before = _width(_shown(source, Span(crop.start, start.column - 1), cut_end=False))
        stop = min(span.end - begin, crop.end)
        carets = sign * max(1, _width(source[start.column - 1 : stop]))
        painted = _paint(carets, "note" if sign == "-" else colour or "", on=bool(colour))
        yield f"{' ' * gutter} | {' ' * before}{painted} {label}".rstrip()


def _crop(source: str, column: int) -> Span:
    if len(source) <= WIDEST:
        return Span(0, len(source))
    start = max(0, min(column - WIDEST // 3, len(source) - WIDEST))
    return Span(start, min(len(source), start + WIDEST))


def _shown(source: str, crop: Span, *, cut_end: bool = True) -> str:
    inner = _seen(source[crop.start : crop.end])
    head = "…" if crop.start else ""
    tail = "…" if cut_end and crop.end < len(source) else ""
    return f"{head}{inner}{tail}"


def _seen(typed: str) -> str:
    """What can be shown: no character that a terminal would obey in place of showing it."""
    if typed.isprintable():
        return typed
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in typed)


def _width(shown: str) -> int:
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in shown
    )


def _paint(said: str, kind: str, *, on: bool) -> str:
    return f"\x1b[1;{_COLOURS[kind]}m{said}\x1b[0m" if on else said
