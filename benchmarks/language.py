"""The language's figures: how well faults are told, and how fast texts are read and printed.

Faults: every example is spoilt in one place (a word left out, put in, mistyped, or swapped with its
neighbour) and held against a workspace that has all its names; of the texts that no longer parse,
how many get exactly one report, how many the first report on the right line, how many only a
generic one. Times are medians, warm, for 30 lines, and of a fresh process for the command line's
part.
"""

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.results import Result, show
from headless.dsl import ast
from headless.dsl.catalogue import Catalogue, Email, Form, Sort
from headless.dsl.diagnostics import Diagnostic, has_errors
from headless.dsl.examine import examine
from headless.dsl.format import format_parsed
from headless.dsl.lalr import Token, tokenize
from headless.dsl.names import named_things
from headless.dsl.parser import parse
from headless.dsl.text import clean

ROOT: Final = Path(__file__).parents[1]
MUTANTS: Final = 4_000
SEED: Final = 7
LAYOUT_AND_VALUES: Final = frozenset(("E107", "E122", "E123", "E128", "E129", "E130"))
"""Faults of texts that can be read: not what a spoilt word is measured by."""


class Mutant(NamedTuple):
    """A text with one fault, and where that is."""

    text: str
    at: int


def examples() -> list[str]:
    """The example campaigns and the cases of the tests."""
    files = sorted((ROOT / "grammar" / "examples").glob("*.campaign"))
    cases = (ROOT / "tests" / "unit" / "dsl" / "cases" / "valid.txt").read_text("utf-8")
    return [*(path.read_text("utf-8") for path in files), *cases.split("---\n")]


def words(text: str) -> list[Token]:
    """The words of a text."""
    return tokenize(clean(text), text)[0][:-1]


def mutants(texts: list[str], chance: random.Random) -> Iterator[Mutant]:
    """Texts with one fault each, without end."""
    pool = [token.text for text in texts for token in words(text)]
    while True:
        text = chance.choice(texts)
        tokens = words(text)
        index = chance.randrange(len(tokens))
        token = tokens[index]
        before, after = text[: token.start], text[token.end :]
        kind = chance.choice(("delete", "insert", "mistype", "swap"))
        if kind == "delete":
            yield Mutant(before + after, token.start)
        elif kind == "insert":
            yield Mutant(f"{before}{chance.choice(pool)} {text[token.start :]}", token.start)
        elif kind == "mistype" and token.text[:3].isascii() and token.text[:3].isalpha():
            yield Mutant(before + mistyped(token.text, chance) + after, token.start)
        elif kind == "swap" and index + 1 < len(tokens):
            other = tokens[index + 1]
            swapped = f"{other.text} {token.text} "
            yield Mutant(before + swapped + text[other.end :], token.start)


def mistyped(word: str, chance: random.Random) -> str:
    """The word with two letters swapped, or one doubled or lost."""
    if len(word) < 4:
        return word + "x"
    at = chance.randrange(1, len(word) - 1)
    if word[at] == word[at + 1]:
        return word[:at] + word[at + 1 :]
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def line(text: str, offset: int) -> int:
    """The line on which an offset stands."""
    return text.count("\n", 0, offset)


def all_that_is_named(texts: list[str]) -> Catalogue:
    """A workspace that has everything that the texts speak of, and nothing else."""
    trees = [tree for text in texts if (tree := parse(text).campaign) is not None]
    named: dict[Sort, set[str]] = {}
    for name, sort in (
        one for tree in trees for node in ast.walk(tree) for one in named_things(node)
    ):
        named.setdefault(sort, set()).add(name.text)
    return Catalogue(
        emails={name: Email() for name in named["email"]},
        forms={name: Form() for name in named["form"]},
        segments=named["segment"],
        campaigns=named["campaign"],
        stages=named["stage"],
        owners=named["owner"],
    )


