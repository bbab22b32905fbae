"""What is wrong with what a simulation is given: a file's lines, or the campaign's text.

Faults of files are collected and raised together, each with its line, so that a file is mended in
one go. Imports only the language's diagnostics.
"""

from collections.abc import Sequence

import msgspec

from headless.dsl.diagnostics import Diagnostic


class Fault(msgspec.Struct, frozen=True, order=True):
    """What is wrong with one line of a file, and what would fit."""

    line: int
    message: str


class FaultyFileError(Exception):
    """A file of contacts or of activities that cannot be used; `what` says which of the two."""

    def __init__(self, what: str, faults: Sequence[Fault]) -> None:
        self.what = what
        self.faults = tuple(sorted(faults))
        super().__init__("\n".join(f"line {each.line}: {each.message}" for each in self.faults))


class FaultyTextError(Exception):
    """A campaign that cannot run, with the same diagnostics that `check` gives."""

    def __init__(self, text: str, diagnostics: Sequence[Diagnostic]) -> None:
        self.text = text
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(f"{each.code}: {each.message}" for each in self.diagnostics))


class UnfitError(Exception):
    """The simulation cannot be made as asked: an `until` before the start, no database, and such.

    `fix` says what to do.
    """

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
