"""Faults of blocks and branches: `end`, `else`, `then` and what belongs between. Computes only."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from headless.dsl.diagnostics import Diagnostic, Edit, Fix, Related, Span, error, replacing
from headless.dsl.expect import (
    BLOCKS,
    SETTINGS,
    SIMPLE,
    STEPS,
    nearest_word,
)
from headless.dsl.fault import (
    WANTS_STEP,
    Fault,
    Finding,
    Repair,
    complete_before,
    indent_of,
    line_of,
    open_tokens,
)
from headless.dsl.lalr import END, Token, advance


def never_closed(f: Fault) -> Finding | None:
    """E101: `do` without its `end`; E103 where `else if` is what opened one block too many."""
    if f.token.type != END:
        return None
    opened = open_tokens(f.kept, "DO", "END")
    if not opened or not _closes(f, "END", len(opened)):
        return None
    chained = _else_if(f.tokens)
    repair = Repair(("END",) * len(opened), 0)
    if len(chained) == len(opened):
        return _chain_of_ifs(f, chained), (repair,)
    place = _unclosed(f.text, f.kept) if len(opened) == 1 else None
    if place is not None:
        return _closed_by_layout(f, *place), (repair,)
    lines = "\n" in f.text.strip()
    ends = "".join(f"\n{indent_of(f.text, d.start)}end" if lines else " end" for d in opened[::-1])
    problem = error(
        "E101",
        "this block is never closed" if len(opened) == 1 else "these blocks are never closed",
        f.span,
        label="the campaign ends here",
        related=tuple(Related(d.span, "this `do` waits for its `end`") for d in opened),
        help="add `end`" if len(opened) == 1 else f"add `end` {len(opened)} times",
        fix=replacing(f.span, ends),
    )
    return problem, (repair,)


def _unclosed(text: str, tokens: Sequence[Token]) -> tuple[Token, Token, Token] | None:
    """The `do` whose block ends by its indentation alone, its last word and the one behind."""
    opened: list[tuple[int, Token]] = []
    for before, token in pairwise(tokens):
        if "\n" in text[before.end : token.start] and opened:
            column = token.start - text.rfind("\n", 0, token.start) - 1
            indent, opener = opened[-1]
            answers = token.type in ("END", "ELSE", "OR_WHEN", "OR_IF", "ALSO")
            if before.type != "DO" and (column < indent if answers else column <= indent):
                return opener, before, token
        if token.type == "DO":
            opened.append((len(indent_of(text, token.start)), token))
        elif token.type == "END" and opened:
            opened.pop()
    return None


def _closed_by_layout(f: Fault, opener: Token, last: Token, following: Token) -> Diagnostic:
    indent = indent_of(f.text, opener.start)
    at = Span(last.end, last.end)
    line = f.text.count("\n", 0, following.start) + 1
    return error(
        "E101",
        "this block is never closed",
        at,
        label=f"by its indentation it ends here, before line {line}",
        related=(Related(opener.span, "this `do` waits for its `end`"),),
        help="add `end`",
        fix=replacing(at, f"\n{indent}end"),
    )


def _closed_too_late(f: Fault, opener: Token) -> Diagnostic:
    word = " ".join(f.word.lower().split())
    at = Span(f.previous.end, f.previous.end)
    lines = "\n" in f.text[f.previous.end : f.token.start]
    indent = indent_of(f.text, opener.start)
    return error(
        "E101",
        f"this block is not closed before `{word}`",
        f.span if lines else at,
        related=(Related(opener.span, "this `do` waits for its `end`"),),
        help="add `end`",
        fix=replacing(at, f"\n{indent}end" if lines else " end"),
    )


def _closes(f: Fault, terminal: str, times: int) -> bool:
    states: list[int] | None = f.stacks[-1]
    for _ in range(times):
        states = advance(states, terminal) if states else None
    return states is not None


def _else_if(tokens: Sequence[Token]) -> list[tuple[Token, Token]]:
    return [(a, b) for a, b in pairwise(tokens) if a.type == "ELSE" and b.type in ("IF", "WHEN")]


def _chain_of_ifs(f: Fault, chained: Sequence[tuple[Token, Token]]) -> Diagnostic:
    word = chained[0][1].text.lower()
    edits = tuple(Edit(Span(a.start, b.end), f"or {b.text.lower()}") for a, b in chained)
    return error(
        "E103",
        f"a chain of questions is written `or {word}`",
        edits[0].span,
        fix=Fix(edits, safe=True),
    )


def else_then_if(f: Fault) -> Finding | None:
    """E103: `else if`, which is written `or if`."""
    if f.previous.type != "ELSE" or f.token.type not in ("IF", "WHEN"):
        return None
    problem = _chain_of_ifs(f, [(f.previous, f.token)])
    return problem, (Repair((f"OR_{f.token.type}",), 1, back=1),)


def answer_of_the_outer(f: Fault) -> Finding | None:
    """E130: an `or when … do` under a block's question, behind a question on one line inside it."""
    if f.token.type != "DO" or "THEN" not in f.fitting:
        return None
    at = next((i for i in range(len(f.kept) - 1, 0, -1) if f.kept[i].type in _CHAINS), None)
    if at is None:
        return None
    word, before, opener = f.kept[at], f.kept[at - 1], _CHAINS[f.kept[at].type]
    if "\n" not in f.text[before.end : word.start]:
        return None
    under = [
        token
        for token in f.kept[:at]
        if token.type == opener and indent_of(f.text, token.start) == indent_of(f.text, word.start)
    ]
    inner = [token for token in f.kept[:at] if token.type == opener]
    back = len(f.kept) - at
    again = tuple(token.type for token in f.kept[at:])
    repair = Repair(("_SEMI", *again), 0, back=back)
    if not under or under[-1] is inner[-1] or not f.reach(repair):
        return None
    said, outer_line, line = word.text.lower(), line_of(f, under[-1]) + 1, line_of(f, inner[-1]) + 1
    asks = opener.lower()
    problem = error(
        "E130",
        f"`{' '.join(said.split())}` stands under the `{asks}` on line {outer_line},"
        f" but it answers the `{asks}` on line {line}",
        word.span,
        related=(
            Related(inner[-1].span, "it answers this"),
            Related(under[-1].span, "it stands under this"),
        ),
        help=f"end the `{asks}` on line {line} with `;`",
        fix=Fix((Edit(Span(before.end, before.end), ";"),), safe=True),
    )
    return problem, (repair,)