def measure_messages() -> list[Result]:
    """How well one fault is told."""
    told: list[tuple[Mutant, list[Diagnostic]]] = []
    texts = examples()
    catalogue = all_that_is_named(texts)
    texts = [text for text in texts if not has_errors(examine(text, catalogue).diagnostics)]
    for mutant in mutants(texts, random.Random(SEED)):
        unread = [d for d in parse(mutant.text).diagnostics if d.severity == "error"]
        if unread and not all(d.code in LAYOUT_AND_VALUES for d in unread):
            every = examine(mutant.text, catalogue).diagnostics
            told.append((mutant, [d for d in every if d.severity == "error"]))
        if len(told) == MUTANTS:
            break
    single = sum(len(found) == 1 for _, found in told)
    placed = sum(line(m.text, f[0].span.start) == line(m.text, m.at) for m, f in told)
    generic = sum(found[0].code == "E100" for _, found in told)
    fixable = sum(found[0].fix is not None for _, found in told)
    return [
        _share("one fault, exactly one report", single, at_least=85),
        _share("one fault, first report on its line", placed, at_least=97),
        _share("one fault, only a generic report", generic, at_most=25),
        _share("one fault, a fix offered", fixable),
    ]


def _share(
    name: str, count: int, *, at_least: float | None = None, at_most: float | None = None
) -> Result:
    value = round(100 * count / MUTANTS, 1)
    target = at_least if at_least is not None else at_most
    reached = None
    if target is not None:
        reached = value >= target if at_least is not None else value <= target
    return Result(name=name, value=value, unit="%", target=target, reached=reached)


def median_ms(
    work: Callable[[], object], runs: int, clock: Callable[[], float] = time.process_time
) -> float:
    """The median time of some work, in milliseconds; of the processor, as others use it too."""
    times = []
    for _ in range(runs):
        began = clock()
        work()
        times.append(clock() - began)
    return round(1000 * statistics.median(times), 2)


def measure_speed() -> list[Result]:
    """How fast a text of 30 lines is read and printed."""
    text = THIRTY_LINES
    parsed = parse(text)
    assert examine(text).ok
    assert text.count("\n") == 30
    faulty = text.replace("send email", "sned email", 1)
    catalogue = Catalogue(
        fields={f"field_{number}": "text" for number in range(100)},
        emails={f"Email {number}": Email() for number in range(500)},
        segments=[f"Segment {number}" for number in range(200)],
    )
    cold = "from headless.cli import main; import sys; main(sys.argv[1:])"
    example = "grammar/examples/nps.campaign"
    return [
        _time("parse 30 lines, warm", median_ms(lambda: parse(text), 300), 3),
        _time("check 30 lines, warm", median_ms(lambda: examine(text), 100), 10),
        _time(
            "check 30 lines of a workspace with 800 names, warm",
            median_ms(lambda: examine(text, catalogue), 50),
            None,
        ),
        _time("format 30 lines, warm", median_ms(lambda: format_parsed(parsed), 300), None),
        _time("report one fault in 30 lines, warm", median_ms(lambda: parse(faulty), 100), 100),
        _time(
            "headless check of one file, in a fresh process",
            median_ms(lambda: _run(cold, "check", "--standalone", example), 7, time.perf_counter),
            400,
        ),
    ]


THIRTY_LINES: Final = """\
campaign "Trial to customer"
start when did "trial started"
time zone contact
quiet hours 21:00 to 08:00
limit 3 emails per week
re-entry after 90d
goal "Bought" when did "order placed" where (total > 50)

send email Welcome between 09:00 and 17:00 on weekdays
when opened email Welcome within 3d do
  add points 10 in group Interest
  when clicked link "https://shop.example/*" in email Welcome within 2d then add tag keen;
or when visited page "/pricing*" within 3d do
  set stage to Interested
else
  send sms "Still there?"
end
split do
  50% "Short":
    send email "Three reasons"
  rest "Long":
    send email "Our story" with (offer = entry.plan)
end
wait until 3d before trial_ends at 09:00
if country in (FR, BE, CH) and points in group Interest >= 20 do
  set owner to one of (anna, ben)
  send slack "Please call {{ contact.name }}" to owner
else
  send email "Last days"
end
"""
"""A campaign of thirty lines, as they are written."""


def _run(code: str, *words: str) -> None:
    subprocess.run(
        [sys.executable, "-c", code, *words], check=True, cwd=ROOT, stdout=subprocess.DEVNULL
    )


def _time(name: str, value: float, target: float | None) -> Result:
    reached = None if target is None else value <= target
    return Result(name=name, value=value, unit="ms", target=target, reached=reached)


def run() -> list[Result]:
    """All of the language's figures."""
    return [*measure_messages(), *measure_speed()]


if __name__ == "__main__":
    show(run())
