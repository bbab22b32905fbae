"""Faults of quotes, characters and numbers: what the lexer could make nothing of. Computes only."""

import re

from headless.dsl.diagnostics import Span, error, replacing
from headless.dsl.expect import (
    nearest_word,
    terminal_of,
)
from headless.dsl.fault import Fault, Finding, Repair
from headless.dsl.measure_faults import wrong_unit


def open_quote(f: Fault) -> Finding | None:
    """E001: a quotation that its line does not close."""
    if f.token.type != "BAD_STRING":
        return None
    end = f.token.start + len(f.token.text.rstrip())
    problem = error(
        "E001",
        "this quoted text never ends",
        Span(f.token.start, end),
        label="opened here",
        help='close it with a second `"` on the same line',
        fix=replacing(Span(end, end), '"'),
    )
    return problem, (Repair(("STRING",), 1), Repair(("NAME",), 1), Repair((), 1))


def single_quotes(f: Fault) -> Finding | None:
    """E002: 'single' quotes."""
    if f.token.text != "'":
        return None
    closing = next((i for i in range(f.at + 1, len(f.tokens)) if f.tokens[i].text == "'"), None)
    fix = None
    skip = 1
    span = f.span
    if closing is not None and "\n" not in f.text[f.token.start : f.tokens[closing].end]:
        span = Span(f.token.start, f.tokens[closing].end)
        fix = replacing(span, f'"{f.text[span.start + 1 : span.end - 1]}"', safe=True)
        skip = closing - f.at + 1
    problem = error(
        "E002",
        "names and texts are quoted with double quotes",
        span,
        help="" if fix else "write \"…\" instead of '…'",
        fix=fix,
    )
    return problem, (Repair(("STRING",), skip), Repair((), skip))


def unknown_character(f: Fault) -> Finding | None:
    """E003: a character that the language does not use."""
    if f.token.type != "UNKNOWN":
        return None
    near = nearest_word(f.word, f.fitting) if f.word else None
    shown = f.word if f.word.isprintable() and f.word else f"U+{ord(f.token.text[0]):04X}"
    problem = error(
        "E003",
        "a backtick has no meaning here"
        if shown == "`"
        else f"the character `{shown}` has no meaning here",
        f.span,
        help=f"write `{near}`" if near else "if it belongs to a name, put the name in quotes",
        fix=replacing(f.span, near) if near else None,
    )
    repairs = [Repair((), 1)]
    return problem, (*_taking(f, near, 1), *repairs, Repair((), 2))


def _taking(f: Fault, word: str | None, skip: int) -> tuple[Repair, ...]:
    """The repair that puts a known word in place of what is there."""
    terminals = tuple(t for w in ([word, *word.split()] if word else []) if (t := terminal_of(w)))
    return tuple(Repair((t,), skip) for t in terminals[:2])


def odd_number(f: Fault) -> Finding | None:
    """E108, E109, E122, E124: digits that make neither number, time, date nor duration."""
    if f.token.type != "BAD_NUMBER":
        return None
    word = f.token.text
    for made in (_loose_time, _loose_date):
        better = made(word)
        if better is not None:
            kind = "TIME" if made is _loose_time else "DATE"
            code, said = (
                ("E108", "a time of day is written 09:00")
                if kind == "TIME"
                else ("E122", "a date is written as year, month and day")
            )
            problem = error(code, said, f.span, fix=replacing(f.span, better))
            return problem, (Repair((kind,), 1), Repair((), 1))
    unit = re.fullmatch(r"(\d+)([a-z]+)", word, re.IGNORECASE)
    if unit and "DURATION" in f.fitting:
        return wrong_unit(f, unit[1], unit[2], f.span, 1)
    problem = error(
        "E124",
        f"`{word}` is no number, date, time or length of time",
        f.span,
        help="a name that begins with a digit needs quotes",
        fix=replacing(f.span, f'"{word}"') if "STRING" in f.fitting else None,
    )
    kinds = ("WHOLE", "NUMBER", "DURATION", "TIME", "DATE", "PERCENT", "STRING")
    return problem, (*(Repair((k,), 1) for k in kinds), Repair((), 1))


def _loose_time(word: str) -> str | None:
    found = re.fullmatch(r"(\d{1,2})(?:[:.h](\d{1,2}))?\s*(am|pm|h|uhr)?", word, re.IGNORECASE)
    if not found or not (found[2] or found[3]):
        return None
    hour, minute = int(found[1]), int(found[2] or 0)
    if (found[3] or "").lower() in ("am", "pm"):
        hour = hour % 12 + (12 if found[3].lower() == "pm" else 0)
    return f"{hour:02}:{minute:02}" if hour < 24 and minute < 60 else None


def _loose_date(word: str) -> str | None:
    found = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", word)
    if found:
        return f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}"
    found = re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", word)
    return f"{found[3]}-{int(found[2]):02}-{int(found[1]):02}" if found else None