_CHAINS: Final = {"OR_WHEN": "WHEN", "OR_IF": "IF"}


def nothing_to_end(f: Fault) -> Finding | None:
    """E102: `end` without its `do`."""
    if f.token.type != "END" or open_tokens(f.kept, "DO", "END"):
        return None
    if not complete_before(f):
        return None
    start = f.token.start
    before = f.text[:start].rstrip(" \t\n")
    problem = error(
        "E102",
        "there is no open block to end",
        f.span,
        help="a `then` branch on one line needs no `end`; only `do` does",
        fix=replacing(Span(len(before), f.token.end), "", safe=bool(before)),
    )
    return problem, (Repair((), 1),)


def no_question(f: Fault) -> Finding | None:
    """E104, E105, E101: `else`, `or when` or `also` that answers nothing that is open."""
    kind = f.token.type
    if kind not in ("ELSE", "OR_WHEN", "OR_IF", "ALSO") or not complete_before(f):
        return None
    word = " ".join(f.word.lower().split())
    opened = open_tokens(f.kept, "DO", "END")
    if opened and f.reach(Repair(("END",), 0), 2) >= min(2, len(f.tokens) - f.at):
        return _closed_too_late(f, opened[-1]), (Repair(("END",), 0),)
    if f.previous.type == "_SEMI":
        problem = error(
            "E104",
            f"`;` already ended the question, so this `{word}` answers nothing",
            Span(f.previous.start, f.token.end),
            help="remove the `;`",
            fix=replacing(f.previous.span, ""),
        )
        return problem, (Repair((), 0, back=1), Repair((), 1))
    if kind == "ALSO":
        problem = error(
            "E105",
            "`also` stands between the parts of a `parallel` block; none is open here",
            f.span,
            help="write `parallel do … also … end`",
        )
        return problem, (Repair((), 1),)
    other = {"OR_WHEN": "IF", "OR_IF": "WHEN"}.get(kind)
    if other and f.reach(Repair((f"OR_{other}",), 1)) > 0:
        return None
    problem = error(
        "E105",
        f"this `{word}` answers no open `when` or `if`",
        f.span,
        help="put the question that it belongs to in `do … end`",
    )
    return problem, (*((Repair((), 1),) if kind == "ELSE" else ()), Repair((kind[3:],), 1))


