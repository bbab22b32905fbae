"""Write `docs/language/words.md`: where each word of the language is told of.

Run it after the grammar or a page of the reference has changed: `python docs/write_word_index.py`.
The words come from the grammar's table, the places from the pages: a word is told of where a
heading has it in backticks, else where a table does in its first cell, else where a paragraph does.
A word that no page tells of is an error, so that none can be forgotten.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from headless.dsl.ast import WEEKDAYS
from headless.dsl.expect import NEAR_WORDS
from headless.dsl.parser import parse
from headless.dsl.parser import words as tokens
from headless.dsl.tables import spelled

HERE: Final = Path(__file__).parent
PAGE: Final = HERE / "language" / "words.md"
ORDER: Final = (
    *("settings", "steps", "waiting", "when", "events", "conditions", "branches", "versions"),
    "text",
)
"""The pages of the reference; the first that tells of a word comes first."""
MOST: Final = 4
"""So many places are named for one word."""


class Place(NamedTuple):
    """A section of a page, and words in backticks in it; those of a lower rank count for more."""

    link: str
    title: str
    rank: int
    codes: tuple[str, ...]


def slug(heading: str) -> str:
    """A heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def places() -> list[Place]:
    """Every section that tells of words: what headings name, then what tables name, then prose."""
    found: list[Place] = []
    for name in ORDER:
        whole = (PAGE.parent / f"{name}.md").read_text("utf-8")
        whole = re.sub(r"^```.*?^```$", "", whole, flags=re.MULTILINE | re.DOTALL)
        for part in re.split(r"^(?=#)", whole, flags=re.MULTILINE)[1:]:
            title, _, body = part.partition("\n")
            heading = title.lstrip("# ")
            link = f"{name}.md#{slug(heading)}"
            cells = re.findall(r"^\|(.*?[^\\])\|", body, re.MULTILINE)
            for rank, text in enumerate((heading, " ".join(cells), body), start=1):
                codes = tuple(re.findall(r"`([^`]+)`", text))
                is_its_own = rank == 1 and any(code in spelled().values() for code in codes)
                found.append(Place(link, heading, 0 if is_its_own else rank, codes))
    return sorted(found, key=lambda place: place.rank)


@cache
def words() -> dict[str, bool]:
    """Each word of the language, and whether it may be a bare name."""
    written = {*spelled().values(), *WEEKDAYS, "weekdays", "weekends"}
    told = sorted(word for word in written if word[0].isalpha())
    return {word: parse(f"add tag {word}").campaign is not None for word in told}


def said(code: str) -> set[str]:
    """The words of the language in a piece of it, those that belong together as one."""
    return {
        token.text.lower() if token.type in ("WEEKDAY", "DAYS") else spelled().get(token.type, "")
        for token in tokens(code)
    }


def told_of(word: str, within: list[Place]) -> list[Place]:
    """The sections that tell of a word, each once; prose only where nothing else does."""
    found: dict[str, Place] = {}
    for place in within:
        if place.rank == 3 and found:
            break
        if any(word in said(code) for code in place.codes):
            found.setdefault(place.link, place)
    return list(found.values())[:MOST]


def page() -> str:
    """The page as it should be."""
    within = places()
    lines = [_HEAD]
    missing = []
    for word, may_be_a_name in words().items():
        found = told_of(word, within)
        if not found:
            missing.append(word)
        links = ", ".join(f"[{place.title}]({place.link})" for place in found)
        lines.append(f"| `{word}` | {'yes' if may_be_a_name else ''} | {links} |")
    if missing:
        raise SystemExit(f"no page of the reference tells of: {', '.join(missing)}")
    return "\n".join([*lines, "", _OTHERS, *_others(), ""])


def _others() -> Iterator[str]:
    meant: dict[str, list[str]] = {}
    for other, word in NEAR_WORDS.items():
        if other.isalpha() and other not in words():
            meant.setdefault(word, []).append(other)
    for word, others in sorted(meant.items()):
        yield f"| {', '.join(sorted(others))} | `{word}` |"


_HEAD: Final = """\
# Every word

Words that belong together stand as one. A word that may be a name can be the bare name of an email,
a segment, a tag; the others need quotes as names. Capitals do not matter.

| word | may be a name | told of in |
| --- | --- | --- |"""
_OTHERS: Final = """\
## Words that are none

There is one word for each thing. Where you type another, the message names the right one:

| you look for | it is |
| --- | --- |"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
