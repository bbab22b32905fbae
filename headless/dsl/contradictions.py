"""Conditions that can never hold, found by looking at the tests that `and` joins.

Only what is certain is told: numbers with no room between their bounds, a text that should be two
things at once, a thing and its opposite. Imports `ast`, `diagnostics`, `wording`.
"""

from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations
from typing import Final

import msgspec

from headless.dsl import ast
from headless.dsl.diagnostics import Diagnostic, error
from headless.dsl.wording import written

_ABOVE: Final = (">", ">=")


class _Range(msgspec.Struct):
    """The numbers that are left for one operand: from low to high, the ends in or not."""

    low: Decimal | None = None
    low_in: bool = True
    high: Decimal | None = None
    high_in: bool = True

    def above(self, number: Decimal, *, included: bool) -> None:
        if self.low is None or number > self.low or (number == self.low and not included):
            self.low, self.low_in = number, included

    def below(self, number: Decimal, *, included: bool) -> None:
        if self.high is None or number < self.high or (number == self.high and not included):
            self.high, self.high_in = number, included

    @property
    def empty(self) -> bool:
        if self.low is None or self.high is None:
            return False
        return self.low > self.high or (
            self.low == self.high and not (self.low_in and self.high_in)
        )


def check_contradictions(tree: ast.Node) -> Iterator[Diagnostic]:
    """The conditions in a tree that nothing can satisfy."""
    for node in ast.walk(tree):
        if isinstance(node, ast.And):
            reason = _impossible(_joined(node))
            if reason:
                yield error("E304", f"this can never be true: {reason}", node.span)


def _joined(both: ast.And) -> tuple[ast.Condition, ...]:
    parts: list[ast.Condition] = []
    for part in both.conditions:
        parts.extend(_joined(part) if isinstance(part, ast.And) else (part,))
    return tuple(parts)


def _impossible(tests: tuple[ast.Condition, ...]) -> str:
    return _no_number(tests) or _two_things(tests) or _opposites(tests)


def _no_number(tests: tuple[ast.Condition, ...]) -> str:
    ranges: dict[ast.Operand, _Range] = {}
    for test in tests:
        match test:
            case ast.Compare(operand=operand, operator=operator, value=value):
                number = _number(value)
                if number is not None:
                    _narrow(ranges.setdefault(operand, _Range()), operator, number)
            case ast.Between(operand=operand, low=low, high=high):
                least, most = _number(low), _number(high)
                if least is not None and most is not None:
                    left = ranges.setdefault(operand, _Range())
                    left.above(least, included=True)
                    left.below(most, included=True)
            case _:
                pass
    for operand, left in ranges.items():
        if left.empty:
            return f"no number `{written(operand)}` satisfies both"
    return ""


def _narrow(left: _Range, operator: ast.Operator, number: Decimal) -> None:
    if operator in _ABOVE:
        left.above(number, included=operator == ">=")
    elif operator in ("<", "<="):
        left.below(number, included=operator == "<=")
    elif operator == "is":
        left.above(number, included=True)
        left.below(number, included=True)


def _number(value: ast.Value) -> Decimal | None:
    match value:
        case ast.Number(value=number) | ast.Percent(value=number) | ast.Money(amount=number):
            return number
        case _:
            return None


def _two_things(tests: tuple[ast.Condition, ...]) -> str:
    allowed: dict[ast.Operand, frozenset[str]] = {}
    for test in tests:
        match test:
            case ast.Compare(operand=operand, operator="is", value=ast.Text(text=text)):
                values = frozenset({text.casefold()})
            case ast.IsIn(operand=operand, values=several):
                values = frozenset(v.text.casefold() for v in several if isinstance(v, ast.Text))
                if len(values) < len(several):
                    continue
            case _:
                continue
        allowed[operand] = allowed.get(operand, values) & values
        if not allowed[operand]:
            return f"`{written(operand)}` cannot be both"
    return ""


def _opposites(tests: tuple[ast.Condition, ...]) -> str:
    for one, other in combinations(tests, 2):
        if _negation(one) == other or _negation(other) == one:
            return "it asks for a thing and its opposite"
        match one, other:
            case (ast.IsEmpty(operand=empty), ast.Compare(operand=filled)) | (
                ast.Compare(operand=filled),
                ast.IsEmpty(operand=empty),
            ) if empty == filled:
                return f"`{written(empty)}` is empty, so no comparison with it holds"
            case _:
                pass
    return ""


def _negation(test: ast.Condition) -> ast.Condition | None:
    match test:
        case ast.Not(condition=condition):
            return condition
        case ast.IsEmpty(operand=operand):
            return ast.IsNotEmpty(operand=operand)
        case ast.Compare(operand=operand, operator="is", value=value):
            return ast.Compare(operand=operand, operator="is not", value=value)
        case _:
            return None