def block_in_line(f: Fault) -> Finding | None:
    """E114: a question after `then`, where only simple steps can stand."""
    in_list = f.previous.type == "COMMA" and bool(f.fitting & SIMPLE)
    after_then = f.previous.type in ("THEN", "ELSE") and "SEND" in f.fitting
    if f.token.type not in BLOCKS or not (in_list or after_then):
        return None
    where = "a list with commas" if in_list else "a branch on one line"
    problem = error(
        "E114",
        f"{where} holds simple steps; `{f.word.lower()}` needs a block",
        f.span,
        help="write `do … end` instead of `then …`",
    )
    if in_list:
        return problem, (Repair((), 0, back=1),)
    if f.previous.type == "THEN":
        return problem, (Repair(("DO",), 0, back=1, owed=1),)
    return problem, (Repair((), 0, back=1),)


def misplaced_label(f: Fault) -> Finding | None:
    """E133: a second label, or one on a step in a branch on one line."""
    if f.token.type != "LABEL" or not f.fitting & SIMPLE or nearest_word(f.word, f.fitting):
        return None
    twice = f.previous.type == "LABEL"
    problem = error(
        "E133",
        "a step has one label" if twice else "a step in a branch on one line cannot carry a label",
        f.span,
        help="keep one of the two" if twice else "write `do … end` instead of `then …`",
        fix=replacing(Span(f.token.start, f.next.start), ""),
    )
    return problem, (Repair((), 1),)


def then_missing(f: Fault) -> Finding | None:
    """E119: a step right behind the question."""
    begins = f.token.type in STEPS | {"_SEMI", "COMMA", END, "LABEL", "ELSE", "END"}
    if not ({"THEN", "DO"} <= f.fitting and begins):
        return None
    problem = error(
        "E119",
        "what should happen then?",
        f.gap,
        help="add `then` and one step, or `do` … `end` for several",
        fix=replacing(f.gap, " then", safe=True) if f.token.type in SIMPLE else None,
    )
    if f.token.type in SIMPLE and line_of(f, f.token) != line_of(f, f.previous):
        problem = _block_missing(f)
    inner = (Repair(("THEN",), 0), Repair(("DO",), 0), Repair(("THEN", "EXIT"), 0))
    return problem, (*inner, Repair(("THEN", "EXIT", "COMMA"), 0), Repair(("THEN", "EXIT"), 1))


def _block_missing(f: Fault) -> Diagnostic:
    word = "do" if any(t.type == "END" for t in f.tokens[f.at :]) else "then"
    return error(
        "E119",
        "what should happen then?",
        f.gap,
        help="add `then` and one step, or `do` … `end` for several",
        fix=replacing(f.gap, f" {word}", safe=word == "then"),
    )


def step_missing(f: Fault) -> Finding | None:
    """E126: nothing after `then`, `do`, `else` or a comma."""
    if f.previous.type not in ("THEN", "COMMA", "ELSE", "DO", "ALSO", "COLON", "LABEL"):
        return None
    ends = f.token.type in SETTINGS | {
        END,
        "END",
        "ELSE",
        "ALSO",
        "OR_WHEN",
        "OR_IF",
        "COMMA",
        "_SEMI",
        "PERCENT",
        "REST",
        "THEN",
        "DO",
    }
    if not ends or not (f.fitting & SIMPLE):
        return None
    word = " ".join(f.previous.text.lower().split()) if f.previous.type != "LABEL" else "the label"
    said = f"`{word}`" if f.previous.type != "LABEL" else word
    trailing = f.previous.type == "COMMA"
    problem = error(
        "E126",
        f"a step is missing after {said}",
        f.gap,
        help="write the step, or take the comma away"
        if trailing
        else "write the step: `send`, `add`, `wait` …",
        fix=replacing(f.previous.span, "") if trailing else None,
    )
    drop = (Repair((), 0, back=1),) if trailing else ()
    return problem, (*drop, Repair(("EXIT",), 0), Repair((), 1), Repair(("EXIT",), 1))


def header_alone(f: Fault) -> Finding | None:
    """E121: settings without a step, or nothing at all."""
    if f.token.type != END or not (f.fitting >= {"SEND", "EXIT", "WHEN"}):
        return None
    if any(t.type in STEPS for t in f.kept if t.type != "WHEN") or f.previous.type in WANTS_STEP - {
        "$START"
    }:
        return None
    empty = not f.kept
    problem = error(
        "E121",
        "there is nothing here yet" if empty else "this campaign has settings but no step",
        f.span,
        help="write a step, for instance `send email Welcome`",
    )
    return problem, (Repair(("EXIT",), 0),)
