"""What went wrong where a text stopped making sense, in a reader's words.

One small rule per kind of fault, the specific ones first; each looks at the words around the place
and at the repair that reads on best, and answers with a diagnostic and the repairs that it would
have. Computes only.
"""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from headless.dsl.diagnostics import Diagnostic, Edit, Fix, Related, Span, error, replacing
from headless.dsl.expect import (
    BLOCKS,
    SETTINGS,
    SIMPLE,
    STEPS,
    expected,
    meant,
    nearest_word,
    terminal_of,
)
from headless.dsl.lalr import END, Token, accepts, advance
from headless.dsl.near import distance
from headless.dsl.tables import spelled, table


class Repair(NamedTuple):
    """Take `back` tokens away, put `insert` in, and leave out `skip`; `owed` ends come later."""

    insert: tuple[str, ...]
    skip: int
    back: int = 0
    cost: float = 0.2
    owed: int = 0


class Fault(NamedTuple):
    """A token that does not fit, and what was read before it."""

    at: int
    tokens: Sequence[Token]
    text: str
    kept: tuple[Token, ...]
    stacks: tuple[list[int], ...]
    fitting: frozenset[str]

    @property
    def token(self) -> Token:
        """The one that does not fit."""
        return self.tokens[self.at]

    @property
    def next(self) -> Token:
        """The one behind it."""
        return self.tokens[min(self.at + 1, len(self.tokens) - 1)]

    @property
    def previous(self) -> Token:
        """The one before it, or an empty one at the start."""
        return self.kept[-1] if self.kept else Token("$START", "", 0, 0)

    @property
    def word(self) -> str:
        """The word that does not fit, as typed; of a label without its colon."""
        typed = self.token.text
        return typed.rstrip(": \t\n") if self.token.type == "LABEL" else typed

    @property
    def span(self) -> Span:
        """Where that word stands; the gap at the end of the text if there is none."""
        start = self.token.start
        if self.token.type == END:
            start = self.previous.end
            return Span(start, start)
        if self.token.type == "LABEL":
            return Span(start, start + len(self.word))
        return self.token.span

    @property
    def gap(self) -> Span:
        """Where something is missing: behind the word before, or before a new sentence."""
        at = self.token.start if self._sentence_begins() else self.previous.end
        return Span(at, at)

    def _sentence_begins(self) -> bool:
        if self.token.type == END or "EXIT" not in self.fitting or "SEND" not in self.fitting:
            return False
        return "\n" in self.text[self.previous.end : self.token.start]

    def reach(self, repair: Repair, limit: int = 6) -> int:
        """How many tokens can be read behind a repair."""
        states: list[int] | None = self.stacks[-1 - repair.back]
        for terminal in repair.insert:
            states = advance(states, terminal) if states else None
        count = 0
        while states and count < limit and self.at + repair.skip + count < len(self.tokens):
            states = advance(states, self.tokens[self.at + repair.skip + count].type)
            count += states is not None
        return count


Finding = tuple[Diagnostic, tuple[Repair, ...]]
Rule = Callable[[Fault], Finding | None]
_NOUNS: Final = frozenset(
    (
        *("EMAIL", "SMS", "PUSH_MESSAGE", "MESSAGE", "FORM", "PAGE", "TAG", "SEGMENT", "ASSET"),
        *("STAGE", "CAMPAIGN", "COMPANY", "SLOT", "IN_SLOT", "IN_GROUP", "WEBHOOK", "DID"),
        *("SHOW_CONTENT", "OWNED_BY"),
    )
)
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


def describe(fault: Fault, repair: Repair | None) -> tuple[Diagnostic, list[Repair]]:
    """The report of a fault, and the repairs that the report implies."""
    swapped = _by_swap(fault, repair)
    if swapped is not None:
        return swapped, []
    for rule in _RULES:
        found = rule(fault)
        if found is not None:
            return found[0], list(found[1])
    return _by_repair(fault, repair) or _generic(fault), []


# -- texts and characters


def _open_quote(f: Fault) -> Finding | None:
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


def _single_quotes(f: Fault) -> Finding | None:
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


