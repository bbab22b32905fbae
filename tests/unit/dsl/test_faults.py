"""Faulty texts: one report for each fault, at the right place, with what to do."""

import pytest
from corpus import INVALID, title

from headless.dsl.diagnostics import Diagnostic, apply
from headless.dsl.parser import parse

# For each text of cases/invalid.txt: the codes and the words at the carets.
EXPECTED = [
    [("E120", "opned")],
    [("E110", "3")],
    [("E111", "three days")],
    [("E119", "")],
    [("E116", "")],
    [("E120", "mail")],
    [("E001", '"Welcome')],
    [("E113", "points")],
    [("E103", "else if")],
    [("E101", "")],
    [("E102", "end")],
    [("E105", "else")],
    [("E114", "if")],
    [("E106", "limit")],
    [("E118", "points")],
    [("E002", "'A'")],
    [("E117", "hot lead")],
    [("E111", "")],
    [("E125", "")],
    [("E126", "")],
    [("E125", "")],
    [("E127", "next")],
    [("E108", "9")],
    [("E003", "@")],
    [("E120", "point"), ("E120", "than"), ("E109", "2 fortnights"), ("E120", "emial")],
    [("E127", "until")],
    [("E133", "b-1")],
    [("E133", "if-step")],
    [("E134", "not")],
    [("E131", "(or")],
    [("E112", "within")],
    [("E116", ""), ("E111", "")],
    [("E115", "until")],
    [("E100", "at")],
    [("E122", "2026-02-30")],
    [("E122", "24:00")],
    [("E107", "priority 2")],
    [("E115", "Empty"), ("E121", "")],
    [("E118", "points")],
    [("E129", "language 7")],
    [("E123", "500000000d")],
    [("E123", "99999999999")],
    [("E128", '""')],
    [("E105", "also")],
    [("E131", "email send")],
    [("E104", "; else")],
    [("E101", "")],
    [("E122", "2026-1-5")],
    [("E108", "9pm")],
    [("E124", "3rd-mail")],
    [("E106", "stop"), ("E106", "stop")],
    [("E130", "else")],
    [("E130", "send email B")],
    [("E130", "send email B")],
    [("E130", "or when")],
]


def found(text: str) -> list[Diagnostic]:
    return list(parse(text).diagnostics)


@pytest.mark.parametrize(
    ("text", "expected"), list(zip(INVALID, EXPECTED, strict=True)), ids=[title(t) for t in INVALID]
)
def test_an_invalid_text_gets_its_reports(text: str, expected: list[tuple[str, str]]) -> None:
    parsed = parse(text)
    assert parsed.campaign is None
    told = [(d.code, text[d.span.start : d.span.end]) for d in parsed.diagnostics]
    assert told == expected


def test_the_generic_report_is_rare() -> None:
    codes = [d.code for text in INVALID for d in found(text)]
    assert codes.count("E100") <= len(INVALID) / 10


@pytest.mark.parametrize("text", INVALID, ids=title)
def test_a_safe_fix_makes_its_fault_go_away(text: str) -> None:
    reports = found(text)
    for report in reports:
        if report.fix is not None and report.fix.safe:
            assert len(found(apply(text, report.fix))) < len(reports)


@pytest.mark.parametrize("text", INVALID, ids=title)
def test_messages_keep_the_house_style(text: str) -> None:
    for report in found(text):
        said = [report.message, report.label, report.help]
        said += [related.message for related in report.related]
        for sentence in said:
            assert not sentence.endswith("."), sentence
            first = sentence[:1]
            assert not first.isupper() or sentence.startswith("I "), sentence
            assert "_" not in sentence.replace(text, ""), sentence
            assert not any(w.isupper() and len(w) > 2 for w in sentence.split()), sentence


@pytest.mark.parametrize(
    ("typed", "fixed"),
    [
        ("sned email A", "send email A"),
        ("send mail A", "send email A"),
        ("when open email A then exit", "when opened email A then exit"),
        ("add point 5", "add points 5"),
        ("delay 3d", "wait 3d"),
        ("from list Leads exit", "from segment Leads exit"),
        ("goto intro", "jump to intro"),
        ("unless a is b then exit", "if not a is b then exit"),
        ("tiem zone contact exit", "time zone contact exit"),
        ("quiet huors 21:00 to 08:00 exit", "quiet hours 21:00 to 08:00 exit"),
        ("if country equals DE then exit", "if country is DE then exit"),
        ("every monday at 9 do exit end", "every monday at 09:00 do exit end"),
        ("wait 3 dayz", "wait 3 days"),
        ("add tag hot lead", 'add tag "hot lead"'),
        ("send email 'Welcome back'", 'send email "Welcome back"'),
    ],
)
def test_the_fix_is_what_was_meant(typed: str, fixed: str) -> None:
    (report,) = found(typed)
    assert report.fix is not None
    assert apply(typed, report.fix) == fixed
    assert report.fix.safe
    assert parse(fixed).campaign is not None


def test_a_setting_too_late_is_moved_to_the_top() -> None:
    text = "campaign X\nsend email A\nlimit 2 emails per week\nsend email B\n"
    (report,) = found(text)
    assert report.fix is not None
    assert report.fix.safe
    assert apply(text, report.fix) == (
        "campaign X\nlimit 2 emails per week\nsend email A\nsend email B\n"
    )


def test_faults_of_numbers_are_told_in_the_same_run() -> None:
    text = "sned email A\nwait 3d\nwait until 2026-02-30\nwait 1d\nadd pionts 5\n"
    assert [d.code for d in found(text)] == ["E120", "E122", "E120"]


def test_each_of_many_faults_is_told_once() -> None:
    lines = ["sned email A", "wait 3 dayz", "add tag hot lead", "jump intro", "wiat 1d"]
    text = "\n".join(lines)
    told = [(text.count("\n", 0, d.span.start), d.code) for d in found(text)]
    assert told == [(0, "E120"), (1, "E109"), (2, "E117"), (3, "E125"), (4, "E120")]


@pytest.mark.parametrize("day", ["0001-01-01", "0999-12-31", "9001-01-01", "9999-12-31"])
def test_a_day_that_no_calendar_reaches(day: str) -> None:
    text = f'active {day} to 9999-12-31\nstart when did "a"\nadd tag b'
    assert {d.code for d in found(text)} == {"E122"}
    assert found('active 1000-01-01 to 9000-12-31\nstart when did "a"\nadd tag b') == []
