"""From `grammar/campaign.lark` to the table that `tables` reads: `python -m headless.dsl.grammar`.

The one place that imports Lark, and only needed where the grammar is changed or proved. `build`
promises an LALR(1) table without conflicts and a basic lexer without collisions (Lark's strict
mode), or raises what Lark has to say about the grammar.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from lark import Lark
from lark.grammar import Rule as LarkRule
from lark.lexer import PatternStr, Token
from lark.parsers.lalr_analysis import Shift

from headless.dsl.tables import TABLE_FILE, Rule, Table

GRAMMAR_FILE: Final = Path(__file__).parents[2] / "grammar" / "campaign.lark"
STARTS: Final = ["start", "condition", "event_text"]
KEPT: Final = frozenset(
    (
        "NAME",
        "STRING",
        "WHOLE",
        "NUMBER",
        "PERCENT",
        "MONEY",
        "DATE",
        "TIME",
        "DURATION",
        "WEEKDAY",
        "DAYS",
        "DOTTED",
        "LABEL",
        "REST",
        "ELSE",
        "OR_WHEN",
        "OR_IF",
        "ALSO",
        "END",
    )
)
"""Terminals that a tree's methods get to see; other keywords only in rules marked `!`."""
CATCH_ALL: Final = ("BAD_STRING", "BAD_NUMBER", "UNKNOWN")


class _KeepUnused:
    """Tells Lark to keep the terminals that no rule uses: they catch what the language has not."""

    always_accept = CATCH_ALL

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        return stream


def lark(grammar: str, *, strict: bool = False) -> Lark:
    """Lark's own parser for the grammar; strict mode raises on any conflict or collision."""
    return Lark(
        grammar,
        parser="lalr",
        lexer="basic",
        strict=strict,
        maybe_placeholders=True,
        start=STARTS,
        postlex=_KeepUnused(),
    )


def build(grammar: str, *, strict: bool = True) -> Table:
    """The table of a grammar's text."""
    made: Any = lark(grammar, strict=strict)
    lexer = made.parser.lexer.lexer if hasattr(made.parser.lexer, "lexer") else made.parser.lexer
    scanner = lexer.scanner
    words = {t.pattern.value.lower(): t.name for t in made.terminals if _is_word(t.pattern)}
    pattern = "|".join(f"(?P<{t.name}>{t.pattern.to_regexp()})" for t in scanner.terminals)
    rules, actions, gotos, number = _automaton(made)
    lalr = made.parser.parser._parse_table
    return Table(
        grammar=hashlib.sha256(grammar.encode()).hexdigest(),
        pattern=pattern,
        words=dict(sorted(words.items())),
        phrases=_phrases(made.terminals),
        soft_names=_soft(made, "soft_name", "soft_field"),
        soft_fields=_soft(made, "soft_field"),
        rules=rules,
        actions=actions,
        gotos=gotos,
        starts={s: number[lalr.start_states[s]] for s in STARTS},
        ends={s: number[lalr.end_states[s]] for s in STARTS},
    )


Rows = tuple[dict[str, int], ...]


def _automaton(made: Any) -> tuple[tuple[Rule, ...], Rows, Rows, dict[Any, int]]:
    """Rules and states under numbers that are the same at every build."""
    lalr = made.parser.parser._parse_table
    terminals = {t.name for t in made.terminals} | {"$END"}
    numbered = sorted(
        {
            target
            for row in lalr.states.values()
            for action, target in row.values()
            if action is not Shift
        },
        key=lambda rule: (rule.origin.name, [s.name for s in rule.expansion], str(rule.alias)),
    )
    rules = {rule: i for i, rule in enumerate(numbered)}
    number = {lalr.start_states[start]: i for i, start in enumerate(STARTS)}
    queue = list(number)
    for state in queue:
        for _, (action, target) in sorted(lalr.states[state].items()):
            if action is Shift and target not in number:
                number[target] = len(number)
                queue.append(target)
    actions: list[dict[str, int]] = []
    gotos: list[dict[str, int]] = []
    for state in queue:
        row = sorted(lalr.states[state].items())
        shifts = {symbol: number[to] for symbol, (action, to) in row if action is Shift}
        reduces = {symbol: -1 - rules[to] for symbol, (action, to) in row if action is not Shift}
        actions.append({s: to for s, to in shifts.items() if s in terminals} | reduces)
        gotos.append({s: to for s, to in shifts.items() if s not in terminals})
    return tuple(_rule(rule) for rule in numbered), tuple(actions), tuple(gotos), number


def _is_word(pattern: Any) -> bool:
    return isinstance(pattern, PatternStr) and pattern.value[0].isalpha()


def _soft(made: Any, *origins: str) -> tuple[str, ...]:
    return tuple(sorted(r.expansion[0].name for r in made.rules if r.origin.name in origins))


def _phrases(terminals: Iterable[Any]) -> dict[str, str]:
    phrases = {}
    for terminal in terminals:
        source = terminal.pattern.value
        if isinstance(terminal.pattern, PatternStr):
            if not source[0].isalpha():
                phrases[terminal.name] = source
            continue
        written = re.sub(r"\(\?[!=].*$", "", source).replace(r"\s+", " ").replace("?", "")
        if re.fullmatch(r"[a-z][a-z -]*", written):
            phrases[terminal.name] = written
    return phrases


def _rule(rule: LarkRule) -> Rule:
    origin = str(rule.origin.name)
    inlined = origin.startswith("_")
    method = "*" if inlined else str(rule.alias or origin)
    every_token = bool(rule.options.keep_all_tokens)
    missing = rule.options.empty_indices or (False,) * len(rule.expansion)
    keep: list[int] = []
    at = 0
    for absent in missing:
        if absent:
            keep.append(-1)
            continue
        symbol = rule.expansion[at]
        if not symbol.is_term or symbol.name in KEPT or (every_token and symbol.name[0] != "_"):
            spliced = not symbol.is_term and symbol.name.startswith("_")
            keep.append(-2 - at if spliced else at)
        at += 1
    if rule.options.expand1 and len(keep) == 1 and keep[0] >= 0 and not rule.alias:
        method = ""
    return Rule(origin, len(rule.expansion), method, tuple(keep))


def main() -> None:
    """Write the table of the grammar as it stands."""
    table = build(GRAMMAR_FILE.read_text("utf-8"))
    TABLE_FILE.write_bytes(msgspec.json.encode(table) + b"\n")


if __name__ == "__main__":
    main()
