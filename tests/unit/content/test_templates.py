"""Templates: what they say, what they may use, and that nothing they try costs much."""

import time
from datetime import UTC, datetime

import pytest

from headless.content.templates import (
    CPU_LIMIT,
    TemplateError,
    analyze,
    compile_template,
)

VALUES = {
    "contact": {"first_name": "<Ada>", "points": 5},
    "entry": {"items": [{"name": "Lamp"}, {"name": "Sofa"}]},
    "now": datetime(2031, 5, 1, tzinfo=UTC),
}


def render(source: str, *, html: bool = False) -> str:
    return compile_template(source, html=html).render(VALUES)


def test_values_are_escaped_in_html_only() -> None:
    assert render("{{ contact.first_name }}", html=True) == "&lt;Ada&gt;"
    assert render("{{ contact.first_name }}") == "<Ada>"


def test_what_is_absent_is_empty_or_its_default() -> None:
    assert render('Hi {{ contact.nick | default: "there" }}{{ nobody.at.all }}') == "Hi there"


def test_loops_see_what_started_the_run() -> None:
    assert render("{% for i in entry.items %}{{ i.name }} {% endfor %}") == "Lamp Sofa "


def test_now_is_the_time_it_is_given() -> None:
    assert render("{{ 'now' | date: '%Y' }} {{ now | date: '%m' }}") == "2031 05"


def test_variables_have_their_places() -> None:
    source = "{% assign a = contact.x %}{{ a }}{% for i in entry.items %}{{ i }}{% endfor %}"
    found = analyze(source)
    assert [variable.path for variable in found] == ["contact.x", "entry.items"]
    assert [source[variable.start : variable.end] for variable in found] == [
        "contact.x",
        "entry.items",
    ]
    assert found[0].root == "contact"


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("ok\n{{ contact.first_name", 2, 1),
        ("{% if contact.x %}", 1, 1),
        ("{{ contact.x | nosuch }}", 1, 16),
        ("{% include 'other' %}", 1, 4),
        ("{% render 'other' %}", 1, 4),
    ],
)
def test_faults_are_found_before_anything_is_sent(source: str, line: int, column: int) -> None:
    with pytest.raises(TemplateError) as caught:
        analyze(source)
    assert (caught.value.fault.line, caught.value.fault.column) == (line, column)


BOMBS = {
    "one long loop": "{% for i in (1..99999999) %}x{% endfor %}",
    "loops in loops": "{% for i in (1..999) %}{% for j in (1..999) %}x{% endfor %}{% endfor %}",
    "loop after loop": "{% for i in (1..9999) %}{% endfor %}" * 100,
    "a table": "{% tablerow i in (1..99999999) %}x{% endtablerow %}",
    "doubling": "{% assign a = 'aaaaaaaaaa' %}" + "{% assign a = a | append: a %}" * 60,
    "multiplying": "{% assign a = 'aaaaaaaaaa' %}"
    + "{% assign a = a | append: a %}" * 14
    + "{{ a | replace: 'a', a | replace: 'a', a }}",
    "growing in a chain": "{{ 'a' " + "| base64_encode " * 200 + "}}",
    "a large number": "{% assign a = 9 %}" + "{% assign a = a | times: a %}" * 60 + "{{ a }}",
    "a joined range": "{{ (1..999999999) | join: 'x' }}",
    "a sorted range": "{{ (1..999999999) | sort | first }}",
    "work in a loop": "{% for i in (1..9999) %}"
    + "{% if true %}{% endif %}" * 5000
    + "{% endfor %}",
    "sorting in a loop": "{% assign a = '" + "a," * 50_000 + "' | split: ',' %}"
    "{% for i in (1..9999) %}{{ a | sort | reverse | uniq | size }}{% endfor %}",
    "nested blocks": "{% if true %}" * 5000 + "{% endif %}" * 5000,
    "nested brackets": "{{ a" + "[a" * 3000 + "]" * 3000 + " }}",
    "a wide date": "{{ 'now' | date: '%999999999d' }}",
    "much output": "{% capture a %}" + "x" * 100_000 + "{% endcapture %}" + "{{ a }}" * 60,
    "capture in a loop": "{% assign a = 'x' %}{% for i in (1..9999) %}"
    "{% capture a %}{{ a }}{{ a }}{% endcapture %}{% endfor %}",
    "infinity": "{{ 'inf' | ceil }}",
    "too long": "x" * 600_000 + "{{ a }}",
}


@pytest.mark.parametrize("source", BOMBS.values(), ids=BOMBS.keys())
def test_bombs_are_refused_soon(source: str) -> None:
    began = time.thread_time()
    with pytest.raises(TemplateError):
        render(source, html=True)
    assert time.thread_time() - began < 10 * CPU_LIMIT, "a bomb would take minutes"


@pytest.mark.parametrize("between", ["", "{{ contact.points }}", "{% assign a = 1 %}"])
def test_loops_share_one_bound(between: str) -> None:
    loop = "{% for i in (1..6000) %}{% endfor %}"
    assert len(render(loop)) == 0
    with pytest.raises(TemplateError, match="rounds of loops"):
        render(f"{loop}{between}{loop}")


@pytest.mark.parametrize("html", [True, False])
@pytest.mark.parametrize(
    "source",
    [
        "{{ contact.first_name }}|{{ contact.nick | default: 'a<b' }}|{{ contact.points }}",
        "{{ contact.yes }}{{ contact.no }}{{ contact.no | default: 'none' }}",
        "{{ contact.none }}{{ contact.none | default: 'n' }}{{ contact.void | default: 'e' }}",
        "{{ contact.list }}{{ contact.list.first }}{{ contact.list.size }}",
        "{{ contact.first_name.x }}{{ contact.first_name.size }}",
        "{{ contact.zero | default: 'z' }}{{ contact.deep.er }}{{ contact.deep.er.still }}",
    ],
)
def test_plain_values_read_the_same_either_way(source: str, html: bool) -> None:
    contact = {
        "first_name": "<Ada>", "points": 5, "yes": True, "no": False, "none": None, "void": "",
        "list": ["a", "<b>"], "zero": 0, "deep": {"er": 1.5},
    }  # fmt: skip
    names = {"contact": contact, "now": VALUES["now"]}
    quickly = compile_template(source, html=html).render(names)
    # A name given by the template makes all of it go python-liquid's way.
    assert compile_template("{% assign x = 1 %}" + source, html=html).render(names) == quickly
