"""docs/slack.md lists every verb as the table has it; what it says to type is understood."""

import importlib.util
import re
from typing import Any

import pytest
from pages import ROOT

from headless.slack.verbs.parse import Command, parse

_spec = importlib.util.spec_from_file_location("writer", ROOT / "docs" / "write_slack_page.py")
assert _spec is not None
assert _spec.loader is not None
writer: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(writer)

PAGE = (ROOT / "docs" / "slack.md").read_text("utf-8")
SAID = sorted(
    {
        *re.findall(r"^/campaign (.+)$", PAGE, re.MULTILINE),
        *re.findall(r"`/campaign ([^`]+)`", PAGE),
    }
)


def test_its_tables_are_those_of_the_code() -> None:
    assert writer.written(PAGE) == PAGE, "run `python docs/write_slack_page.py`"


@pytest.mark.parametrize("said", SAID)
def test_what_it_says_to_type_is_understood(said: str) -> None:
    assert isinstance(parse(said), Command)


def test_each_picture_is_there_and_shown() -> None:
    shown = set(re.findall(r'src="(slack/[\w-]+\.png)"', PAGE))
    there = {f"slack/{one.name}" for one in (ROOT / "docs" / "slack").glob("*.png")}
    assert shown == there
