"""The values of `with (...)` as SQL, as they go into a message's data.

Pure. Imports the language, `audience.values` and `batch`.
"""

from sqlalchemy import Text, cast, func, literal
from sqlalchemy.dialects.postgresql import JSONB

from headless.audience.values import Scope, Sql, operand_of, value_as
from headless.dsl import ast
from headless.runtime.effects.batch import Batch
from headless.runtime.effects.stored import as_text


def given(batch: Batch, arguments: tuple[ast.Argument, ...]) -> Sql:
    """The arguments as one JSONB object."""
    pairs = ((literal(a.name), _argument(a.value, batch.scope)) for a in arguments)
    return func.jsonb_build_object(*(part for pair in pairs for part in pair), type_=JSONB)


def _argument(value: ast.Value, scope: Scope) -> Sql:
    """A value as JSON: a property of an event as it was sent, an instant in the contact's zone."""
    match value:
        case ast.Field():
            of = operand_of(value, scope, "text")
            return func.to_jsonb(of.sql) if of.json is None else of.json
        case ast.Number() | ast.Percent():
            return func.to_jsonb(value_as(value, "number", scope))
        case ast.YesNo():
            return func.to_jsonb(value_as(value, "boolean", scope))
        case ast.Money(amount=amount, currency=currency):
            return func.jsonb_build_object("amount", f"{amount:f}", "currency", currency)
        case _:
            return func.to_jsonb(cast(as_text(value, scope), Text))
