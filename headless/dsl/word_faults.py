"""Faults of names and words: which name, which quotes, which word was meant. Computes only."""

import re
from typing import Final

from headless.dsl.diagnostics import Diagnostic, Span, error, replacing
from headless.dsl.expect import (
    meant,
    nearest_word,
    terminal_of,
)
from headless.dsl.fault import Fault, Finding, Repair, asking, line_of, too_many
from headless.dsl.lalr import END, Token, accepts
from headless.dsl.near import distance
from headless.dsl.tables import spelled, table

_NOUNS: Final = frozenset(
    (
        *("EMAIL", "SMS", "PUSH_MESSAGE", "MESSAGE", "FORM", "PAGE", "TAG", "SEGMENT", "ASSET"),
        *("STAGE", "CAMPAIGN", "COMPANY", "SLOT", "IN_SLOT", "IN_GROUP", "WEBHOOK", "DID"),
        *("SHOW_CONTENT", "OWNED_BY"),
    )
)


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


def window_on_if(f: Fault) -> Finding | None:
    """E112: `if ... within`, which looks into the future."""
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


def state_after_when(f: Fault) -> Finding | None:
    """E113: `when points > 10`: a state is no event."""
    asked = f.previous.type in ("WHEN", "WHENEVER", "OR_WHEN") or (
        f.previous.type in ("NOT", "OR", "AND", "LPAR") and asking(f) == "WHEN"
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
    if not asked or f.token.type not in states or "OPENED" not in f.fitting:
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


def second_not(f: Fault) -> Finding | None:
    """E134: `not` in the midst of what a `when` waits for."""
    if f.token.type != "NOT" or "OPENED" not in f.fitting or asking(f) != "WHEN":
        return None
    problem = error(
        "E134",
        "`not` can only stand before all that a `when` waits for",
        f.span,
        help="write `when not (A or B) within …`, or ask with `if` afterwards",
        fix=None,
    )
    return problem, (Repair((), 1),)


def reserved_name(f: Fault) -> Finding | None:
    """E115: a word of the language where a bare name must stand."""
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


def name_missing(f: Fault) -> Finding | None:
    """E116: `send email` without its name."""
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


def several_words(f: Fault) -> Finding | None:
    """E117: a name of several words without quotes."""
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
    if line_of(f, f.token) != line_of(f, f.previous):
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
        and line_of(f, f.tokens[f.at + skip]) == line_of(f, f.token)
    ):
        skip += 1
    following = f.tokens[f.at + skip]
    enough = 1 if line_of(f, following) != line_of(f, f.token) else 3
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


def bare_points(f: Fault) -> Finding | None:
    """E118: `points 10` without `add` or `remove`."""
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


def phrase(f: Fault) -> Finding | None:
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
            if any(same) and distance(said, written, 2) <= 2:
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


def noise_word(f: Fault) -> Finding | None:
    """`wait until next monday`: the language has no such word, and needs none."""
    if f.previous.text.lower() in _NOISE and len(f.stacks) > 1:
        taken, repair = f.previous, Repair((), 0, back=1)
    elif f.word.lower() in _NOISE:
        taken, repair = f.token, Repair((), 1)
    else:
        return None
    if f.reach(repair, 2) < 2:
        return None
    return too_many(f, taken.span, taken.text), (repair,)


def near_word(f: Fault) -> Finding | None:
    """E120: a word that nearly is, or stands for, one that fits."""
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
