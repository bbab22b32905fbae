"""What an edition of the language promises: no word is reserved that could be a name before."""

import re

from pages import ROOT

from headless.dsl.ast import WEEKDAYS
from headless.dsl.compile import compile_campaign
from headless.dsl.diagnostics import has_errors
from headless.dsl.parser import parse
from headless.dsl.tables import spelled

README = (ROOT / "grammar" / "README.md").read_text("utf-8")
LISTED = (ROOT / "grammar" / "reserved.txt").read_text("utf-8").split()
EDITION = int(re.findall(r"^\| (\d+) \|", README, re.MULTILINE)[-1])


def reserved() -> list[str]:
    words = {word for phrase in spelled().values() for word in phrase.split() if word[0].isalpha()}
    words |= {*WEEKDAYS, "weekdays", "weekends"}
    return sorted(word for word in words if parse(f"add tag {word}").campaign is None)


def test_no_word_became_reserved_within_an_edition() -> None:
    new = set(reserved()) - set(LISTED)
    assert new == set(), f"make {new} soft, or keep them for the next edition"


def test_the_list_of_reserved_words_is_that_of_the_grammar() -> None:
    assert reserved() == LISTED


def test_the_edition_of_the_table_is_the_one_that_is_spoken() -> None:
    spoken, next_one = (f"language {n}\nsend email Welcome" for n in (EDITION, EDITION + 1))
    assert parse(spoken).diagnostics == ()
    assert has_errors(parse(next_one).diagnostics)


def test_a_plan_keeps_the_edition_of_a_text_that_does_not_say_it() -> None:
    campaign = parse("send email Welcome").campaign
    assert campaign is not None
    assert compile_campaign(campaign, "send email Welcome").language == EDITION
