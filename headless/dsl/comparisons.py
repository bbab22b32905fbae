"""The types of what is compared: a number with a number, a date with a date, euros with euros.

`type_of` says what is known of an operand; the tests in conditions and the values that fields are
set to are held against it. A type that nobody knows fits everything. Imports `ast`, `catalogue`,
`diagnostics`, `fields`, `names`, `wording`.
"""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Final, Literal

from headless.dsl import ast
from headless.dsl.catalogue import Catalogue
from headless.dsl.diagnostics import Diagnostic, Span, error, replacing, warning
from headless.dsl.fields import Known, form_fields, in_context, type_in
from headless.dsl.wording import in_quotes, written

Type = Literal["text", "number", "boolean", "date", "datetime", "time", "weekday", "duration"]
_DATES: Final = frozenset({"date", "datetime"})
_MOMENTS: Final = frozenset({"date", "datetime", "time", "weekday"})
_SAID: Final[dict[Type, str]] = {
    "text": "a text",
    "number": "a number",
    "boolean": "yes or no",
    "date": "a date",
    "datetime": "a date",
    "time": "a time of day",
    "weekday": "a day of the week",
    "duration": "a length of time",
}


def check_types(node: ast.Node, known: Known, catalogue: Catalogue) -> Iterator[Diagnostic]:
    """What cannot be compared or set in a campaign or a condition."""
    for below, here in in_context(node, known, catalogue):
        test = _TESTS.get(type(below))
        if test is not None:
            kind = type_of(getattr(below, "operand", None), here, catalogue)
            yield from test(below, kind, here)


def type_of(operand: ast.Operand | None, known: Known, catalogue: Catalogue) -> Type | None:
    """The type of what is compared; None when nobody knows it."""
    match operand:
        case None:
            return None
        case ast.Answer(form=form, field=name):
            return type_in(form_fields(form, catalogue), name)
        case ast.Points():
            return "number"
        case ast.Stage() | ast.Owner() | ast.Device():
            return "text"
        case ast.Anniversary():
            return "date"
        case _:
            return value_type(operand, known)


def value_type(value: ast.Operand | ast.Value, known: Known) -> Type | None:
    """The type of a value; None for a field that nobody knows the type of."""
    match value:
        case ast.Field():
            return known.type_of(value)
        case ast.Text():
            return "text"
        case ast.Number() | ast.Percent() | ast.Money():
            return "number"
        case ast.YesNo():
            return "boolean"
        case ast.Date() | ast.Today():
            return "date"
        case ast.TimeOfDay():
            return "time"
        case ast.Days():
            return "weekday"
        case ast.Duration():
            return "duration"
        case _:
            return "datetime"


def _fits(operand: Type | None, value: Type | None) -> bool:
    if operand is None or value is None or operand == value:
        return True
    return operand in _DATES and value in _MOMENTS


def _same(
    operand: ast.Operand, kind: Type | None, value: ast.Value, known: Known
) -> Iterator[Diagnostic]:
    told = value_type(value, known)
    if _fits(kind, told) or kind is None or told is None:
        return
    fix = None
    if kind == "text" and isinstance(value, ast.Number | ast.Percent):
        fix = replacing(value.span, in_quotes(written(value)), safe=True)
    yield error(
        "E220",
        f"`{written(operand)}` is {_SAID[kind]}; {written(value)} is {_SAID[told]}",
        value.span,
        help=_instead(kind),
        fix=fix,
    )


def _instead(kind: Type) -> str:
    return {
        "text": "put it in double quotes to compare it as a text",
        "number": "compare it with a number, such as 10",
        "boolean": "compare it with `yes` or `no`",
        "date": "compare it with a date such as 2026-12-24, or `30d ago`",
        "datetime": "compare it with a date such as 2026-12-24, or `30d ago`",
    }.get(kind, f"compare it with {_SAID[kind]}")


def _compare(test: ast.Compare, kind: Type | None, known: Known) -> Iterator[Diagnostic]:
    operator = test.operator
    told = written(test.operand)
    if operator in ("contains", "starts with", "ends with"):
        if kind not in (None, "text"):
            yield _no_such_test(test.operand, kind, operator, test.span)
        return
    if operator not in ("is", "is not") and kind in ("text", "boolean"):
        if kind == "text" and value_type(test.value, known) == "number":
            yield error(
                "E220",
                f"`{told}` is a text and cannot be compared with a number",
                test.span,
                help="make the field a number, or use `is`, `contains` or `starts with`",
            )
        else:
            yield _no_such_test(test.operand, kind, operator, test.span)
        return
    yield from _same(test.operand, kind, test.value, known)
    yield from _maybe_field(test.value, known)


def _is_in(test: ast.IsIn, kind: Type | None, known: Known) -> Iterator[Diagnostic]:
    for value in test.values:
        yield from _same(test.operand, kind, value, known)
    yield from _currencies(test.values)


def _no_such_test(operand: ast.Operand, kind: Type | None, operator: str, span: Span) -> Diagnostic:
    said = _SAID[kind] if kind else "not known"
    helps = {
        "text": "a text can be tested with `is`, `contains`, `starts with`, `ends with`, `matches`",
        "boolean": "test it with `is yes` or `is no`",
        "number": "a number can be tested with `is`, `>`, `>=`, `<`, `<=`, `between`",
    }
    return error(
        "E223",
        f"`{operator}` does not work here: `{written(operand)}` is {said}",
        span,
        help=helps.get(kind or "", "a date can be tested with `before`, `after`, `between`"),
    )


