"""Companies: who belongs to them, and their own fields and points.

`company.FIELD` and `to company` speak of the company that a contact joined last. Companies are
changed in the order of their ids, each once: two steps on companies never stand in the same run
(`paths` sees to that). Pure. Imports the language, `audience.values`, `contact` and `batch`.
"""

from typing import Any

from sqlalchemy import CTE, and_, func, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB, distinct_on, insert

from headless.audience.values import Scope, Sql
from headless.dsl import ast
from headless.runtime.effects.batch import Batch
from headless.runtime.effects.contact import with_field, without_field
from headless.runtime.effects.stored import stored
from headless.runtime.stands import NOW, number
from headless.storage import tables
from headless.storage.codes import Outcome


def company_of(scope: Scope) -> Sql:
    """The company that a contact joined last; null for who belongs to none."""
    member = tables.company_member.alias()
    return (
        select(member.c.company_id)
        .where(
            member.c.workspace_id == scope.workspace_id,
            member.c.contact_id == scope.contact.c.id,
        )
        .order_by(member.c.since.desc(), member.c.company_id.desc())
        .limit(1)
        .correlate(scope.contact)
        .scalar_subquery()
    )


def name(step: int) -> str:
    """What the part of a step that changes companies is called; it answers their numbers."""
    return f"companies{step}"


def points_changed(batch: Batch, step: int, change: int) -> CTE:
    """Add to the points of the contacts' companies, once for each contact."""
    table, sums = tables.company, _sums(batch, step, change)
    locked = _locked(batch, step, sums)
    return (
        update(table)
        .where(_is(batch, locked))
        .values(points=table.c.points + locked.c.change, updated_at=NOW)
        .returning(table.c.id)
        .cte(name(step))
    )


def points_in_group_changed(batch: Batch, step: int, group_id: int, change: int) -> CTE:
    """The same in a group."""
    table, sums = tables.company_points, _sums(batch, step, change)
    given = insert(table).from_select(
        ["workspace_id", "company_id", "group_id", "points"],
        select(
            number(batch.version.workspace_id), sums.c.company_id, number(group_id), sums.c.change
        ).order_by(sums.c.company_id),
    )
    return (
        given.on_conflict_do_update(
            index_elements=["workspace_id", "company_id", "group_id"],
            set_={"points": table.c.points + given.excluded.points},
        )
        .returning(table.c.company_id)
        .cte(name(step))
    )


def field_changed(batch: Batch, step: int, action: ast.SetField | ast.ClearField) -> CTE:
    """Set or clear a field of the contacts' companies; of several contacts the last one says."""
    table, field = tables.company, action.field.name
    made: Any = literal(None, JSONB(none_as_null=True))
    if isinstance(action, ast.SetField):
        made = stored(action.value, batch.version.names.company_field(field), batch.scope)
    who = _who(batch, step, made.label("made"))
    last = (
        select(who.c.company_id, who.c.made)
        .ext(distinct_on(who.c.company_id))
        .order_by(who.c.company_id, who.c.at.desc(), who.c.contact_id.desc())
        .cte(f"last{step}")
    )
    locked = _locked(batch, step, last)
    fields: Sql
    if isinstance(action, ast.ClearField):
        fields = without_field(table.c.fields, field)
    else:
        fields = with_field(table.c.fields, field, locked.c.made)
    return (
        update(table)
        .where(_is(batch, locked))
        .values(fields=fields, updated_at=NOW)
        .returning(table.c.id)
        .cte(name(step))
    )


def _who(batch: Batch, step: int, *more: Any) -> CTE:
    """The contacts of a step with their companies, as they were before the run."""
    written, rows = batch.written, batch.rows
    return (
        select(
            written.c.contact_id,
            written.c.at,
            company_of(batch.scope).label("company_id"),
            *more,
        )
        .select_from(written.join(rows, written.c.enrollment_id == rows.c.enrollment_id))
        .where(batch.of(step), written.c.outcome == number(Outcome.DONE))
        .cte(f"who{step}")
    )


def _sums(batch: Batch, step: int, change: int) -> CTE:
    who = _who(batch, step)
    return (
        select(who.c.company_id, (func.count() * change).label("change"))
        .group_by(who.c.company_id)
        .cte(f"sums{step}")
    )


def _locked(batch: Batch, step: int, wanted: CTE) -> CTE:
    """The companies, locked in the order of their ids, so that two batches never deadlock."""
    table = tables.company
    mine = and_(
        table.c.workspace_id == batch.version.workspace_id, table.c.id == wanted.c.company_id
    )
    return (
        select(wanted)
        .select_from(wanted.join(table, mine))
        .order_by(table.c.id)
        .with_for_update(of=table)
        .cte(f"locked{step}")
        .prefix_with("materialized")
    )


def _is(batch: Batch, locked: CTE) -> Any:
    table = tables.company.c
    return and_(table.workspace_id == batch.version.workspace_id, table.id == locked.c.company_id)
