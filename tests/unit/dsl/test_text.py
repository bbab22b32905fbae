"""What other programs make of a text, undone; and every message points at what was typed."""

import pytest

from headless.dsl import ast
from headless.dsl.parser import parse
from headless.dsl.text import clean

PLAIN = 'send email "Hi"'


@pytest.mark.parametrize(
    "typed",
    [
        "send email “Hi”",
        "send email „Hi“",
        "send email «Hi»",
        "send email «\u00a0Hi\u00a0»",
        'send email “Hi"',
        'send email "Hi”',
        "send\u00a0email\u2009\u201cHi\u201d",
        "\ufeffsend email “Hi”\u200b",
    ],
)
def test_quotes_and_blanks_are_made_plain(typed: str) -> None:
    assert clean(typed).text.strip() == PLAIN


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("points ≥ 5", "points >= 5"),
        ("points ≤ 5", "points <= 5"),
        ("points ≠ 5", "points != 5"),
        ("re–entry never", "re-entry never"),
        ("add points −5", "add points -5"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("Gro\u0308ße", "Größe"),
        ("# “kept” – as it is", "# “kept” – as it is"),
        ('note "kept – as ‘it’ is…"', 'note "kept – as ‘it’ is…"'),
        ('note "a “quotation” inside"', 'note "a “quotation” inside"'),
        ('note “a "quotation" inside”', 'note "a \\"quotation\\" inside"'),
        ("note “never closed\nexit", 'note "never closed\nexit'),
    ],
)
def test_only_what_the_language_reads_is_changed(typed: str, read: str) -> None:
    assert clean(typed).text == read


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("if points &gt;= 5 &amp; x", "if points >= 5 & x"),
        ('clicked link "<https://a.example/x>"', 'clicked link "https://a.example/x"'),
        ('link "<http://a.example|a.example>"', 'link "a.example"'),
        ('link "<https://a.example/x|the page>"', 'link "https://a.example/x"'),
        ('to "<mailto:a@b.example|a@b.example>"', 'to "a@b.example"'),
        ('to "<#C024BE7LR|sales>"', 'to "#sales"'),
        ('to "<#C024BE7LR>"', 'to "#C024BE7LR"'),
        ("```\nsend email A\n```", "send email A\n"),
        ("```text\nsend email A```", "send email A"),
        ("`send email A`", "send email A"),
    ],
)
def test_slack_markup_is_undone(typed: str, read: str) -> None:
    assert clean(typed, chat=True).text == read


@pytest.mark.parametrize(
    "typed",
    [
        "“a” ≥ “b” – …",
        "```\n<https://a.example|a.example> &gt; “x”\n```",
        "e\u0301\u00a0\u200bx",
        "",
    ],
)
def test_every_character_knows_where_it_was_typed(typed: str) -> None:
    cleaned = clean(typed, chat=True)
    if cleaned.offsets is None:
        assert cleaned.text == typed
        return
    assert len(cleaned.offsets) == len(cleaned.text) + 1
    assert list(cleaned.offsets) == sorted(cleaned.offsets)
    assert cleaned.offsets[-1] == len(typed)


def test_spans_point_at_the_original() -> None:
    typed = "send email “Größe”   wiat 3d"
    (report,) = parse(typed).diagnostics
    assert typed[report.span.start : report.span.end] == "wiat"
    chat = "```if points &gt; 5 then sned email A```"
    (report,) = parse(chat, chat=True).diagnostics
    assert chat[report.span.start : report.span.end] == "sned"


def test_a_quoted_name_keeps_its_dash() -> None:
    tree = parse("send email “Summer – sale”").campaign
    assert tree is not None
    assert tree.steps == (ast.SendMessage("email", ast.Name("Summer – sale")),)


def test_characters_that_turn_the_direction_are_refused() -> None:
    parsed = parse("send email \u202eevil")
    assert [d.code for d in parsed.diagnostics] == ["E004"]
    assert parsed.campaign is None


def test_mixed_alphabets_are_a_warning() -> None:
    parsed = parse("send email W\u0435lcome")
    assert [(d.code, d.severity) for d in parsed.diagnostics] == [("W420", "warning")]
    assert parsed.campaign is not None


def test_a_comment_in_a_line_of_chat_would_swallow_the_rest() -> None:
    (report,) = parse("send email A # then wait 3d", chat=True).diagnostics
    assert report.code == "E007"
    assert "note" in report.help
    assert parse("send email A # why\nwait 3d", chat=True).diagnostics == ()


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\ud800"])
def test_characters_that_cannot_be_stored_are_refused(character: str) -> None:
    parsed = parse(f'note "a{character}b"')
    assert [d.code for d in parsed.diagnostics] == ["E008"]
    assert parsed.campaign is None


def test_a_file_without_its_line_breaks_is_told_that_a_comment_takes_it_all() -> None:
    text = "# the welcome from segment Leads send email Welcome"
    (found,) = parse(text).diagnostics
    assert (found.code, found.span.start, found.span.end) == ("E007", 0, len(text))
    assert "note" in found.help
    assert [d.code for d in parse("# the welcome\nsend email Welcome").diagnostics] == []
    assert [d.code for d in parse("send email Welcome # send it").diagnostics] == []


def test_the_number_of_steps_is_bounded() -> None:
    assert parse("send email A\n" * 2_000).campaign is not None
    (found,) = parse("send email A\n" * 2_001).diagnostics
    assert found.code == "E009"
    assert found.span.start == len("send email A\n") * 2_000
