"""What the pages show is true: campaigns check, Python runs, SQL fits the schema, links lead on."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pages import PAGES, REFERENCE, ROOT, with_answers
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

from headless.dsl.check import check_definition
from headless.dsl.diagnostics import has_errors
from headless.dsl.examine import examine
from headless.dsl.explain import explain
from headless.dsl.format import format_parsed
from headless.dsl.parser import parse, parse_condition
from headless.dsl.render import terminal

_REWRITTEN = "# rewritten"
_NAMED = re.compile(r"# ([EW]\d{3})\n")
_WHOLE = re.MULTILINE | re.DOTALL
_PATH = re.compile(r"`((?:headless|tests|docs|grammar|migrations|benchmarks)/[\w./]+)`")
WRITTEN_HERE = [page for page in PAGES if page.parent.name != "errors"]


def check(example: Example) -> None:
    """A campaign has no errors, and on our own pages it stands in the canonical form.

    On the pages of the language an example that gives a fault names it in its first line, and one
    that is accepted and printed otherwise says so there.
    """
    text = str(example.parsed)
    read = examine(text)
    told = terminal(text, read.diagnostics)
    if Path(example.path) in REFERENCE:
        named = _NAMED.match(text)
        codes = {found.code for found in read.diagnostics}
        assert codes == ({named[1]} if named else set()), told
        parsed = parse(text)
        if parsed.campaign is not None:
            assert explain(parsed.campaign)
            assert (format_parsed(parsed) == text) is not text.startswith(_REWRITTEN)
        return
    assert not has_errors(read.diagnostics), told
    if Path(example.path) in WRITTEN_HERE:
        assert format_parsed(parse(text)) == text


def check_condition(example: Example) -> None:
    """A segment's condition is read without a fault."""
    parsed = parse_condition(str(example.parsed))
    assert parsed.diagnostics == ()
    assert parsed.condition is not None
    assert check_definition(parsed.condition) == ()


SYBIL = Sybil(
    parsers=[
        CodeBlockParser("campaign", check),
        CodeBlockParser("condition", check_condition),
        PythonCodeBlockParser(),
    ]
)
EXAMPLES = [example for page in PAGES for example in SYBIL.parse(page)]


@pytest.mark.parametrize(
    "example", EXAMPLES, ids=lambda e: f"{Path(e.path).relative_to(ROOT)}:{e.line}"
)
def test_each_example_holds(example: Example) -> None:
    example.evaluate()


def test_the_pages_have_examples() -> None:
    pages = {Path(example.path).relative_to(ROOT).as_posix() for example in EXAMPLES}
    assert {"README.md", "docs/language.md"} <= pages


READINGS = [
    pytest.param(example, answer, id=f"{page.relative_to(ROOT)}:{line}")
    for page in REFERENCE
    for line, example, answer in with_answers(page, "campaign")
]


@pytest.mark.parametrize(("example", "answer"), READINGS)
def test_a_reading_that_a_page_shows_is_the_compilers(example: str, answer: str) -> None:
    campaign = examine(example).campaign
    assert campaign is not None
    assert answer.split() == explain(campaign).split()


def test_the_fault_on_the_first_page_is_told_as_shown(tmp_path: Path) -> None:
    (shown,) = re.findall(
        r"^\$ (echo [^\n]*)\n(.*?)^```$", (ROOT / "README.md").read_text(), _WHOLE
    )
    command = shown[0].replace(".venv/bin/headless", "headless")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        env=os.environ | {"PATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (1, shown[1].strip())


# ---------------------------------------------------------------- what is said of what is there


def _links(page: Path) -> Iterator[tuple[str, str]]:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" not in target:
            place, _, anchor = target.partition("#")
            yield place, anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_each_link_leads_somewhere(page: Path) -> None:
    for place, anchor in _links(page):
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{place} does not exist"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
            assert anchor in anchors, f"{target.name} has no heading #{anchor}"


TESTS = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize("page", WRITTEN_HERE, ids=lambda p: str(p.relative_to(ROOT)))
def test_what_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    for name in re.findall(r"`(test_\w+)`", text):
        assert f"def {name}(" in TESTS, f"there is no test {name}"
    for path in re.findall(
        r"`((?:headless|tests|docs|grammar|migrations|benchmarks)/[\w./]+)`", text
    ):
        assert (ROOT / path).exists(), f"there is no {path}"


def test_the_house_has_the_rooms_that_are_drawn() -> None:
    drawn = (ROOT / "docs/architecture.md").read_text().split("```")[1]
    rooms = {path.stem for path in (ROOT / "headless").iterdir() if path.suffix in ("", ".py")}
    assert rooms - {"__init__", "__pycache__"} <= set(re.findall(r"\w+", drawn))
