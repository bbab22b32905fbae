"""The word that was probably meant: edit distance, and nothing else.

Pure; imports nothing of ours. A swap of two neighbouring letters counts as one edit.
"""

from collections.abc import Iterable


def distance(one: str, other: str) -> int:
    """How many letters must be added, left out, changed or swapped; capitals do not count."""
    a, b = one.casefold(), other.casefold()
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
    return row[-1]


def nearest(word: str, known: Iterable[str], *, most: int = 3) -> tuple[str, ...]:
    """At most `most` of the known words that are near to this one, the nearest first."""
    allowed = max(1, len(word) // 3)
    near = []
    for candidate in known:
        if abs(len(candidate) - len(word)) <= allowed:
            apart = distance(word, candidate)
            if apart <= allowed:
                near.append((apart, candidate.casefold(), candidate))
    return tuple(candidate for _, _, candidate in sorted(near)[:most])


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
