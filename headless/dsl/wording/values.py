"""The words of names, values and operands.

Imports the tree, the literals and the style.
"""

import re
from typing import Final

from headless.dsl import ast
from headless.dsl.tables import table
from headless.dsl.wording.literals import clock, duration, in_quotes, is_name, is_word, name, number
from headless.dsl.wording.style import Style, Words, called, spaced, written


def _text(node: ast.Text, style: Style) -> str:
    return in_quotes(node.text) if style.keep_quotes and node.quoted else name(node.text)


def _money(node: ast.Money, _style: Style) -> str:
    told = number(node.amount)
    cents = f"{told}0" if re.fullmatch(r"-?\d+\.\d", told) else told
    return f"{cents} {node.currency}"


def _date(node: ast.Date, _style: Style) -> str:
    return spaced(node.date.isoformat(), "" if node.time is None else clock(node.time))


def _days(node: ast.Days, _style: Style) -> str:
    groups = {ast.WEEKDAYS[:5]: "weekdays", ast.WEEKDAYS[5:]: "weekends"}
    return groups.get(node.days) or " and ".join(node.days)


def _field(node: ast.Field, _style: Style) -> str:
    if node.scope == "contact":
        return node.name if is_name(node.name, field=True) else f"field {in_quotes(node.name)}"
    bare = is_word(node.name)
    return f"{node.scope}.{node.name if bare else in_quotes(node.name)}"


def as_value(node: ast.Node, style: Style) -> str:
    """A field as a value says so, for a bare name would be a text."""
    if isinstance(node, ast.Field) and node.scope == "contact":
        return f"field {name(node.name)}"
    return written(node, style)


def _answer(node: ast.Answer, _style: Style) -> str:
    form, field = node.form.text, node.field
    if is_word(form) and is_word(field):
        return f"answer {form}.{field}"
    return f"answer {in_quotes(form)}.{field if _plain_name(field) else in_quotes(field)}"


def _plain_name(text: str) -> bool:
    return is_name(text) and text.lower() not in table().words


def _argument(node: ast.Argument, style: Style) -> str:
    return f"{node.name} = {as_value(node.value, style)}"


WORDS: Final[dict[type[ast.Node], Words]] = {
    ast.Name: lambda n, _: name(n.text),
    ast.Text: _text,
    ast.Number: lambda n, _: number(n.value),
    ast.Percent: lambda n, _: f"{number(n.value)}%",
    ast.Money: _money,
    ast.YesNo: lambda n, _: "yes" if n.value else "no",
    ast.Date: _date,
    ast.TimeOfDay: lambda n, _: clock(n.time),
    ast.Days: _days,
    ast.Duration: lambda n, _: duration(n),
    ast.Now: lambda _n, _: "now",
    ast.Today: lambda _n, _: "today",
    ast.Ago: lambda n, _: f"{duration(n.duration)} ago",
    ast.FromNow: lambda n, _: f"{duration(n.duration)} from now",
    ast.Field: _field,
    ast.Answer: _answer,
    ast.Points: lambda n, _: spaced("points", called("in group", n.group)),
    ast.Stage: lambda _n, _: "stage",
    ast.Owner: lambda _n, _: "owner",
    ast.Device: lambda _n, _: "device",
    ast.Anniversary: lambda n, s: f"anniversary of {written(n.field, s)}",
    ast.Argument: _argument,
}
