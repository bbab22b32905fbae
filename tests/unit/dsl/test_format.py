"""The canonical print: it says the same, it is stable, and it loses no comment."""

import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
from corpus import CAMPAIGNS, EVERY_TEXT, title
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.lark import from_lark
from lark import Lark
from walks import SAMPLES, random_campaign

from headless.dsl import ast, grammar
from headless.dsl.build import Builder
from headless.dsl.format import WIDTH, canonical, format_parsed, identity
from headless.dsl.lalr import Machine, tokenize
from headless.dsl.parser import Parsed, parse
from headless.dsl.tables import table
from headless.dsl.text import clean


def shallow_grammar() -> str:
    """The grammar without blanks and comments, and with short bodies: so that texts stay short."""
    text = re.sub(r"(?m)^%ignore.*$", "", grammar.GRAMMAR_FILE.read_text("utf-8"))
    for rule, body in (("body", "BODY"), ("body_c", "CLOSED_BODY")):
        text, changed = re.subn(rf"(?m)^{rule}:.*$", f"{rule}: {body}", text)
        assert changed == 1
    return text + "\n%declare BODY CLOSED_BODY\n"


CLOSED = (" exit ", " exit; ", " wait 1d exit ", " if a is b then exit else wait 1d ")
OPEN = (" when opened email A then exit ", " exit if a is b then exit or if a is c then wait 1d ")


def generated(grammar_text: str, *starts: str) -> Iterator[Any]:
    """Texts that each of these rules of the grammar allows."""
    words = {terminal: (f" {word} ",) for word, terminal in table().words.items()}
    words |= {terminal: (f" {phrase} ",) for terminal, phrase in table().phrases.items()}
    words |= {name: tuple(f" {one} " for one in some) for name, some in SAMPLES.items()}
    words |= {"BODY": CLOSED + OPEN, "CLOSED_BODY": CLOSED}
    # Only its rules are asked for, and these parsers are made ready in no time.
    read: Any = Lark(grammar_text, parser="earley", lexer="dynamic", start=grammar.STARTS)
    letters = st.characters(max_codepoint=0x17F)  # all there are take seconds to make ready
    for start in starts:
        terminals, rules, ignored = read.grammar.compile([start], ())
        used = {symbol.name for rule in rules for symbol in rule.expansion} | set(ignored)
        used |= {terminal.name for terminal in terminals}
        explicit = {name: st.sampled_from(some) for name, some in words.items() if name in used}
        yield from_lark(read, start=start, explicit=explicit, alphabet=letters)


def tree_of(text: str) -> ast.Campaign:
    """The tree of a text that the grammar allows, whatever else may be wrong with it."""
    tokens, _ = tokenize(clean(text), text)
    machine = Machine("start", Builder())
    assert machine.feed(tokens) == len(tokens), text
    tree = machine.value
    assert isinstance(tree, ast.Campaign)
    return tree


def says_the_same(text: str) -> None:
    tree = tree_of(text)
    printed = canonical(tree)
    assert tree_of(printed) == tree
    assert canonical(tree_of(printed)) == printed
    problems = {d.code for d in parse(printed).diagnostics}
    assert "E130" not in problems, printed


LOOKING_AHEAD = ("FROM_URL", "ONE_OF", "UNSUBSCRIBED_FROM")
"""Words that are known by what follows them: no remark can stand in between."""


def commented(text: str, chance: random.Random) -> Parsed:
    """The text with remarks behind some of its words, read whatever else may be wrong with it."""
    tokens, _ = tokenize(clean(text), text)
    places = [t.end for t in tokens[:-1] if t.type not in LOOKING_AHEAD]
    for at in sorted(chance.sample(places, min(len(places), chance.randrange(4))), reverse=True):
        text = f"{text[:at]}  # remark {at}\n{text[at:]}"
    _, comments = tokenize(clean(text), text)
    return Parsed(text, tree_of(text), (), tuple(comments))


def keeps_everything(text: str, chance: random.Random) -> None:
    """The print says the same, is stable, and has the comments."""
    says_the_same(text)
    read = commented(text, chance)
    assert read.campaign == tree_of(text)
    printed = format_parsed(read)
    assert printed is not None
    again = Parsed(printed, tree_of(printed), (), tuple(tokenize(clean(printed), printed)[1]))
    assert again.campaign == read.campaign
    assert format_parsed(again) == printed
    assert sorted(c.text for c in again.comments) == sorted(c.text for c in read.comments)


def campaigns() -> Any:
    """Campaigns by the grammar: whole ones, a block or a question alone, a few steps."""
    whole, closed, simple = generated(shallow_grammar(), "start", "_closed", "_simple")
    steps = st.lists(simple, min_size=2, max_size=3).map("".join)
    return st.one_of(whole, closed, steps, steps)


