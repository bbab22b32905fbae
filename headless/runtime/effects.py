"""Effects as SQL: what the actions of a run do to contacts, tags, segments and the outbox.

Pure. Every effect is fed by the journal rows that the statement has just written: the journal's
unique key (enrollment, step, visit) is what makes an effect happen once, however often a step is
run. Imports the language, `audience` and `stands`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import (
    CTE,
    Text,
    case,
    cast,
    delete,
    exists,
    func,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from headless.audience.activities import told
from headless.audience.values import Scope, Sql, operand_of, value_as
from headless.dsl import ast
from headless.runtime.stands import NOW, Version, number
from headless.storage import tables
from headless.storage.codes import ActivityKind, Channel, Outcome
from headless.workspace.names import BUILT_IN_FIELDS, everything

Action = tuple[int, ast.Simple]
"""A step's number and what it does."""
_OWN_ROW: Final = (
    ast.AddPoints, ast.RemovePoints, ast.SetField, ast.ClearField, ast.SetStage, ast.SetOwner,
)  # fmt: skip
_ABOUT_CONTACT: Final = (*_OWN_ROW, ast.AddTag, ast.RemoveTag, ast.AddTo, ast.RemoveFrom)


class Batch(msgspec.Struct, frozen=True):
    """The parts of a statement that effects are made of.

    `rows` are the contacts of the batch, `written` the new journal rows of its effects; `scope`
    reads the columns of `rows`.
    """

    version: Version
    rows: CTE
    written: CTE
    scope: Scope


def parts(batch: Batch, actions: Sequence[Action]) -> Iterator[CTE]:
    """The data-modifying parts for the actions of a run."""
    own = [(step, action) for step, action in actions if isinstance(action, _OWN_ROW)]
    if own:
        yield _own_rows(batch, own)
    for step, action in actions:
        yield from _part(batch, step, action)
    about = [step for step, action in actions if isinstance(action, _ABOUT_CONTACT)]
    if about:
        yield _changed(batch, about)


def locks_contacts(actions: Sequence[Action]) -> bool:
    """Whether the batch must lock its contacts first, in the order of their ids."""
    return any(isinstance(action, _OWN_ROW) for _, action in actions)


def points(action: ast.Simple) -> int | None:
    """By how many points an action changes a contact; None for other actions."""
    match action:
        case ast.AddPoints(points=amount):
            return amount
        case ast.RemovePoints(points=amount):
            return -amount
        case _:
            return None


def refusal(scope: Scope, *, transactional: bool) -> Sql:
    """Why a contact cannot be mailed, as text; null when nothing is in the way.

    A transactional mail goes to those who only unsubscribed from marketing.
    """
    suppression = tables.suppression.c
    counts = [] if not transactional else [suppression.reason != "unsubscribed"]
    suppressed = (
        select(suppression.reason)
        .where(
            suppression.workspace_id == scope.workspace_id,
            suppression.contact_id == scope.contact.c.id,
            suppression.channel == number(Channel.EMAIL),
            *counts,
        )
        .scalar_subquery()
    )
    return case((scope.contact.c.email.is_(None), literal("no address")), else_=suppressed)


def _part(batch: Batch, step: int, action: ast.Simple) -> Iterator[CTE]:
    names = batch.version.names
    match action:
        case ast.SendMessage(message=name):
            ref = number(names.id("email", name.text))
            yield _message(batch, step, Channel.EMAIL, ref, _mail_data(batch, action))
        case ast.SendWebhook():
            yield _message(batch, step, Channel.WEBHOOK, number(0), _webhook_data(batch, action))
        case ast.AddTag(tag=name):
            key = {"tag_id": names.id("tag", name.text)}
            yield from _added(batch, step, tables.contact_tag, key, "at", ActivityKind.GOT_TAG)
        case ast.RemoveTag(tag=name):
            yield _removed(batch, step, tables.contact_tag, {"tag_id": names.id("tag", name.text)})
        case ast.AddTo(container="segment", name=name):
            key = {"segment_id": names.id("segment", name.text)}
            joined = ActivityKind.JOINED_SEGMENT
            yield from _added(batch, step, tables.segment_member, key, "since", joined)
        case ast.RemoveFrom(container="segment", name=name):
            key = {"segment_id": names.id("segment", name.text)}
            left = _removed(batch, step, tables.segment_member, key)
            yield left
            yield from _told(batch, step, ActivityKind.LEFT_SEGMENT, key["segment_id"], left)
        case ast.AddPoints() | ast.RemovePoints():
            yield from _told(batch, step, ActivityKind.REACHED_POINTS, 0, None)
        case ast.SetField(field=field) | ast.ClearField(field=field):
            field_id = names.ids.get(f"field:{field.name.casefold()}", 0)
            yield from _told(batch, step, ActivityKind.CHANGED, field_id, None)


