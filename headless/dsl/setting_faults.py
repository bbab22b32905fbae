"""Faults of settings: those that stand behind a step, and `stop` for `exit`. Computes only."""

from headless.dsl.diagnostics import Diagnostic, Edit, Fix, Span, error, replacing
from headless.dsl.expect import (
    SETTINGS,
    STEPS,
)
from headless.dsl.fault import Fault, Finding, Repair
from headless.dsl.lalr import END, Token, advance
from headless.dsl.tables import table


def late_setting(f: Fault) -> Finding | None:
    """E106: a setting behind a step."""
    kind = f.token.type
    steps = any(token.type in STEPS for token in f.kept)
    if kind not in SETTINGS or not steps or not (f.fitting & STEPS):
        return None
    if kind == "STOP" and f.next.type != "WHEN":
        return _exit_meant(f.token), (Repair(("EXIT",), 1),)
    length = _setting_length(f)
    if length < 2:
        return None
    last = f.tokens[f.at + length - 1]
    problem = error(
        "E106",
        f"`{f.word.lower()}` is a setting, and settings go before the first step",
        f.span,
        help="move it to the top",
        fix=_to_the_top(f, last.end),
    )
    return problem, (Repair((), length),)


def _exit_meant(stop: Token) -> Diagnostic:
    return error(
        "E106",
        "to leave the campaign write `exit`",
        stop.span,
        help="`stop when …` is a setting and goes before the first step",
        fix=replacing(stop.span, "exit"),
    )


def stop_alone(f: Fault) -> Finding | None:
    """E106: `stop` where `exit` is meant."""
    if f.previous.type != "STOP" or f.token.type not in STEPS | {END, "END", "COMMA", "ELSE"}:
        return None
    return _exit_meant(f.previous), (Repair(("EXIT",), 0, back=1),)


def _setting_length(f: Fault) -> int:
    """How many tokens the setting that begins here has; 0 if it is none."""
    states: list[int] | None = [table().starts["start"]]
    length = 0
    for count, token in enumerate(f.tokens[f.at :]):
        if states is None:
            break
        if count and advance(states, "EXIT") is not None:
            length = count
            if token.type in STEPS | SETTINGS | {END, "END", "ELSE", "LABEL"}:
                break
        states = advance(states, token.type)
    return length


def _to_the_top(f: Fault, end: int) -> Fix | None:
    states: list[int] | None = [table().starts["start"]]
    for token in f.kept:
        if states is None:
            return None
        if token.type in STEPS | {"LABEL"} and advance(states, "EXIT") is not None:
            start = f.text.rfind("\n", 0, f.token.start) + 1
            alone = not f.text[start : f.token.start].strip()
            gone = Span(start if alone else f.token.start, end)
            if alone and f.text[end : end + 1] == "\n":
                gone = Span(gone.start, end + 1)
            said = f.text[f.token.start : end]
            return Fix(
                (Edit(Span(token.start, token.start), f"{said}\n"), Edit(gone, "")), safe=True
            )
        states = advance(states, token.type)
    return None
