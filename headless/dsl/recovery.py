"""Placeholder."""

from collections.abc import Sequence

from headless.dsl.build import Builder
from headless.dsl.diagnostics import Diagnostic, error
from headless.dsl.lalr import Machine, Token


def diagnose(tokens: Sequence[Token], text: str, start: str) -> list[Diagnostic]:
    """One report."""
    at = Machine(start, Builder()).feed(tokens)
    return [error("E100", f"I did not expect `{tokens[at].text}` here", tokens[at].span)]