def _unknown_character(f: Fault) -> Finding | None:
    if f.token.type != "UNKNOWN":
        return None
    near = nearest_word(f.word, f.fitting) if f.word else None
    shown = f.word if f.word.isprintable() and f.word else f"U+{ord(f.token.text[0]):04X}"
    problem = error(
        "E003",
        f"the character `{shown}` has no meaning here",
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


def _odd_number(f: Fault) -> Finding | None:
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
        return _wrong_unit(f, unit[1], unit[2], f.span, 1)
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


# -- blocks, branches, settings


def _never_closed(f: Fault) -> Finding | None:
    if f.token.type != END:
        return None
    opened = _open(f.kept, "DO", "END")
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
    ends = "".join(f"\n{_indent(f.text, d.start)}end" if lines else " end" for d in opened[::-1])
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
            opened.append((len(_indent(text, token.start)), token))
        elif token.type == "END" and opened:
            opened.pop()
    return None


def _closed_by_layout(f: Fault, opener: Token, last: Token, following: Token) -> Diagnostic:
    indent = _indent(f.text, opener.start)
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
    indent = _indent(f.text, opener.start)
    return error(
        "E101",
        f"this block is not closed before `{word}`",
        f.span if lines else at,
        related=(Related(opener.span, "this `do` waits for its `end`"),),
        help="add `end`",
        fix=replacing(at, f"\n{indent}end" if lines else " end"),
    )


def _open(kept: Sequence[Token], opening: str, closing: str) -> list[Token]:
    opened: list[Token] = []
    for token in kept:
        if token.type == opening:
            opened.append(token)
        elif token.type == closing and opened:
            opened.pop()
    return opened


def _closes(f: Fault, terminal: str, times: int) -> bool:
    states: list[int] | None = f.stacks[-1]
    for _ in range(times):
        states = advance(states, terminal) if states else None
    return states is not None


def _indent(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]


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


def _else_then_if(f: Fault) -> Finding | None:
    if f.previous.type != "ELSE" or f.token.type not in ("IF", "WHEN"):
        return None
    problem = _chain_of_ifs(f, [(f.previous, f.token)])
    return problem, (Repair((f"OR_{f.token.type}",), 1, back=1),)


def _nothing_to_end(f: Fault) -> Finding | None:
    if f.token.type != "END" or _open(f.kept, "DO", "END"):
        return None
    if not _complete(f):
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


def _complete(f: Fault) -> bool:
    """Whether a new step could begin here."""
    return "EXIT" in f.fitting and "SEND" in f.fitting and f.previous.type not in _WANTS_STEP


_OPEN_ENDS: Final = frozenset(("THEN", "DO", "ELSE", "ALSO", "COMMA", "LABEL", "COLON"))
_WANTS_STEP: Final = _OPEN_ENDS | {"$START"}


def _no_question(f: Fault) -> Finding | None:
    kind = f.token.type
    if kind not in ("ELSE", "OR_WHEN", "OR_IF", "ALSO") or not _complete(f):
        return None
    word = " ".join(f.word.lower().split())
    opened = _open(f.kept, "DO", "END")
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


def _late_setting(f: Fault) -> Finding | None:
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


def _stop_alone(f: Fault) -> Finding | None:
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


def _block_in_line(f: Fault) -> Finding | None:
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


def _misplaced_label(f: Fault) -> Finding | None:
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


def _second_not(f: Fault) -> Finding | None:
    if f.token.type != "NOT" or "OPENED" not in f.fitting or _asking(f) != "WHEN":
        return None
    problem = error(
        "E134",
        "`not` can only stand before all that a `when` waits for",
        f.span,
        help="write `when not (A or B) within …`, or ask with `if` afterwards",
        fix=None,
    )
    return problem, (Repair((), 1),)


def _then_missing(f: Fault) -> Finding | None:
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
    if f.token.type in SIMPLE and _line(f, f.token) != _line(f, f.previous):
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


def _line(f: Fault, token: Token) -> int:
    return f.text.count("\n", 0, token.start)


def _step_missing(f: Fault) -> Finding | None:
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


def _header_alone(f: Fault) -> Finding | None:
    if f.token.type != END or not (f.fitting >= {"SEND", "EXIT", "WHEN"}):
        return None
    if any(
        t.type in STEPS for t in f.kept if t.type != "WHEN"
    ) or f.previous.type in _WANTS_STEP - {"$START"}:
        return None
    empty = not f.kept
    problem = error(
        "E121",
        "there is nothing here yet" if empty else "this campaign has settings but no step",
        f.span,
        help="write a step, for instance `send email Welcome`",
    )
    return problem, (Repair(("EXIT",), 0),)


# -- measures


def _clock_needed(f: Fault) -> Finding | None:
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


def _unit_needed(f: Fault) -> Finding | None:
    if "DURATION" not in f.fitting or f.token.type not in ("WHOLE", "NUMBER"):
        return None
    if "WHOLE" in f.fitting:
        return None
    if f.next.type == "NAME" and f.next.start - f.token.end <= 1:
        span = Span(f.token.start, f.next.end)
        return _wrong_unit(f, f.word, f.next.text, span, 2)
    number = f.word.lstrip("-").partition(".")[0]
    problem = error(
        "E110",
        f"{f.word} what? a length of time needs a unit",
        f.span,
        help=f"write `{number}d` for days, `{number}h` for hours or `{number}m` for minutes",
        fix=replacing(f.span, f"{number}d"),
    )
    return problem, (Repair(("DURATION",), 1),)


def _needless_until(f: Fault) -> Finding | None:
    """`wait until 3d`, where `wait 3d` is meant."""
    if [t.type for t in f.kept[-3:]] != ["WAIT", "UNTIL", "DURATION"]:
        return None
    if f.fitting & {"THEN", "SEND"} or f.token.type in ("NAME", "BEFORE", "AFTER"):
        return None
    until = f.kept[-2]
    problem = error(
        "E127",
        f"`until` goes before a moment; `{_last_words(f)}` is a length of time",
        until.span,
        help="write the length of time right after `wait`",
        fix=replacing(Span(until.start, f.previous.start), "", safe=True),
    )
    return problem, (Repair(("DURATION",), 0, back=2),)


def _wrong_unit(f: Fault, number: str, unit: str, span: Span, skip: int) -> Finding:
    near = min(_UNIT_NAMES, key=lambda u: distance(unit, u))
    close = distance(unit, near) <= max(1, len(unit) // 3)
    problem = error(
        "E109",
        f"`{unit}` is not a unit of time",
        span,
        label="units are w, d, h, m, s, mo (or weeks, days, hours, minutes, seconds, months)",
        fix=replacing(span, f"{number} {near}", safe=True) if close else None,
    )
    return problem, (Repair(("DURATION",), skip), Repair(("DURATION",), 1))


_BEFORE_LENGTHS: Final = frozenset(("WITHIN", "WAIT", "IN_LAST", "FOR", "SPENT", "AFTER"))


def _length_needed(f: Fault) -> Finding | None:
    before = f.previous.type
    if "DURATION" not in f.fitting or before not in (
        "WITHIN",
        "WAIT",
        "IN_LAST",
        "FOR",
        "SPENT",
        "AFTER",
    ):
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


# -- questions


def _window_on_if(f: Fault) -> Finding | None:
    asked = next(
        (t for t in reversed(f.kept) if t.type in ("IF", "OR_IF", "WHEN", "OR_WHEN", "WHENEVER")),
        None,
    )
    if f.token.type != "WITHIN" or asked is None or asked.type not in ("IF", "OR_IF"):
        return None
    if any(t.type in ("THEN", "DO") for t in f.kept[f.kept.index(asked) :]):
        return None
    problem = error(
        "E112",
        "`if` looks at now and the past; `within` waits for the future",
        f.span,
        help="to wait, write `when …`; to look back, write `in last …`",
        fix=replacing(f.span, "in last") if "IN_LAST" in f.fitting else None,
    )
    return problem, (Repair(("IN_LAST",), 1), Repair((), 2))


def _state_after_when(f: Fault) -> Finding | None:
    asking = f.previous.type in ("WHEN", "WHENEVER", "OR_WHEN") or (
        f.previous.type in ("NOT", "OR", "AND", "LPAR") and _asking(f) == "WHEN"
    )
    states = (
        "NAME",
        "POINTS",
        "DOTTED",
        "HAS",
        "IN",
        "STAGE",
        "OWNER",
        "DEVICE",
        "REACHABLE_BY",
        "FIELD",
        "ANSWER",
        "NOW",
        "TODAY",
        "ANNIVERSARY_OF",
        "COMPANY",
    )
    if not asking or f.token.type not in states or "OPENED" not in f.fitting:
        return None
    if f.token.type == "NAME" and nearest_word(f.word, f.fitting):
        return None
    after = accepts(f.stacks[-1])
    if (f.token.type == "NAME" and f.next.type not in _COMPARING) or not after:
        return None
    word = f.previous.text.lower() if f.previous.type in ("WHEN", "WHENEVER") else "when"
    problem = error(
        "E113",
        f"`{word}` waits for something to happen; this is a state",
        f.span,
        label=f"`{f.word}` is a state",
        help="use `if`, or wait for the change: `when reached 50 points`, "
        "`when joined segment …`, `when changed …`",
    )
    ends = ("THEN", "DO", "WITHIN", END)
    to_body = next((i for i in range(f.at, len(f.tokens)) if f.tokens[i].type in ends), f.at)
    return problem, (Repair(("OPENED", "EMAIL", "NAME"), to_body - f.at),)


_COMPARING: Final = frozenset(
    (
        "IS",
        "IS_NOT",
        "EQ",
        "NE",
        "GE",
        "GT",
        "LE",
        "LT",
        "CONTAINS",
        "STARTS_WITH",
        "ENDS_WITH",
        "MATCHES",
        "IN",
        "BETWEEN",
        "BEFORE",
        "AFTER",
    )
)


def _asking(f: Fault) -> str:
    for token in reversed(f.kept):
        if token.type in ("WHEN", "OR_WHEN", "WHENEVER", "START", "GOAL", "STOP"):
            return "WHEN"
        if token.type in ("IF", "OR_IF", "WHERE"):
            return "IF"
    return ""


# -- names and words


def _reserved_name(f: Fault) -> Finding | None:
    if not f.fitting & {"NAME", "STRING"} or f.token.type in ("NAME", "STRING", END):
        return None
    only_names = meant(f.fitting) <= {"NAME", "STRING"}
    named_before = f.previous.type in _NOUNS | {"IS", "IS_NOT", "TO"}
    if not re.match(r"[^\W\d]", f.word) or not (named_before or only_names):
        return None
    named = "NAME" if "NAME" in f.fitting else "STRING"
    if f.reach(Repair((named,), 1)) <= f.reach(Repair((named,), 0)):
        return None
    quotable = "STRING" in f.fitting
    problem = error(
        "E115",
        f"`{f.word}` is a word of the language, so it cannot be a bare name",
        f.span,
        help="if that is the name, put it in quotes" if quotable else "choose another name",
        fix=replacing(f.span, f'"{f.word}"') if quotable else None,
    )
    return problem, (Repair((named,), 1),)


def _name_missing(f: Fault) -> Finding | None:
    if not f.fitting & {"NAME", "STRING"} or f.previous.type not in _NOUNS:
        return None
    named = "NAME" if "NAME" in f.fitting else "STRING"
    if not f.reach(Repair((named,), 0)):
        return None
    noun = " ".join(f.previous.text.lower().split())
    asked = {
        "in slot": "slot",
        "in group": "group",
        "show content": "content",
        "did": "activity",
        "owned by": "colleague",
    }.get(noun, noun)
    problem = error(
        "E116",
        f"which {asked}?",
        f.gap,
        help=f"write its name after `{noun}`",
    )
    return problem, (Repair((named,), 0),)


def _several_words(f: Fault) -> Finding | None:
    soft = table().soft_names
    if f.previous.type not in ("NAME", *soft) or f.token.type not in (
        "NAME",
        "WEEKDAY",
        "WHOLE",
        *soft,
    ):
        return None
    if len(f.stacks) < 2 or not accepts(f.stacks[-2]) & {"STRING"}:
        return None
    if _line(f, f.token) != _line(f, f.previous):
        return None
    if (
        f.token.type == "NAME"
        and nearest_word(f.word, f.fitting)
        and f.reach(Repair((), 1), 2) == 0
    ):
        return None
    skip = 1
    while (
        f.at + skip < len(f.tokens) - 1
        and f.tokens[f.at + skip].type in ("NAME", "WHOLE", *soft)
        and f.reach(Repair((), skip), 2) < 2
        and _line(f, f.tokens[f.at + skip]) == _line(f, f.token)
    ):
        skip += 1
    following = f.tokens[f.at + skip]
    enough = 1 if _line(f, following) != _line(f, f.token) else 3
    if f.reach(Repair((), skip), 3) < min(enough, len(f.tokens) - f.at - skip):
        return None
    if f.token.type == "NAME" and nearest_word(f.word, f.fitting):
        return None
    span = Span(f.previous.start, f.tokens[f.at + skip - 1].end)
    problem = error(
        "E117",
        "a name of several words needs quotes",
        span,
        fix=replacing(span, f'"{f.text[span.start : span.end]}"', safe=True),
    )
    return problem, (Repair((), skip),)


def _bare_points(f: Fault) -> Finding | None:
    if f.token.type != "POINTS" or not f.fitting & {"ADD"}:
        return None
    problem = error(
        "E118",
        "should the points be added or removed?",
        f.span,
        help="write `add points …` or `remove points …`",
        fix=replacing(Span(f.token.start, f.token.start), "add "),
    )
    return problem, (Repair(("ADD",), 0),)


def _phrase(f: Fault) -> Finding | None:
    """Two words that nearly are one of the language's, such as `qiet hours` or `at mots`."""
    first = f.token
    if first.type in ("NAME", "LABEL", "TIMES") or first.type in table().soft_names:
        found = _near_phrase(first, f.next, f.fitting)
        if found:
            return _misspelt(f, Span(first.start, f.next.end), found, 0, 2)
    if f.kept and len(f.stacks) > 1:
        found = _near_phrase(f.previous, f.token, accepts(f.stacks[-2]))
        if found:
            return _misspelt(f, Span(f.previous.start, f.token.end), found, 1, 1)
    return None


def _near_phrase(one: Token, other: Token, fitting: frozenset[str]) -> str | None:
    if not one.text or not other.text or not other.text[0].isalpha():
        return None
    said = f"{one.text} {other.text}".lower()
    for terminal in sorted(fitting):
        written = spelled().get(terminal, "")
        if " " in written and len(written) > 4 and abs(len(written) - len(said)) <= 2:
            same = [a == b for a, b in zip(said.split(), written.split(), strict=False)]
            if any(same) and distance(said, written) <= 2:
                return written
    return None


def _misspelt(f: Fault, span: Span, word: str, back: int, skip: int) -> Finding | None:
    terminal = terminal_of(word)
    if terminal is None or not f.reach(Repair((terminal,), skip, back=back)):
        return None
    return _unknown_word(f, span, word), (Repair((terminal,), skip, back=back),)


def _unknown_word(f: Fault, span: Span, word: str, *, safe: bool = True) -> Diagnostic:
    typed = f.text[span.start : span.end]
    return error(
        "E120",
        f"I do not know `{typed}` here",
        span,
        label=f"did you mean `{word}`?",
        fix=replacing(span, word, safe=safe),
    )


_NOISE: Final = frozenset(("the", "next", "this", "a", "an", "please", "my", "their", "coming"))


def _noise_word(f: Fault) -> Finding | None:
    """`wait until next monday`: the language has no such word, and needs none."""
    if f.previous.text.lower() in _NOISE and len(f.stacks) > 1:
        taken, repair = f.previous, Repair((), 0, back=1)
    elif f.word.lower() in _NOISE:
        taken, repair = f.token, Repair((), 1)
    else:
        return None
    if f.reach(repair, 2) < 2:
        return None
    return _too_many(f, taken.span, taken.text), (repair,)


def _near_word(f: Fault) -> Finding | None:
    if not re.match(r"[^\W\d]", f.word) or f.token.type == "STRING":
        return None
    known = f.token.type not in ("NAME", "LABEL", "DOTTED")
    near = nearest_word(f.word, f.fitting, loose=not known)
    if near is None or near == f.word.lower():
        return None
    colon = f.token.text[len(f.word) :].strip() if f.token.type == "LABEL" else ""
    terminals = [t for w in (near, *near.split()) if (t := terminal_of(w)) in f.fitting and t]
    if not terminals:
        return None
    if known and f.reach(Repair((terminals[0],), 1), 4) < min(4, len(f.tokens) - f.at - 1):
        return None
    repair = Repair((terminals[0], *(("COLON",) if colon else ())), 1)
    return _unknown_word(f, f.span, near), (repair, Repair((terminals[0],), 1))


_RULES: Final[tuple[Rule, ...]] = (
    _open_quote,
    _single_quotes,
    _unknown_character,
    _odd_number,
    _header_alone,
    _never_closed,
    _nothing_to_end,
    _else_then_if,
    _no_question,
    _late_setting,
    _stop_alone,
    _block_in_line,
    _needless_until,
    _noise_word,
    _clock_needed,
    _unit_needed,
    _length_needed,
    _window_on_if,
    _phrase,
    _misplaced_label,
    _second_not,
    _state_after_when,
    _then_missing,
    _step_missing,
    _reserved_name,
    _name_missing,
    _several_words,
    _bare_points,
    _near_word,
)


# -- by the repair that reads on best


def _by_repair(f: Fault, repair: Repair | None) -> Diagnostic | None:
    if repair is None:
        return None
    if repair.back == 0 and repair.skip == 0 and len(repair.insert) == 1:
        return _missing(f, repair.insert[0])
    if repair.back == 1 and repair.skip == 0 and repair.insert[1:] == (f.previous.type,):
        return _missing_before(f, repair.insert[0])
    if repair.back == 0 and repair.skip == 1 and not repair.insert:
        return _too_many(f, f.span, f.word)
    if repair.back == 1 and repair.skip == 0 and not repair.insert:
        return _too_many(f, f.previous.span, f.previous.text)
    return None


def _by_swap(f: Fault, repair: Repair | None) -> Diagnostic | None:
    """Two neighbours that have changed places, if the text reads on well with them put right."""
    if repair is None or len(repair.insert) != 2:
        return None
    ahead = repair == repair._replace(insert=(f.next.type, f.token.type), skip=2, back=0)
    back = repair == repair._replace(insert=(f.token.type, f.previous.type), skip=1, back=1)
    left = len(f.tokens) - f.at - repair.skip
    if not (ahead or back) or f.reach(repair, 8) < min(8, left):
        return None
    return _swapped(f, f.token, f.next) if ahead else _swapped(f, f.previous, f.token)


def _missing(f: Fault, terminal: str) -> Diagnostic:
    if terminal == "RPAR":
        return _open_bracket(f)
    reached = f.reach(Repair((terminal,), 0), 8)
    others = [t for t in meant(f.fitting) if f.reach(Repair((t,), 0), 8) >= reached]
    word = spelled().get(terminal) if len(others) == 1 else None
    gap = f.gap
    if gap.start == f.token.start != f.previous.end:
        where, typed = f"before `{f.word}`", f"{word} "
    else:
        where = f"after `{_last_words(f)}`" if f.kept else "at the start"
        typed = f"{'' if terminal == 'COMMA' else ' '}{word}"
    return error(
        "E125",
        f"{expected(others)} is missing {where}",
        gap,
        fix=replacing(gap, typed) if word else None,
    )


def _missing_before(f: Fault, terminal: str) -> Diagnostic:
    """The word before was read as something else, for want of one in front of it."""
    repair = Repair((terminal, f.previous.type), 0, back=1)
    reached = f.reach(repair, 8)
    fitting = meant(accepts(f.stacks[-2]))
    others = [
        t for t in fitting if f.reach(repair._replace(insert=(t, f.previous.type)), 8) >= reached
    ]
    word = spelled().get(terminal) if len(others) == 1 else None
    at = Span(f.previous.start, f.previous.start)
    return error(
        "E125",
        f"{expected(others)} is missing before `{_last_words(f)}`",
        at,
        fix=replacing(at, f"{word} ") if word else None,
    )


def _open_bracket(f: Fault) -> Diagnostic:
    opened = _open(f.kept, "LPAR", "RPAR")
    return error(
        "E132",
        "this bracket is never closed",
        f.gap,
        related=tuple(Related(bracket.span, "opened here") for bracket in opened[-1:]),
        help="close it with `)`",
        fix=replacing(f.gap, ")"),
    )


def _too_many(f: Fault, span: Span, word: str) -> Diagnostic:
    after = "" if span.start < f.token.start else f" after `{_last_words(f)}`" if f.kept else ""
    start = span.start
    while start > 0 and f.text[start - 1] in " \t" and f.text[span.end : span.end + 1] in " \t\n":
        start -= 1
    return error(
        "E127",
        f"`{word.strip()}` is one word too many{after}",
        span,
        help=f"I expected {expected(f.fitting)}" if span.start == f.token.start else "",
        fix=replacing(Span(start, span.end), ""),
    )


def _swapped(f: Fault, one: Token, other: Token) -> Diagnostic:
    span = Span(one.start, other.end)
    between = f.text[one.end : other.start]
    return error(
        "E131",
        f"`{other.text}` goes before `{one.text.strip()}`",
        span,
        fix=replacing(span, f"{other.text}{between or ' '}{one.text}"),
    )


def _last_words(f: Fault) -> str:
    return " ".join(f.previous.text.split())


def _generic(f: Fault) -> Diagnostic:
    found = "the text ends here" if f.token.type == END else f"found `{f.word}`"
    after = f" after `{_last_words(f)}`" if f.kept else " at the start"
    return error("E100", f"I expected {expected(f.fitting)}{after}", f.span, label=found)
