"""The word that was probably meant: edit distance, and nothing else.

Pure; imports nothing of ours. A swap of two neighbouring letters counts as one edit.
"""

from collections.abc import Iterable
from typing import Final

MOST_APART: Final = 5
"""More wrong letters than these are no slip of the finger."""


def distance(one: str, other: str, most: int) -> int:
    """How many letters must be added, left out, changed or swapped; capitals do not count.

    Anything above `most` says only that it is more than that.
    """
    return _apart(one.casefold(), other.casefold(), most)


def nearest(word: str, known: Iterable[str], *, most: int = 3) -> tuple[str, ...]:
    """At most `most` of the known words that are near to this one, the nearest first."""
    allowed = min(MOST_APART, max(1, len(word) // 3))
    typed = word.casefold()
    letters = set(typed)
    near = []
    for candidate in known:
        if abs(len(candidate) - len(word)) > allowed:
            continue
        folded = candidate.casefold()
        # One edit mends one letter, so whoever lacks more of them than that is too far away.
        others = set(folded)
        if len(letters - others) > allowed or len(others - letters) > allowed:
            continue
        apart = _apart(typed, folded, allowed)
        if apart <= allowed:
            near.append((apart, folded, candidate))
    return tuple(candidate for _, _, candidate in sorted(near)[:most])


def _apart(a: str, b: str, allowed: int) -> int:
    """The distance of two words; anything above `allowed` when it is more than that."""
    if abs(len(a) - len(b)) > allowed:
        return allowed + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, before = before, row
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, above[j - 2] + 1)
            row.append(cost)
        if min(row) > allowed and min(before) > allowed:
            return allowed + 1
    return row[-1]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean ...?` with the nearest words, or an empty text when none is near."""
    near = nearest(word, known)
    if not near:
        return ""
    return f"did you mean {_listed(near)}?"


def some_of(known: Iterable[str], *, most: int = 5) -> str:
    """The first few of the known words in backticks, and how many more there are."""
    words = sorted(known, key=str.casefold)
    shown = ", ".join(f"`{word}`" for word in words[:most])
    return shown if len(words) <= most else f"{shown} and {len(words) - most} more"


def _listed(words: tuple[str, ...]) -> str:
    told = [f"`{word}`" for word in words]
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} or {told[-1]}"
