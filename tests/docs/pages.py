"""The pages of the documentation, and how their shell examples are run and held to their answers.

An example is a block of `sh`; the `json` or `text` block that follows it is its answer. Ids, times,
hashes and this machine's port are other ones each time and are made equal on both sides, blanks do
not count, and `…` stands for whatever was left out.
"""

import re
import subprocess
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "language.md", *sorted((ROOT / "docs" / "language").glob("*.md")))
"""The pages that tell of the language, the first of all of it."""
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "\x1e"
_OTHER_EACH_TIME = (
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?"), "TIME"),
    (re.compile(r"sha256:[0-9a-f]+"), "sha256:HASH"),
    (re.compile(r"\b(wsp|tok|eml|con|cmp|chn|msg|job|seg|inv)_[0-9a-z]{13}"), r"\1_ID"),
    (re.compile(r"http://localhost:\d+"), "URL"),
    (re.compile(r"\s+"), ""),
)


class Example(msgspec.Struct, frozen=True):
    """A shell example: its line in the page, what is typed, and the answer that the page shows."""

    line: int
    typed: str
    answer: str | None


def blocks(page: Path, language: str) -> list[tuple[int, str, tuple[str, str] | None]]:
    """The blocks of a page in one language: line, text, and the block that follows at once."""
    text = page.read_text()
    all_of_them = list(_BLOCK.finditer(text))
    found = []
    for block, after in zip_longest(all_of_them, all_of_them[1:]):
        if block[1] == language:
            near = after is not None and not text[block.end() : after.start()].strip()
            follows = (after[1], after[2]) if near else None
            found.append((text[: block.start()].count("\n") + 1, block[2], follows))
    return found


def with_answers(page: Path, language: str) -> list[tuple[int, str, str]]:
    """The blocks of a page in one language that a block of `text` follows, and that."""
    found = blocks(page, language)
    return [(line, said, after[1]) for line, said, after in found if after and after[0] == "text"]


def examples(page: Path) -> list[Example]:
    """The shell examples of a page, in order."""
    return [
        Example(line, said, after[1] if after and after[0] in ("json", "text") else None)
        for line, said, after in blocks(page, "sh")
    ]


def run(shown: list[Example], folder: Path, environ: Mapping[str, str]) -> list[str]:
    """What one bash says to all examples, one after the other; the first that fails ends it."""
    script = "set -euo pipefail\n" + "".join(f"{one.typed}\nprintf '{_MARK}'\n" for one in shown)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=dict(environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.split(_MARK)[:-1]


def comparable(text: str) -> str:
    """A text without what is other each time."""
    for what, instead in _OTHER_EACH_TIME:
        text = what.sub(instead, text)
    return text


def fits(answer: str, shown: str) -> bool:
    """Whether an answer is the one that a page shows."""
    parts = [re.escape(part) for part in comparable(shown).split("…")]
    return re.fullmatch(".*?".join(parts), comparable(answer), re.DOTALL) is not None


def spoiled(shown: str) -> str:
    """An answer with a character too many in the longest of its parts that are held to be so."""
    longest = max(shown.split("…"), key=len)
    middle = len(longest) // 2
    return shown.replace(longest, f"{longest[:middle]}§{longest[middle:]}", 1)
