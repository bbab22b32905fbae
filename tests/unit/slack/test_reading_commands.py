"""What people type in Slack, and what is understood of it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headless.slack.verbs import BY_NAME, GROUPS, OPENERS, VERBS, WORDS, Verb
from headless.slack.verbs.parse import Command, Mistake, parse, said, source_of

READ = [
    ("", Command("home")),
    ("   ", Command("home")),
    ("PAUSE Welcome", Command("pause", "Welcome")),
    ("pause spring sale", Command("pause", "spring sale")),
    ("pause spring sale reason “hot”", Command("pause", "spring sale", "", {"reason": "hot"})),
    ("pause “Spring sale” —reason dear", Command("pause", "Spring sale", "", {"reason": "dear"})),
    ("suspend Welcome", Command("pause", "Welcome")),
    ("pause\u00a0Welcome\u200b", Command("pause", "Welcome")),
    ("`pause Welcome`", Command("pause", "Welcome")),
    ("<@U0BOT> pause Welcome", Command("pause", "Welcome")),
    ("<@U0BOT|campaigns>: list", Command("list")),
    ("show email Welcome", Command("show email", "Welcome")),
    ("show emails", Command("show", "emails")),
    ("emails", Command("emails")),
    ("revert Welcome to Spring to 3", Command("revert", "Welcome to Spring", "", {"to": "3"})),
    ("diff Welcome v1 v2", Command("diff", "Welcome", "", {"from": "1", "to": "2"})),
    ("simulate Welcome 30 D", Command("simulate", "Welcome", "", {"length": "30d"})),
    (
        "preview Welcome for <mailto:ada@example.com|ada@example.com>",
        Command("preview", "Welcome", "", {"for": "ada@example.com"}),
    ),
    (
        "why <mailto:a@b.co|a@b.co> did not get Tips in Welcome back",
        Command(
            "why", None, "", {"contact": "a@b.co", "did not get": "Tips", "in": "Welcome back"}
        ),
    ),
    ("role <@U123|ann> editor", Command("role", None, "", {"person": "U123", "role": "editor"})),
    ("role @ann editor", Command("role", None, "", {"person": "@ann", "role": "editor"})),
    (
        "watch Welcome errors, milestones",
        Command("watch", "Welcome", "", {"filters": "errors milestones"}),
    ),
    ("hold all", Command("hold all")),
    ("hold off", Command("release")),
    ("count points &gt; 50", Command("count", None, "points > 50")),
    ("new", Command("new")),
    ("new Spring", Command("new", "Spring")),
    ("new “Spring sale”: send email X", Command("new", "Spring sale", "send email X")),
    ("new: send email X", Command("new", None, "send email X")),
    ("new when opened email X then exit", Command("new", None, "when opened email X then exit")),
    ("check Welcome", Command("check", "Welcome")),
    ("plan Welcome: send email X", Command("plan", "Welcome", "send email X")),
    ("start Welcome", Command("start", "Welcome")),
    ("rule send email X", Command("rule", None, "send email X")),
]  # fmt: skip

RULES = [
    ("when opened email X within 3d then add points 10",) * 2,
    ("When opened email X then exit",) * 2,
    ("start when did “x”\nsend email Y", 'start when did "x"\nsend email Y'),
    ("stop when did x",) * 2,
    ("```\nwhen opened email X then exit\n```", "when opened email X then exit"),
    ("if points &gt; 3 then exit", "if points > 3 then exit"),
    ("send email “Don’t miss”", 'send email "Don’t miss"'),
    ('when visited page "<https://x.com|https://x.com>" then exit',
     'when visited page "https://x.com" then exit'),
    ('campaign "A"\nsend email X',) * 2,
]  # fmt: skip

WRONG = [
    ("pause", "pause", "`pause` needs the name of a campaign"),
    ("revert Welcome", "revert", "`revert` needs the number of a version after `to`"),
    ("preview Welcome", "preview", "`preview` needs the address of a contact after `for`"),
    ("why", "why", "`why` needs the address of a contact"),
    ("whoami now", "whoami", "stands alone"),
    ("list foo", "list", "I do not understand `foo`"),
    ("new Spring:", "new", "needs the text after the colon"),
    ("count", "count", "needs a condition"),
    ("dance", None, "I do not know `dance`"),
]


@pytest.mark.parametrize(("typed", "meant"), READ)
def test_a_command_is_read(typed: str, meant: Command) -> None:
    read = parse(typed)
    assert isinstance(read, Command)
    assert (read.verb, read.name, read.rest, read.options) == (
        meant.verb,
        meant.name,
        meant.rest,
        meant.options,
    )


@pytest.mark.parametrize(("typed", "source"), RULES)
def test_what_begins_with_the_language_is_a_rule(typed: str, source: str) -> None:
    read = parse(typed)
    assert isinstance(read, Command)
    assert (read.verb, read.name, read.rest) == ("rule", None, source)


@pytest.mark.parametrize(("typed", "verb", "told"), WRONG)
def test_what_is_wrong_is_said_with_what_would_fit(typed: str, verb: str | None, told: str) -> None:
    read = parse(typed)
    assert isinstance(read, Mistake)
    assert (read.verb, told in read.said) == (verb, True)
    assert "/campaign" in read.help


def test_only_a_safe_verb_is_offered_to_press() -> None:
    safe, risky = parse("shwo Welcome"), parse("paus Welcome")
    assert isinstance(safe, Mistake)
    assert isinstance(risky, Mistake)
    assert [(one.typed, one.safe) for one in safe.suggestions] == [("show Welcome", True)]
    assert [(one.typed, one.safe) for one in risky.suggestions] == [("pause Welcome", False)]


def test_words_of_the_language_are_offered_too() -> None:
    read = parse("whne opened email X then exit")
    assert isinstance(read, Mistake)
    assert [one.typed for one in read.suggestions] == ["when opened email X then exit"]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_the_example_of_a_verb_says_that_verb(verb: Verb) -> None:
    read = parse(verb.example)
    assert isinstance(read, Command)
    assert read.verb == verb.name


@pytest.mark.parametrize("typed", [one for one, _ in READ] + [one for one, _ in RULES])
def test_a_command_can_be_said_again(typed: str) -> None:
    read = parse(typed)
    assert isinstance(read, Command)
    again = parse(said(read))
    assert isinstance(again, Command)
    assert (again.verb, again.name, again.rest, again.options) == (
        read.verb, read.name, read.rest, read.options
    )  # fmt: skip


@given(st.text(max_size=80))
def test_nothing_that_is_typed_breaks_it(typed: str) -> None:
    assert isinstance(parse(typed), Command | Mistake)
    source_of(typed)


def test_no_word_means_two_things() -> None:
    words = [word for verb in VERBS for word in (verb.name, *verb.aliases)]
    assert len(words) == len(set(words)) == len(WORDS)
    assert not OPENERS & set(words)
    assert sorted(name for group in GROUPS.values() for name in group) == sorted(BY_NAME)


@pytest.mark.parametrize("text", ["new " + "<http://a|" * 4_000, "check " + "<@U1" * 9_000])
def test_a_text_made_to_be_slow_is_not(text: str) -> None:
    began = time.process_time()
    parse(text)
    assert time.process_time() - began < 1


def test_letters_that_look_like_others_are_no_verb() -> None:
    assert isinstance(parse("li\u017ft"), Mistake)