def _between(test: ast.Between, kind: Type | None, known: Known) -> Iterator[Diagnostic]:
    if kind in ("text", "boolean"):
        yield _no_such_test(test.operand, kind, "between", test.span)
        return
    for value in (test.low, test.high):
        yield from _same(test.operand, kind, value, known)
    yield from _currencies((test.low, test.high))
    low, high = _number(test.low), _number(test.high)
    if low is not None and high is not None and low > high:
        yield error(
            "E215",
            f"nothing lies between {written(test.low)} and {written(test.high)}",
            test.span,
            help="write the smaller one first",
        )


def _number(value: ast.Value) -> float | None:
    match value:
        case ast.Number(value=number) | ast.Percent(value=number) | ast.Money(amount=number):
            return float(number)
        case ast.Date(date=day):
            return float(day.toordinal())
        case _:
            return None


def _dated(test: ast.Dated, kind: Type | None, known: Known) -> Iterator[Diagnostic]:
    if kind is not None and kind not in _DATES:
        yield _not_a_date(written(test.operand), kind, test.span)
    told = value_type(test.value, known)
    if told is not None and told not in _DATES and told != "time":
        yield error(
            "E222",
            f"`{test.direction}` needs a date; {written(test.value)} is {_SAID[told]}",
            test.value.span,
            help="write a date such as 2026-12-24, `today`, `30d ago` or `3d from now`",
        )


def _not_a_date(told: str, kind: Type, span: Span) -> Diagnostic:
    return error(
        "E222",
        f"`{told}` is {_SAID[kind]}, not a date",
        span,
        help="use a field that holds a date, or make this one a date",
    )


def _must_be_date(
    node: ast.Anniversary | ast.AtField | ast.AroundField, _kind: Type | None, known: Known
) -> Iterator[Diagnostic]:
    kind = known.type_of(node.field)
    if kind is not None and kind not in _DATES:
        yield _not_a_date(written(node.field), kind, node.field.span)


def _matches(test: ast.Matches, kind: Type | None, _known: Known) -> Iterator[Diagnostic]:
    if kind not in (None, "text"):
        yield _no_such_test(test.operand, kind, "matches", test.span)
    try:
        re.compile(test.pattern)
    except re.error as problem:
        yield error(
            "E216",
            f"`{test.pattern}` is not a regular expression: {problem.msg}",
            test.span,
            help="`contains`, `starts with` and `ends with` need no regular expression",
        )


def _set(step: ast.SetField, _kind: Type | None, known: Known) -> Iterator[Diagnostic]:
    field, value = step.field, step.value
    kind, told = known.type_of(field), value_type(value, known)
    yield from _maybe_field(value, known)
    if kind is None or told is None or kind == told or (kind in _DATES and told in _DATES):
        return
    if kind == "text" and told != "duration":
        return
    yield error(
        "E224",
        f"`{written(field)}` is {_SAID[kind]}; {written(value)} is {_SAID[told]}",
        value.span,
        help=f"give it {_SAID[kind]}",
    )


def _currencies(values: tuple[ast.Value, ...]) -> Iterator[Diagnostic]:
    money = [value for value in values if isinstance(value, ast.Money)]
    for one, other in pairwise(money):
        if one.currency != other.currency:
            yield error(
                "E221",
                f"{written(one)} and {written(other)} cannot be compared",
                other.span,
                help="amounts are compared in one currency; convert one of them",
            )


def _currencies_of_one(both: ast.And, _kind: Type | None, _known: Known) -> Iterator[Diagnostic]:
    """Two tests of one thing in one sentence, in two currencies."""
    amounts: dict[ast.Operand, list[ast.Value]] = {}
    for test in both.conditions:
        if isinstance(test, ast.Compare) and isinstance(test.value, ast.Money):
            amounts.setdefault(test.operand, []).append(test.value)
    for values in amounts.values():
        yield from _currencies(tuple(values))


def _maybe_field(value: ast.Value, known: Known) -> Iterator[Diagnostic]:
    """A bare word that is also the name of a field: which one is meant?"""
    fields = known.scopes.get("contact")
    if not isinstance(value, ast.Text) or value.quoted or not fields or value.text not in fields:
        return
    yield warning(
        "W204",
        f"`{value.text}` is the word here, not the field of that name",
        value.span,
        help=f'write `field {value.text}` for what is in the field, `"{value.text}"` for the word',
        fix=replacing(value.span, in_quotes(value.text), safe=True),
    )


_TESTS: Final[dict[type[ast.Node], Callable[[Any, Type | None, Known], Iterator[Diagnostic]]]] = {
    ast.Compare: _compare,
    ast.IsIn: _is_in,
    ast.Between: _between,
    ast.Dated: _dated,
    ast.Matches: _matches,
    ast.SetField: _set,
    ast.Anniversary: _must_be_date,
    ast.AtField: _must_be_date,
    ast.AroundField: _must_be_date,
    ast.And: _currencies_of_one,
}
