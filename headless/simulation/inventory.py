"""What a simulated text uses and its scratch workspace has not: names by their sort, and fields.

Whatever has no type from the contacts' values is typed by what the text does with it. Pure: reads
the language's tree.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from headless.audience.field_values import FieldType
from headless.dsl import ast
from headless.dsl.catalogue import Sort
from headless.dsl.names import named_things
from headless.workspace.names import BUILT_IN_FIELDS, COMPANY_FIELDS

_TYPE_OF: Final[dict[type[ast.Node], FieldType]] = {
    ast.Number: "number",
    ast.Percent: "number",
    ast.Money: "number",
    ast.YesNo: "boolean",
    ast.Date: "date",
    ast.Today: "date",
    ast.Days: "date",
    ast.Now: "datetime",
    ast.Ago: "datetime",
    ast.FromNow: "datetime",
    ast.TimeOfDay: "datetime",
}

_CHANNELS: Final[tuple[Sort, ...]] = ("email", "sms", "push message")


class Inventory(msgspec.Struct, frozen=True):
    """The names of each sort, and the types of fields: the contacts', companies', forms'."""

    names: Mapping[Sort, tuple[str, ...]]
    fields: Mapping[str, FieldType]
    company_fields: Mapping[str, FieldType]
    answers: Mapping[str, Mapping[str, FieldType]]


def take(
    nodes: Iterable[ast.Node],
    types: Mapping[str, FieldType],
    answers: Mapping[str, Mapping[str, FieldType]],
    more: Iterable[tuple[Sort, str]] = (),
) -> Inventory:
    """Everything that a campaign and the activities' events speak of, and `more` names.

    `types` are those of fields, `answers` those of forms' answers, as far as values told them.
    """
    names: dict[Sort, dict[str, str]] = {}
    used: dict[str, dict[str, FieldType | None]] = {"contact": {}, "company": {}}
    forms: dict[str, dict[str, FieldType | None]] = {}
    for node in nodes:
        for below in _outside_activities(node):
            for name, sort in named_things(below):
                names.setdefault(sort, {}).setdefault(name.text.casefold(), name.text)
            for field, type_ in _typed(below):
                if isinstance(field, ast.Answer):
                    _note(forms.setdefault(field.form.text, {}), field.field, type_)
                elif field.scope in used:
                    _note(used[field.scope], field.name, type_)
    for folded, called in names.get("message", {}).items():
        for channel in _CHANNELS:  # a message is a text for each of them
            names.setdefault(channel, {}).setdefault(folded, called)
    for sort, called in more:
        names.setdefault(sort, {}).setdefault(called.casefold(), called)
    built_in = {name.casefold() for name in BUILT_IN_FIELDS}
    known = {name.casefold() for name in types} | built_in
    contact = {n: t for n, t in _settled(used["contact"]).items() if n.casefold() not in known}
    told = {form: _settled(fields) for form, fields in forms.items()}
    for form, fields in answers.items():
        told[form] = {**told.get(form, {}), **fields}
    return Inventory(
        {sort: tuple(found.values()) for sort, found in names.items()},
        {**types, **contact},
        {n: t for n, t in _settled(used["company"]).items() if n not in COMPANY_FIELDS},
        told,
    )


def _outside_activities(node: ast.Node) -> Iterator[ast.Node]:
    """A node and all below it, but for `where (…)`, whose names are an activity's properties."""
    yield node
    if not isinstance(node, ast.Did):
        for child in ast.children(node):
            yield from _outside_activities(child)


def _typed(node: ast.Node) -> Iterator[tuple[ast.Field | ast.Answer, FieldType | None]]:
    """The fields that a node speaks of, with the type that they are used as, if that is told."""
    match node:
        case ast.Compare(operand=ast.Field() | ast.Answer() as field, operator=operator):
            text = operator in ("contains", "starts with", "ends with")
            yield field, "text" if text else _value_type(node.value)
        case ast.IsIn(operand=ast.Field() | ast.Answer() as field, values=values):
            yield field, next(map(_value_type, values), None)
        case ast.Between(operand=ast.Field() | ast.Answer() as field, low=low):
            yield field, _value_type(low)
        case ast.Dated(operand=ast.Field() | ast.Answer() as field, value=value):
            type_ = _value_type(value)
            yield field, type_ if type_ in ("date", "datetime") else "date"
        case ast.Matches(operand=ast.Field() | ast.Answer() as field):
            yield field, "text"
        case ast.Anniversary(field=field) | ast.AtField(field=field) | ast.AroundField(field=field):
            yield field, "date"
        case ast.SetField(field=field, value=value):
            yield field, _value_type(value)
        case ast.Field() | ast.Answer():
            yield node, None
        case _:
            pass


def _value_type(value: Any) -> FieldType | None:
    return None if isinstance(value, ast.Field) else _TYPE_OF.get(type(value), "text")


def _note(found: dict[str, FieldType | None], name: str, type_: FieldType | None) -> None:
    """The first use that tells a type decides; a time goes before a date, whatever came first."""
    same = next((each for each in found if each.casefold() == name.casefold()), name)
    if found.get(same) is None or (found[same] == "date" and type_ == "datetime"):
        found[same] = type_


def _settled(found: Mapping[str, FieldType | None]) -> dict[str, FieldType]:
    return {name: type_ or "text" for name, type_ in found.items()}
