"""What went wrong where a text stopped making sense, in a reader's words.

One small rule per kind of fault, the specific ones first; each looks at the words around the place
and at the repair that reads on best, and answers with a diagnostic and the repairs that it would
have. What no rule knows is told by the repair itself. Computes only.
"""

from typing import Final

from headless.dsl.block_faults import (
    answer_of_the_outer,
    block_in_line,
    else_then_if,
    header_alone,
    misplaced_label,
    never_closed,
    no_question,
    nothing_to_end,
    step_missing,
    then_missing,
)
from headless.dsl.character_faults import odd_number, open_quote, single_quotes, unknown_character
from headless.dsl.diagnostics import Diagnostic, Related, Span, error, replacing
from headless.dsl.expect import (
    expected,
    meant,
)
from headless.dsl.fault import Fault, Repair, Rule, last_words, open_tokens, too_many
from headless.dsl.lalr import END, Token, accepts
from headless.dsl.measure_faults import clock_needed, length_needed, needless_until, unit_needed
from headless.dsl.setting_faults import late_setting, stop_alone
from headless.dsl.tables import spelled
from headless.dsl.word_faults import (
    bare_points,
    name_missing,
    near_word,
    noise_word,
    phrase,
    reserved_name,
    second_not,
    several_words,
    state_after_when,
    window_on_if,
)


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


_RULES: Final[tuple[Rule, ...]] = (
    open_quote,
    single_quotes,
    unknown_character,
    odd_number,
    header_alone,
    never_closed,
    nothing_to_end,
    else_then_if,
    answer_of_the_outer,
    no_question,
    late_setting,
    stop_alone,
    block_in_line,
    needless_until,
    noise_word,
    clock_needed,
    unit_needed,
    length_needed,
    window_on_if,
    phrase,
    misplaced_label,
    second_not,
    state_after_when,
    then_missing,
    step_missing,
    reserved_name,
    name_missing,
    several_words,
    bare_points,
    near_word,
)


def _by_repair(f: Fault, repair: Repair | None) -> Diagnostic | None:
    if repair is None:
        return None
    if repair.back == 0 and repair.skip == 0 and len(repair.insert) == 1:
        return _missing(f, repair.insert[0])
    if repair.back == 1 and repair.skip == 0 and repair.insert[1:] == (f.previous.type,):
        return _missing_before(f, repair.insert[0])
    if repair.back == 0 and repair.skip == 1 and not repair.insert:
        return too_many(f, f.span, f.word)
    if repair.back == 1 and repair.skip == 0 and not repair.insert:
        return too_many(f, f.previous.span, f.previous.text)
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
        where = f"after `{last_words(f)}`" if f.kept else "at the start"
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
        f"{expected(others)} is missing before `{last_words(f)}`",
        at,
        fix=replacing(at, f"{word} ") if word else None,
    )


def _open_bracket(f: Fault) -> Diagnostic:
    opened = open_tokens(f.kept, "LPAR", "RPAR")
    return error(
        "E132",
        "this bracket is never closed",
        f.gap,
        related=tuple(Related(bracket.span, "opened here") for bracket in opened[-1:]),
        help="close it with `)`",
        fix=replacing(f.gap, ")"),
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


def _generic(f: Fault) -> Diagnostic:
    found = "the text ends here" if f.token.type == END else f"found `{f.word}`"
    after = f" after `{last_words(f)}`" if f.kept else " at the start"
    return error("E100", f"I expected {expected(f.fitting)}{after}", f.span, label=found)
