"""Dice: where chance comes from, hypothesis (which shrinks) or a seed (which is fair)."""

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Dice:
    """Throws of any number of sides; the first side is the plainest."""

    def __init__(self, throw: Callable[[int], int]) -> None:
        self._throw = throw

    @classmethod
    def drawn(cls, draw: st.DrawFn) -> "Dice":
        """By hypothesis: counterexamples shrink, but its stories resemble each other."""
        return cls(lambda sides: draw(st.integers(0, sides - 1)))

    @classmethod
    def seeded(cls, seed: int) -> "Dice":
        """By a seed: each story is a new one."""
        return cls(Random(seed).randrange)

    def one_of(self, options: Sequence[T]) -> T:
        return options[self._throw(len(options))]

    def number(self, least: int, most: int) -> int:
        return least + self._throw(most - least + 1)

    def maybe(self, one_in: int = 2) -> bool:
        """Once in so many throws."""
        return self._throw(one_in) == one_in - 1
