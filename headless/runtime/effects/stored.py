"""Stored values: what `set FIELD to VALUE` writes, in the form that the field keeps.

Custom fields are JSON: numbers and booleans as such, days and instants as text that sorts. A value
that a built-in column cannot take (a zone that does not exist, a phone number that is none) leaves
the column as it is. Pure. Imports the language, `audience.values` and the zones.
"""

from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Date,
    DateTime,
    Numeric,
    Text,
    case,
    cast,
    func,
    literal,
)

from headless.audience.values import Scope, Sql, operand_of, value_as
from headless.dsl import ast
from headless.workspace import zones

_INSTANTS: Final = (ast.Now, ast.Ago, ast.FromNow)
_CHANNELS: Final = ("email", "sms", "push message")
_SQL: Final[dict[str, tuple[str, Any]]] = {
    "number": ("numeric", Numeric()),
    "boolean": ("boolean", Boolean()),
    "date": ("date", Date()),
    "datetime": ("timestamptz", DateTime(timezone=True)),
}
_PHONE: Final = r"^\+[1-9][0-9]{6,14}$"


def stored(value: ast.Value, type_: str, scope: Scope) -> Sql:
    """A value as JSONB for a custom field of a type."""
    match type_:
        case "date":
            return func.to_jsonb(cast(_day(value, scope), Text))
        case "text":
            return func.to_jsonb(cast(as_text(value, scope), Text))
        case "datetime":
            return func.to_jsonb(_instant(value, scope))
        case _ if isinstance(value, ast.Field):
            return func.to_jsonb(_fitting(value, type_, scope))
        case _:
            return func.to_jsonb(value_as(value, type_, scope))


def _instant(value: ast.Value, scope: Scope) -> Sql:
    if isinstance(value, ast.Field):
        return _fitting(value, "datetime", scope)
    return cast(value_as(value, "datetime", scope), DateTime(timezone=True))


def _fitting(field: ast.Field, type_: str, scope: Scope) -> Sql:
    """Another field's value as a type; null where it is none of that type."""
    of = operand_of(field, scope, type_)
    if of.type == type_:
        return of.sql
    text, (name, kind) = cast(of.sql, Text), _SQL[type_]
    return case((func.pg_input_is_valid(text, name), cast(text, kind)))


def as_text(value: ast.Value, scope: Scope) -> Sql:
    """A value as text; money with its currency, an instant as the day and time in the zone."""
    match value:
        case ast.Money(amount=amount, currency=currency):
            return literal(f"{amount:f} {currency}")
        case ast.Now() | ast.Ago() | ast.FromNow():
            local = func.timezone(scope.zone, value_as(value, "datetime", scope))
            return func.to_char(local, "YYYY-MM-DD HH24:MI")
        case _:
            return value_as(value, "text", scope)


def column_value(column: str, before: Any, value: ast.Value, scope: Scope) -> Sql:
    """What a built-in column becomes: the value, or what it was where the value does not fit."""
    text = cast(as_text(value, scope), Text)
    match column:
        case "time_zone":  # the checker wants it written out
            known = zones.names().get(value.text.lower()) if isinstance(value, ast.Text) else None
            return before if known is None else literal(known)
        case "phone":
            bare = func.regexp_replace(text, r"[\s()./-]", "", "g")
            return case((bare.regexp_match(_PHONE), bare), else_=before)
        case "preferred_channel":
            return case((func.lower(text).in_(_CHANNELS), func.lower(text)), else_=before)
        case _:
            return text


def _day(value: ast.Value, scope: Scope) -> Sql:
    """A value as a day: of an instant the day in the scope's zone."""
    if isinstance(value, _INSTANTS):
        return cast(func.timezone(scope.zone, value_as(value, "datetime", scope)), Date)
    if isinstance(value, ast.Field):
        of = operand_of(value, scope, "date")
        if of.type == "datetime":
            return cast(func.timezone(scope.zone, of.sql), Date)
        return _fitting(value, "date", scope)
    return cast(value_as(value, "date", scope), Date)
