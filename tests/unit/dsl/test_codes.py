"""Every code is in the table and has its page; its example gives it, its correction does not."""

import re
from pathlib import Path

import pytest

from headless.dsl.codes import CODES, index, page, read
from headless.dsl.diagnostics import has_errors
from headless.dsl.reading_codes import Code

ROOT = Path(__file__).parents[3]
CODE = re.compile(r'"([EW]\d{3})"')


def test_the_table_holds_exactly_the_codes_that_are_given() -> None:
    given: set[str] = set()
    for module in (ROOT / "headless" / "dsl").rglob("*.py"):
        if not module.name.endswith("_codes.py"):
            given |= set(CODE.findall(module.read_text(encoding="utf-8")))
    told = [code.code for code in CODES]
    assert len(told) == len(set(told))
    assert set(told) == given


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.code)
def test_the_example_gives_the_code_and_the_correction_does_not(code: Code) -> None:
    found = {d.code: d for d in read(code.example, chat=code.chat).diagnostics}
    assert code.code in found
    assert set(found) == {code.code}
    severity = "error" if code.code.startswith("E") else "warning"
    assert found[code.code].severity == severity
    right = read(code.fixed, chat=code.chat).diagnostics
    assert not has_errors(right)
    assert code.code not in {d.code for d in right}


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.code)
def test_the_page_is_the_one_that_the_table_makes(code: Code) -> None:
    written = (ROOT / "docs" / "errors" / f"{code.code}.md").read_text(encoding="utf-8")
    assert written == page(code), "run `python docs/write_error_pages.py`"


def test_the_list_of_pages_is_whole() -> None:
    pages = {path.stem for path in (ROOT / "docs" / "errors").glob("*.md")} - {"README"}
    assert pages == {code.code for code in CODES}
    readme = (ROOT / "docs" / "errors" / "README.md").read_text(encoding="utf-8")
    assert readme == index(), "run `python docs/write_error_pages.py`"


def test_messages_keep_the_house_style() -> None:
    for code in CODES:
        for found in read(code.example, chat=code.chat).diagnostics:
            for told in (found.message, found.label, found.help):
                assert not told.endswith("."), told
                assert not told[:1].isupper() or told.startswith("I "), told
