"""How a diagnostic looks: carets under the words, the contract for tools, sentences for a chat."""

import json

from corpus import INVALID

from headless.dsl.diagnostics import Edit, Fix, Related, Span, error
from headless.dsl.parser import parse
from headless.dsl.render import diagnostic, plain, position, report, terminal, to_json


def test_the_terminal_shows_the_place_and_the_fix() -> None:
    text = "send email A\nwait 3d\nsned email B\n"
    assert terminal(text, parse(text).diagnostics, name="b.campaign") == (
        "error[E120]: I do not know `sned` here\n"
        "  --> b.campaign:3:1\n"
        "  |\n"
        "3 | sned email B\n"
        "  | ^^^^ did you mean `send`?\n"
        "  = fix: send email B"
    )


def test_a_second_place_is_shown_in_the_order_of_the_text() -> None:
    text = "when opened email X within 3d do\n  add points 10\n"
    shown = terminal(text, parse(text).diagnostics).splitlines()
    assert shown[3] == "1 | when opened email X within 3d do"
    assert shown[4].endswith("-- this `do` waits for its `end`")
    assert shown[5] == "2 |   add points 10"
    assert shown[6] == "  |                ^ the campaign ends here"


def test_carets_stand_under_wide_and_tabbed_words() -> None:
    text = '\tsend email "日本" wiat 1d'
    lines = terminal(text, parse(text).diagnostics).splitlines()
    assert lines[3] == '1 |  send email "日本" wiat 1d'
    assert lines[4].index("^") == len('1 |  send email "日本" ') + 2


def test_a_long_line_is_shown_in_part() -> None:
    text = "wait 1d " * 60 + "wiat 1d " + "wait 1d " * 60
    shown = terminal(text, parse(text).diagnostics).splitlines()
    assert len(shown[3]) < 130
    assert shown[3][shown[4].index("^") :].startswith("wiat")


def test_colours_are_only_there_on_request() -> None:
    text = "sned email A"
    found = parse(text).diagnostics
    assert "\x1b[" not in terminal(text, found)
    assert "\x1b[1;31merror[E120]\x1b[0m" in terminal(text, found, colours=True)


def test_the_contract_for_tools() -> None:
    text = "wait 1d\nsned email A\n"
    (told,) = json.loads(to_json(text, parse(text).diagnostics))
    place = {
        "start": {"line": 2, "column": 1, "offset": 8},
        "end": {"line": 2, "column": 5, "offset": 12},
    }
    assert told == {
        "code": "E120",
        "severity": "error",
        "message": "I do not know `sned` here",
        "help": None,
        "fix": {
            "edits": [{"span": place, "text": "send"}],
            "safe": True,
            "text": "send email A",
        },
        "span": place,
        "related": [{"span": place, "message": "did you mean `send`?"}],
    }


def test_plain_sentences() -> None:
    text = "sned email A"
    assert plain(text, parse(text).diagnostics) == (
        "error E120 at column 1: I do not know `sned` here (did you mean `send`?)\n"
        "  fix: send email A"
    )


def test_places_at_the_very_end_and_in_an_empty_text() -> None:
    assert position("a\n", 2).line == 2
    assert position("", 0) == position("", 5)
    assert "nothing here yet" in terminal("", parse("").diagnostics)


def test_related_places_and_several_edits() -> None:
    text = "one\ntwo\nthree"
    fix = Fix((Edit(Span(0, 3), "1"), Edit(Span(8, 13), "3")))
    found = error("E999", "so", Span(4, 7), related=(Related(Span(8, 13), "there"),), fix=fix)
    shown = terminal(text, [found])
    assert shown.endswith("  = fix: 1\n         two\n         3")


def test_a_report_read_back_is_the_diagnostic() -> None:
    told = [(text, one) for text in INVALID for one in parse(text).diagnostics]
    assert len(told) > 50
    for text, one in told:
        assert diagnostic(report(text, one)) == one
