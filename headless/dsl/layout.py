"""Layout as a checksum: where there are line breaks, the indentation must tell the same story.

White space has no meaning in the language, so a text that looks as if it meant something else is
an error (E130), never a silent second reading. A text without any indentation is fine. Computes
only; works on what the builder noted down.
"""

import re
from collections.abc import Iterable, Sequence

from headless.dsl.ast import Step
from headless.dsl.build import Answer
from headless.dsl.diagnostics import Diagnostic, Edit, Fix, Related, Span, error

_OPENER = re.compile(
    r"(?:[^\W\d][\w-]*[ \t]*:[ \t]*)?(when|if|whenever|split|parallel|repeat|every)\b",
    re.IGNORECASE,
)


def check_layout(
    text: str, runs: Sequence[tuple[Step, ...]], answers: Iterable[Answer]
) -> list[Diagnostic]:
    """Where indentation and structure contradict each other; the last run is the outermost."""
    if "\n" not in text:
        return []
    found = [
        problem
        for number, run in enumerate(runs)
        for problem in _run_problems(text, run, outermost=number == len(runs) - 1)
    ]
    found += (problem for answer in answers for problem in _answer_problems(text, answer))
    return found


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _column(text: str, at: int) -> int | None:
    """The indentation of what begins a line, None for what does not begin one."""
    before = text[_line_start(text, at) : at]
    return None if before.strip() else _width(before)


def _width(blanks: str) -> int:
    return len(blanks.expandtabs(8))


def _indentation(text: str, at: int) -> int:
    """How far the line is indented that this stands on."""
    line = text[_line_start(text, at) : at]
    return _width(line[: len(line) - len(line.lstrip())])


def _first_line(text: str, span: Span) -> Span:
    end = text.find("\n", span.start, span.end)
    return Span(span.start, span.end if end < 0 else end)


def _run_problems(text: str, run: tuple[Step, ...], *, outermost: bool) -> Iterable[Diagnostic]:
    above: tuple[int, Step] | None = None
    for step in run:
        column = _column(text, step.span.start)
        if column is None:
            continue
        if above is not None and column > above[0]:
            yield _deeper(text, step, above[1])
            return
        if above is not None and column < above[0] and not outermost:
            yield _shallower(text, step, above[1])
            return
        above = (column, step)


def _deeper(text: str, step: Step, above: Step) -> Diagnostic:
    first = _first_line(text, above.span)
    asks = bool(_OPENER.match(text, above.span.start))
    return error(
        "E130",
        "the indentation says this belongs to the step above, but it does not",
        _first_line(text, step.span),
        related=(
            Related(
                Span(first.start, min(first.start + 4, first.end)), "this step is already complete"
            ),
        ),
        help="for several steps write `do` … `end`; if it stands alone, move it left"
        if asks
        else "move it left, under the step before it",
    )


def _shallower(text: str, step: Step, above: Step) -> Diagnostic:
    first = _first_line(text, above.span)
    return error(
        "E130",
        "the indentation says this stands outside the block, but the block is still open",
        _first_line(text, step.span),
        related=(
            Related(
                Span(first.start, min(first.start + 4, first.end)), "in the same block as this"
            ),
        ),
        help="put `end` before it, or move it right",
    )


def _answer_problems(text: str, answer: Answer) -> Iterable[Diagnostic]:
    column = _column(text, answer.span.start)
    if column is None:
        return
    opened = _indentation(text, answer.opener_span.start)
    if column == opened or (column > opened and not answer.block):
        return
    looks_like = _opener_at(text, answer.span.start, column)
    line = text.count("\n", 0, answer.opener_span.start) + 1
    related = [Related(answer.opener_span, f"`{answer.word}` answers this")]
    if looks_like is None:
        message = (
            f"`{answer.word}` answers the `{answer.opener}` on line {line}, but is not under it"
        )
        yield error(
            "E130",
            message,
            answer.span,
            related=tuple(related),
            help=f"give `{answer.word}` the indentation of its `{answer.opener}`",
            fix=_moved_under(text, answer),
        )
        return
    other = text[looks_like.start : looks_like.end].lower()
    other_line = text.count("\n", 0, looks_like.start) + 1
    related.append(Related(looks_like, f"`{answer.word}` stands under this"))
    fix = None if answer.block else Fix((Edit(Span(answer.before, answer.before), ";"),), safe=True)
    yield error(
        "E130",
        f"`{answer.word}` stands under the `{other}` on line {other_line},"
        f" but it answers the `{answer.opener}` on line {line}",
        answer.span,
        related=tuple(related),
        help=f"end the `{answer.opener}` on line {line} with "
        + ("`end`" if answer.block else "`;`")
        + f", or move `{answer.word}` under it",
        fix=fix,
    )


def _moved_under(text: str, answer: Answer) -> Fix:
    start = _line_start(text, answer.span.start)
    opener = _line_start(text, answer.opener_span.start)
    line = text[opener : answer.opener_span.start]
    return Fix(
        (Edit(Span(start, answer.span.start), line[: len(line) - len(line.lstrip())]),), safe=True
    )


def _opener_at(text: str, at: int, column: int) -> Span | None:
    """The nearest line above that is indented so far and opens something."""
    end = _line_start(text, at) - 1
    while end >= 0:
        start = _line_start(text, end)
        line = text[start:end]
        indent = len(line) - len(line.lstrip())
        if line.strip() and _width(line[:indent]) == column:
            opens = _OPENER.match(line, indent)
            return Span(start + opens.start(1), start + opens.end(1)) if opens else None
        if line.strip() and _width(line[:indent]) < column:
            return None
        end = start - 1
    return None
