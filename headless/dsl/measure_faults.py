"""Faults of times of day, units and lengths of time. Computes only."""

from typing import Final

from headless.dsl.diagnostics import Span, error, replacing
from headless.dsl.expect import (
    nearest_word,
)
from headless.dsl.fault import Fault, Finding, Repair, last_words
from headless.dsl.near import nearest

_UNIT_NAMES: Final = ("weeks", "days", "hours", "minutes", "seconds", "months")


_NUMBERS: Final = {
    **{word: n for n, word in enumerate("one two three four five six seven".split(), 1)},  # noqa: SIM905
    "a": 1,
    "an": 1,
    "ten": 10,
    "twelve": 12,
    "fourteen": 14,
    "thirty": 30,
}


def clock_needed(f: Fault) -> Finding | None:
    """E108: `at 9` for `at 09:00`."""
    if "TIME" not in f.fitting or f.token.type != "WHOLE" or f.previous.type == "IS":
        return None
    hour = int(f.token.text[:4])
    half = f.next.text.lower() if f.next.type == "NAME" else ""
    if hour > 24 or ("WHOLE" in f.fitting and half not in ("am", "pm")):
        return None
    span, skip = f.span, 1
    if half in ("am", "pm", "uhr", "clock"):
        span, skip = Span(f.token.start, f.next.end), 2
        hour = hour % 12 + (12 if half == "pm" else 0) if half in ("am", "pm") else hour
    fix = replacing(span, f"{hour % 24:02}:00", safe=True)
    problem = error("E108", "a time of day has hours and minutes", span, fix=fix)
    return problem, (Repair(("TIME",), skip), Repair(("TIME",), 1))


def unit_needed(f: Fault) -> Finding | None:
    """E109, E110: a number where a length of time must stand."""
    if "DURATION" not in f.fitting or f.token.type not in ("WHOLE", "NUMBER"):
        return None
    if "WHOLE" in f.fitting:
        return None
    if f.next.type == "NAME" and f.next.start - f.token.end <= 1:
        span = Span(f.token.start, f.next.end)
        return wrong_unit(f, f.word, f.next.text, span, 2)
    number = f.word.lstrip("-").partition(".")[0]
    problem = error(
        "E110",
        f"{f.word} what? a length of time needs a unit",
        f.span,
        help=f"write `{number}d` for days, `{number}h` for hours or `{number}m` for minutes",
        fix=replacing(f.span, f"{number}d"),
    )
    return problem, (Repair(("DURATION",), 1),)


def needless_until(f: Fault) -> Finding | None:
    """`wait until 3d`, where `wait 3d` is meant."""
    if [t.type for t in f.kept[-3:]] != ["WAIT", "UNTIL", "DURATION"]:
        return None
    if f.fitting & {"THEN", "SEND"} or f.token.type in ("NAME", "BEFORE", "AFTER"):
        return None
    until = f.kept[-2]
    problem = error(
        "E127",
        f"`until` goes before a moment; `{last_words(f)}` is a length of time",
        until.span,
        help="write the length of time right after `wait`",
        fix=replacing(Span(until.start, f.previous.start), "", safe=True),
    )
    return problem, (Repair(("DURATION",), 0, back=2),)


def wrong_unit(f: Fault, number: str, unit: str, span: Span, skip: int) -> Finding:
    """E109: a unit of time that the language does not have."""
    near = nearest(unit, _UNIT_NAMES, most=1)
    problem = error(
        "E109",
        f"`{unit}` is not a unit of time",
        span,
        label="units are w, d, h, m, s, mo (or weeks, days, hours, minutes, seconds, months)",
        fix=replacing(span, f"{number} {near[0]}", safe=True) if near else None,
    )
    return problem, (Repair(("DURATION",), skip), Repair(("DURATION",), 1))


_BEFORE_LENGTHS: Final = frozenset(("WITHIN", "WAIT", "IN_LAST", "FOR", "SPENT", "AFTER"))


def length_needed(f: Fault) -> Finding | None:
    """E111: something else, or nothing, where a length of time must stand."""
    if "DURATION" not in f.fitting or f.previous.type not in _BEFORE_LENGTHS:
        return None
    bare_name = f.token.type == "NAME"
    if bare_name and nearest_word(f.word, f.fitting):
        return None
    number = _NUMBERS.get(f.word.lower())
    after = f.next.text.lower()
    unit = next((u for u in _UNIT_NAMES if after.startswith(u.rstrip("s"))), None)
    span = Span(f.token.start, f.next.end) if unit and bare_name else f.span
    preceding = " ".join(f.previous.text.lower().split())
    problem = error(
        "E111",
        f"I need a length of time after `{preceding}`",
        span if bare_name else f.gap,
        label=f"`{f.text[span.start : span.end]}` is not one" if bare_name else "",
        help="write a number and a unit, such as `3d`, `90m` or `2 weeks`",
        fix=replacing(span, f"{number} {unit}", safe=True) if unit and number else None,
    )
    taken = (Repair(("DURATION",), 2 if unit else 1), Repair(("DURATION",), 1))
    return problem, (
        *(taken if bare_name else ()),
        Repair(("DURATION",), 0),
        Repair(("DURATION",), 1),
    )
