"""What is noted down beside the tree while it is built: faults, answers and runs of steps.

`Notes` is what the rooms of the builder share. Imports the tree's steps and the diagnostics.
"""

from typing import NamedTuple

from headless.dsl import ast
from headless.dsl.diagnostics import Diagnostic, Span


class Answer(NamedTuple):
    """A word that answers an earlier one: `else` its `if`, `end` its `split`.

    `block` tells whether the one it answers stands in `do ... end`; what it answers ends at
    `before`.
    """

    word: str
    span: Span
    opener: str
    opener_span: Span
    block: bool
    before: int


class Notes:
    """What the grammar cannot see: faults go to `problems`, the rest is for the layout's check.

    `answers` has what each `else` or `end` answers, `runs` each run of steps, the outermost last.
    """

    def __init__(self) -> None:
        self.problems: list[Diagnostic] = []
        self.answers: list[Answer] = []
        self.runs: list[tuple[ast.Step, ...]] = []
