"""The values of `with (...)` as SQL, as they go into a message's data.

Pure. Imports the language, `audience.values` and `batch`.
"""

from sqlalchemy import Text, cast, func, literal
from sqlalchemy.dialects.postgresql import JSONB

from headless.audience.values import Scope, Sql, operand_of, value_as
from headless.dsl import ast
from headless.runtime.effects.batch import Batch


def given(batch: Batch, arguments: tuple[ast.Argument, ...]) -> Sql:
    """The arguments as one JSONB object."""
    pairs = ((literal(a.name), _argument(a.value, batch.scope)) for a in arguments)
    return func.jsonb_build_object(*(part for pair in pairs for part in pair), type_=JSONB)


def _argument(value: ast.Value, scope: Scope) -> Sql:
    match value:
        case ast.Field(scope="contact", name=name):
            return func.to_jsonb(operand_of(value, scope, scope.names.field(name)).sql)
        case ast.Field():
            return func.to_jsonb(operand_of(value, scope, "text").sql)
        case ast.Number():
            return func.to_jsonb(value_as(value, "number", scope))
        case ast.YesNo():
            return func.to_jsonb(value_as(value, "boolean", scope))
        case ast.Money(amount=amount, currency=currency):
            return func.jsonb_build_object("amount", f"{amount:f}", "currency", currency)
        case _:
            return func.to_jsonb(cast(value_as(value, "text", scope), Text))