def test_a_thousand_generated_campaigns_keep_everything_when_printed() -> None:
    tried: set[str] = set()

    @settings(
        max_examples=1100,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink one takes minutes
    )
    @given(campaigns(), st.randoms(use_true_random=False))
    def each(text: str, chance: random.Random) -> None:
        tried.add(text)
        keeps_everything(text, chance)

    each()
    assert len(tried) >= 1000


def test_a_thousand_random_walks_say_the_same_when_printed() -> None:
    chance = random.Random(11)
    said = 0
    while said < 1000:
        text = random_campaign(chance)
        if text is not None:
            keeps_everything(text, chance)
            said += 1


@pytest.mark.slow
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.deferred(lambda: next(generated(grammar.GRAMMAR_FILE.read_text("utf-8"), "start"))))
def test_a_thousand_deep_campaigns_say_the_same_when_printed(text: str) -> None:
    says_the_same(text)


@pytest.mark.parametrize("text", EVERY_TEXT, ids=title)
def test_format_keeps_the_tree_and_is_stable(text: str) -> None:
    parsed = parse(text)
    formatted = format_parsed(parsed)
    assert formatted is not None
    again = parse(formatted)
    assert again.campaign == parsed.campaign
    assert format_parsed(again) == formatted
    assert sorted(c.text for c in again.comments) == sorted(c.text for c in parsed.comments)


@pytest.mark.parametrize("text", CAMPAIGNS.values(), ids=CAMPAIGNS)
def test_the_examples_are_formatted(text: str) -> None:
    assert format_parsed(parse(text)) == text


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(list(CAMPAIGNS.values())),
    st.lists(st.tuples(st.integers(0, 60), st.booleans()), min_size=1, max_size=8),
)
def test_comments_are_kept_wherever_they_stand(text: str, places: list[tuple[int, bool]]) -> None:
    lines = text.split("\n")
    for number, (line, own) in enumerate(places):
        at = line % len(lines)
        if own:
            lines.insert(at, f"# comment {number}")
        elif "#" not in lines[at]:
            lines[at] += f" # comment {number}"
    parsed = parse("\n".join(lines))
    formatted = format_parsed(parsed)
    assert formatted is not None
    again = parse(formatted)
    assert again.campaign == parsed.campaign
    assert sorted(c.text for c in again.comments) == sorted(c.text for c in parsed.comments)
    assert format_parsed(again) == formatted


def formatted(text: str) -> str | None:
    return format_parsed(parse(text))


def test_a_short_question_stands_on_one_line_and_a_long_one_in_a_block() -> None:
    short = "when opened email X within 3d do add points 10 end"
    assert formatted(short) == "when opened email X within 3d then add points 10\n"
    long = f"when opened email {'X' * WIDTH} then add points 10"
    assert formatted(long) == f"when opened email {'X' * WIDTH} do\n  add points 10\nend\n"


def test_other_spellings_become_one() -> None:
    typed = 'WHEN Opened EMAIL "X" within 3 days THEN Add Points 10 if country = DE then exit'
    assert formatted(typed) == (
        "when opened email X within 3d then add points 10\nif country is DE then exit\n"
    )


def test_names_are_quoted_only_where_they_must_be() -> None:
    typed = 'add tag "hot" add tag "wait" add tag "hot lead" add tag "points" add tag "monday"'
    assert formatted(typed) == (
        'add tag hot\nadd tag "wait"\nadd tag "hot lead"\nadd tag points\nadd tag "monday"\n'
    )


def test_a_value_keeps_its_quotes_but_not_in_the_identity() -> None:
    quoted, bare = 'if city is "plan" then exit', "if city is plan then exit"
    assert formatted(quoted) == quoted + "\n"
    assert formatted(bare) == bare + "\n"
    one, other = parse(quoted).campaign, parse(bare).campaign
    assert one is not None
    assert other is not None
    assert identity(one) == identity(other)


def test_paragraphs_and_comments_stay_where_they_were() -> None:
    text = """\
# why
campaign X
# who
from segment Leads  # the warm ones

send email A  # first

# later
wait 3d
if a is b do
  # inside
  exit
  # at the end
end
# done
"""
    assert formatted(text) == text


def test_a_faulty_text_has_no_print() -> None:
    assert formatted("sned email A") is None


def test_the_identity_does_not_see_the_layout() -> None:
    one = parse("# a\npriority 1 from segment A exit").campaign
    other = parse("from segment A\npriority 1\n\nexit # b").campaign
    changed = parse("from segment A\npriority 2\n\nexit").campaign
    assert one is not None
    assert other is not None
    assert changed is not None
    assert identity(one) == identity(other)
    assert identity(one) != identity(changed)
    assert identity(one).startswith("sha256:")
