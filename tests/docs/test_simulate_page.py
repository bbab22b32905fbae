"""docs/simulate.md, typed into a shell and run as Python."""

import asyncio
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pages import ROOT, examples, fits, run

from headless.simulation.outcome import OUTCOMES

PAGE = ROOT / "docs" / "simulate.md"


def test_each_command_answers_what_the_page_shows(empty_database_url: str, tmp_path: Path) -> None:
    shown = examples(PAGE)
    environ = os.environ | {
        "DATABASE_URL": empty_database_url,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    said = run(shown, tmp_path, environ)
    assert "5 contacts: 5 finished" in said[0]
    for one, answer in zip(shown, said, strict=True):
        assert one.answer is None or fits(answer, one.answer), answer


def test_the_python_on_the_page_runs(empty_database_url: str) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(asyncio.run, names["try_out"](empty_database_url)).result() == 5


def test_the_page_lists_every_outcome_and_no_other() -> None:
    rows = re.findall(
        r"^\| (`.*?`) \| ", PAGE.read_text().split("| outcome | means |")[1], re.MULTILINE
    )
    listed = [word for row in rows for word in re.findall(r"`([a-z]+)`", row)]
    assert sorted(listed) == sorted(OUTCOMES)
