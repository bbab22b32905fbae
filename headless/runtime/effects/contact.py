"""The contact's own row: points, fields, stage and owner, changed by one update for a whole run.

Pure. Imports the language, `audience.values` and `batch`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import CTE, Text, case, cast, func, literal, null, select, update
from sqlalchemy.dialects.postgresql import JSONB

from headless.audience.values import Scope, Sql, value_as
from headless.dsl import ast
from headless.runtime.effects.batch import Action, Batch
from headless.runtime.stands import NOW, Version, number
from headless.storage import tables
from headless.workspace.names import BUILT_IN_FIELDS, everything

OWN_ROW: Final = (
    ast.AddPoints, ast.RemovePoints, ast.SetField, ast.ClearField, ast.SetStage, ast.SetOwner,
)  # fmt: skip


def points(action: ast.Simple) -> int | None:
    """By how many points an action changes a contact; None for other actions."""
    match action:
        case ast.AddPoints(points=amount):
            return amount
        case ast.RemovePoints(points=amount):
            return -amount
        case _:
            return None


def own_rows(batch: Batch, actions: Sequence[Action]) -> CTE:
    """One update for all actions on the contact's row: a statement changes a row but once."""
    mine, doing = tables.contact, _doing(batch, actions)
    scope = msgspec.structs.replace(
        batch.scope,
        contact=mine,
        zone=_zone_of(batch.version, mine),
        event=doing.c.get("event"),
        entry=doing.c.get("entry"),
    )
    values: dict[str, Sql] = {"updated_at": NOW}
    for step, action in actions:
        column, made = _assignment(action, values, scope)
        before = values.get(column, mine.c[column])
        values[column] = case((doing.c[f"did{step}"], made), else_=before)
    return (
        update(mine)
        .where(mine.c.workspace_id == batch.version.workspace_id, mine.c.id == doing.c.contact_id)
        .values(**values)
        .returning(mine.c.id)
        .cte("contacts")
    )


def _doing(batch: Batch, actions: Sequence[Action]) -> CTE:
    """For each contact which of the actions it came by, and the event that the values speak of."""
    written, rows = batch.written, batch.rows
    columns: list[Any] = [
        func.bool_or(written.c.step == number(step)).label(f"did{step}") for step, _ in actions
    ]
    source: Any = written
    nodes = everything(tuple(action for _, action in actions))
    if any(isinstance(node, ast.Field) and node.scope in ("event", "entry") for node in nodes):
        columns += [func.any_value(rows.c[name]).label(name) for name in ("event", "entry")]
        source = written.join(rows, written.c.enrollment_id == rows.c.enrollment_id)
    return (
        select(written.c.contact_id, *columns)
        .select_from(source)
        .where(written.c.step.in_([number(step) for step, _ in actions]))
        .group_by(written.c.contact_id)
        .cte("doing")
    )


def _zone_of(version: Version, contact: Any) -> Sql:
    if version.plan.zone is not None:
        return literal(version.plan.zone)
    return func.coalesce(contact.c.time_zone, version.zone)


def _assignment(action: ast.Simple, so_far: Mapping[str, Sql], scope: Scope) -> tuple[str, Sql]:
    """The column that an action changes, and what it becomes."""
    contact = scope.contact.c
    fields = so_far.get("fields", contact.fields)
    match action:
        case ast.AddPoints() | ast.RemovePoints():
            return "points", so_far.get("points", contact.points) + number(points(action) or 0)
        case ast.SetStage(stage=name):
            return "stage", literal(name.text)
        case ast.SetOwner(owners=owners):
            return "owner", literal(owners[0].text)
        case ast.SetField(field=field, value=value) if field.name in BUILT_IN_FIELDS:
            return _column(field), cast(value_as(value, "text", scope), Text)
        case ast.ClearField(field=field) if field.name in BUILT_IN_FIELDS:
            return _column(field), null()
        case ast.SetField(field=field, value=value):
            json = _json(value, scope.names.field(field.name), scope)
            return "fields", fields.concat(func.jsonb_build_object(literal(field.name), json))
        case ast.ClearField(field=field):
            return "fields", fields.op("-", return_type=JSONB())(literal(field.name, Text))
    raise TypeError(f"{action!r} does not change a contact's row")


def _column(field: ast.Field) -> str:
    return "time_zone" if field.name == "timezone" else field.name


def _json(value: ast.Value, type_: str, scope: Scope) -> Sql:
    """A value as it stands in `contact.fields`: numbers and booleans as such, dates as text."""
    sql = value_as(value, type_, scope)
    if type_ in ("date", "text"):
        return func.to_jsonb(cast(sql, Text))
    return func.to_jsonb(sql)
