"""Blocks never go beyond Slack's limits, and nothing from outside gets out of its place."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_payloads import faults_of_blocks, faults_of_message, faults_of_view

from headless.slack.kit import blocks
from headless.slack.kit.blocks import Option

ANY = st.text(max_size=200).map(lambda text: text * 40)


@given(ANY)
def test_any_text_makes_blocks_that_slack_takes(text: str) -> None:
    escaped = blocks.escape(text)
    press = blocks.button(text or "x", "a", "v")
    made = blocks.fit(
        [
            blocks.header(text),
            blocks.section(escaped, fields=[escaped] * 12, accessory=press),
            blocks.context(*[escaped] * 12),
            blocks.code(text),
            *blocks.codes(text),
            blocks.actions(*[blocks.button(f"{text} {n}", f"b{n}", "v") for n in range(30)]),
        ]
    )
    assert faults_of_message({"text": "x", "blocks": list(made)}) == []


@given(st.lists(st.text(min_size=1, max_size=900), max_size=80))
def test_a_message_of_any_length_fits_and_keeps_its_buttons(texts: list[str]) -> None:
    rows = [blocks.section(blocks.escape(text)) for text in texts]
    made = blocks.fit([*rows, blocks.actions(blocks.button("Go", "go"))])
    assert faults_of_blocks(list(made), most=50) == []
    assert made[-1]["type"] == "actions"
    assert blocks.weight(made) <= blocks.MOST_ALL


def test_a_view_fits() -> None:
    field = blocks.field("Name", blocks.text_input("name", live=True), block_id="name", hint="h")
    rows = [blocks.section(f"row {n}") for n in range(150)]
    view = blocks.modal("A title that is much too long", [field, *rows], callback="c", submit="Go")
    assert faults_of_view(view) == []
    assert faults_of_view(blocks.home(rows)) == []


def test_menus_keep_to_their_limits() -> None:
    many = [Option(f"name {n}", str(n)) for n in range(130)]
    long = [Option("x" * 90, str(n), "about " * 30) for n in range(12)]
    made: list[dict[str, Any]] = [
        blocks.actions(blocks.select("s", "Choose", many, chosen="3")),
        blocks.actions(blocks.radio("r", long, chosen="2")),
    ]
    assert len(made[0]["elements"][0]["options"]) == 100
    assert faults_of_blocks(made, most=50) == []


def test_nobody_is_called_by_a_name() -> None:
    assert blocks.escape("<!channel> & <@U1>") == "&lt;!channel&gt; &amp; &lt;@U1&gt;"
    assert blocks.quoted("a`b\n<!here>") == "`aˋb &lt;!here&gt;`"
    fenced = blocks.code("x ``` <!channel> `")["text"]["text"]
    assert fenced == "```x ˋˋˋ &lt;!channel&gt; `\n```"


def test_half_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 2000"):
        blocks.button("x", "a", "v" * 2001)


def test_an_entity_is_not_cut() -> None:
    assert blocks.cut("abc&amp;", 6) == "abc…"
    assert blocks.cut("abc&amp;def", 9) == "abc&amp;…"