# ---------------------------------------------------------------- the contact's own row


def _own_rows(batch: Batch, actions: Sequence[Action]) -> CTE:
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


# ---------------------------------------------------------------- tags and segments


def _rows_of(batch: Batch, step: int) -> Any:
    return batch.written.c.step == number(step)


def _added(
    batch: Batch, step: int, table: Any, key: dict[str, int], when: str, kind: ActivityKind
) -> Iterator[CTE]:
    written, ((column, ref),) = batch.written, key.items()
    new = (
        insert(table)
        .from_select(
            ["workspace_id", "contact_id", column, when],
            select(
                number(batch.version.workspace_id), written.c.contact_id, number(ref), written.c.at
            ).where(_rows_of(batch, step)),
        )
        .on_conflict_do_nothing()
        .returning(table.c.contact_id)
        .cte(f"added{step}")
    )
    yield new
    yield from _told(batch, step, kind, ref, new)


def _removed(batch: Batch, step: int, table: Any, key: dict[str, int]) -> CTE:
    written, ((column, ref),) = batch.written, key.items()
    return (
        delete(table)
        .where(
            table.c.workspace_id == batch.version.workspace_id,
            table.c[column] == number(ref),
            table.c.contact_id == written.c.contact_id,
            _rows_of(batch, step),
        )
        .returning(table.c.contact_id)
        .cte(f"removed{step}")
    )


def _told(
    batch: Batch, step: int, kind: ActivityKind, ref: int, changed: CTE | None
) -> Iterator[CTE]:
    """What the step brought about, as activities, where some campaign listens for such a thing."""
    written = batch.written
    source: Any = written
    if changed is not None:
        source = written.join(changed, changed.c.contact_id == written.c.contact_id)
    rows = (
        select(written.c.contact_id, written.c.at, written.c.enrollment_id, written.c.detail)
        .select_from(source)
        .where(_rows_of(batch, step))
    )
    yield from told(batch.version.workspace_id, rows, kind, ref, now=NOW, name=f"{step}")


def _changed(batch: Batch, steps: list[int]) -> CTE:
    """Contacts whose dynamic segments must be asked again, where the workspace has any."""
    written = batch.written
    dynamic = exists(
        select(1).where(
            tables.segment.c.workspace_id == batch.version.workspace_id,
            tables.segment.c.condition.is_not(None),
        )
    )
    return (
        insert(tables.contact_change)
        .from_select(
            ["workspace_id", "contact_id"],
            select(number(batch.version.workspace_id), written.c.contact_id)
            .where(written.c.step.in_([number(step) for step in steps]), dynamic)
            .distinct(),
        )
        .on_conflict_do_nothing()
        .returning(tables.contact_change.c.contact_id)
        .cte("changed")
    )


# ---------------------------------------------------------------- messages


def _message(batch: Batch, step: int, channel: Channel, ref: Sql, data: Sql | None) -> CTE:
    written, version = batch.written, batch.version
    source: Any = written
    if data is not None:
        source = written.join(batch.rows, written.c.enrollment_id == batch.rows.c.enrollment_id)
    return (
        insert(tables.message)
        .from_select(
            ["workspace_id", "contact_id", "channel", "ref", "enrollment_id", "version_id",
             "step", "visit", "created_at", "due_at", "activity_id", "data"],
            select(
                number(version.workspace_id), written.c.contact_id, number(channel), ref,
                written.c.enrollment_id, number(version.id), written.c.step, written.c.visit,
                written.c.at, NOW, written.c.activity_id,
                cast(null(), JSONB) if data is None else data,
            )
            .select_from(source)
            .where(_rows_of(batch, step), written.c.outcome == number(Outcome.SENT)),
        )
        .returning(tables.message.c.id, tables.message.c.channel, tables.message.c.ref)
        .cte(f"message{step}")
    )  # fmt: skip


def _arguments(batch: Batch, arguments: tuple[ast.Argument, ...]) -> Sql:
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


def _mail_data(batch: Batch, action: ast.SendMessage) -> Sql | None:
    pairs: list[Any] = []
    if action.arguments:
        pairs += ["with", _arguments(batch, action.arguments)]
    if action.transactional:
        pairs += ["transactional", func.to_jsonb(True)]
    return func.jsonb_build_object(*pairs, type_=JSONB) if pairs else None


def _webhook_data(batch: Batch, action: ast.SendWebhook) -> Sql:
    contact = batch.rows.c
    body = func.jsonb_build_object(
        "campaign", literal(batch.version.plan.name or ""),
        "contact",
        func.jsonb_build_object("external_id", contact.external_id, "email", contact.email),
        "data", _arguments(batch, action.arguments),
    )  # fmt: skip
    return func.jsonb_build_object("url", literal(action.webhook.text), "body", body, type_=JSONB)
