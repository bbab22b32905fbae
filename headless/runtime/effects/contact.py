"""The contact's own row: points, fields, stage and owner, changed by one update for a whole run.

Pure. Imports the language, `audience.values` and `batch`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import CTE, Text, and_, case, func, literal, null, select, update
from sqlalchemy.dialects.postgresql import JSONB

from headless.audience.values import Scope, Sql
from headless.dsl import ast
from headless.runtime.effects.batch import Action, Batch
from headless.runtime.effects.stored import column_value, stored
from headless.runtime.effects.turns import dealt
from headless.runtime.stands import NOW, Version, number
from headless.storage import tables
from headless.workspace.names import BUILT_IN_FIELDS, everything


def changes_own_row(action: ast.Simple) -> bool:
    """Whether an action changes the contact's own row."""
    match action:
        case ast.AddPoints(group=group, company=company):
            return group is None and not company
        case ast.RemovePoints(group=group, company=company):
            return group is None and not company
        case ast.SetField(field=field) | ast.ClearField(field=field):
            return field.scope == "contact"
        case ast.SetStage() | ast.SetOwner():
            return True
        case _:
            return False


def points(action: ast.Simple) -> int | None:
    """By how many points an action changes a contact's plain points; None for other actions."""
    if not changes_own_row(action):
        return None
    match action:
        case ast.AddPoints(points=amount):
            return amount
        case ast.RemovePoints(points=amount):
            return -amount
        case _:
            return None


def own_rows(batch: Batch, actions: Sequence[Action]) -> CTE:
    """One update for all actions on the contact's row: a statement changes a row but once."""
    mine = tables.contact
    deals = {
        step: dealt(batch, step, tuple(owner.text for owner in action.owners))
        for step, action in actions
        if isinstance(action, ast.SetOwner) and len(action.owners) > 1
    }
    doing = _doing(batch, actions, deals)
    scope = msgspec.structs.replace(
        batch.scope,
        contact=mine,
        now=doing.c.at,
        zone=_zone_of(batch.version, mine),
        event=doing.c.get("event"),
        entry=doing.c.get("entry"),
    )
    values: dict[str, Sql] = {"updated_at": NOW}
    for step, action in actions:
        column, made = _assignment(action, values, scope, doing.c, step)
        before = values.get(column, mine.c[column])
        values[column] = case((doing.c[f"did{step}"], made), else_=before)
    return (
        update(mine)
        .where(mine.c.workspace_id == batch.version.workspace_id, mine.c.id == doing.c.contact_id)
        .values(**values)
        .returning(mine.c.id)
        .cte("contacts")
    )


def _doing(batch: Batch, actions: Sequence[Action], deals: Mapping[int, CTE]) -> CTE:
    """For each contact which of the actions it came by, and what their values speak of.

    `deals` are the choices that were dealt in turn, by their steps.
    """
    written, rows = batch.written, batch.rows
    columns: list[Any] = [
        func.bool_or(written.c.step == number(step)).label(f"did{step}") for step, _ in actions
    ]
    columns.append(func.max(written.c.at).label("at"))
    source: Any = written
    nodes = everything(tuple(action for _, action in actions))
    if any(isinstance(node, ast.Field) and node.scope in ("event", "entry") for node in nodes):
        columns += [func.any_value(rows.c[name]).label(name) for name in ("event", "entry")]
        source = written.join(rows, written.c.enrollment_id == rows.c.enrollment_id)
    for step, deal in deals.items():
        mine = and_(deal.c.contact_id == written.c.contact_id, written.c.step == number(step))
        source = source.outerjoin(deal, mine)
        columns.append(func.max(deal.c.choice).label(f"choice{step}"))
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


def _assignment(
    action: ast.Simple, so_far: Mapping[str, Sql], scope: Scope, doing: Any, step: int
) -> tuple[str, Sql]:
    """The column that an action changes, and what it becomes."""
    contact = scope.contact.c
    fields = so_far.get("fields", contact.fields)
    match action:
        case ast.AddPoints() | ast.RemovePoints():
            return "points", so_far.get("points", contact.points) + number(points(action) or 0)
        case ast.SetStage(stage=name):
            return "stage", literal(name.text)
        case ast.SetOwner(owners=(owner,)):
            return "owner", literal(owner.text)
        case ast.SetOwner():
            return "owner", doing[f"choice{step}"]
        case ast.SetField(field=field) if field.name in BUILT_IN_FIELDS:
            column = column_of(field)
            before = so_far.get(column, contact[column])
            return column, column_value(column, before, action.value, scope)
        case ast.ClearField(field=field) if field.name in BUILT_IN_FIELDS:
            return column_of(field), null()
        case ast.SetField(field=field, value=value):
            json = stored(value, scope.names.field(field.name), scope)
            return "fields", with_field(fields, field.name, json)
        case ast.ClearField(field=field):
            return "fields", without_field(fields, field.name)
    raise TypeError(f"{action!r} does not change a contact's row")


def column_of(field: ast.Field) -> str:
    """The column of a built-in field."""
    return "time_zone" if field.name == "timezone" else field.name


def with_field(fields: Sql, name: str, json: Sql) -> Sql:
    """The fields with one set; without it where there is no value."""
    made = fields.concat(func.jsonb_build_object(literal(name), json))
    return case((json.is_(None), without_field(fields, name)), else_=made)


def without_field(fields: Sql, name: str) -> Sql:
    """The fields without one."""
    return fields.op("-", return_type=JSONB())(literal(name, Text))
