"""Uses of a contact's field: whatever asks for it, shows it or fills it.

Unlike other things a field is spoken of by its bare name, so the texts themselves are read: those
of campaigns that are not put away, of segments, of what is sent and shown in its newest version, of
forms and integrations. Imports the language's tree and storage.
"""

from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Text,
    and_,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)

from headless.dsl import ast
from headless.dsl import plan as plans
from headless.dsl.parser import parse_condition
from headless.storage import tables
from headless.storage.database import Transaction
from headless.workspace.names import everything
from headless.workspace.uses import MOST, Use, refuse

_WRITTEN: Final = (
    ("sms", tables.sms),
    ("push message", tables.push_message),
    ("page", tables.page),
    ("content", tables.content),
    ("snippet", tables.snippet),
    ("webhook", tables.webhook),
)


async def refuse_used(tx: Transaction, workspace_id: int, name: str) -> None:
    """Raise Problem `in_use`, with the list, when anything speaks of the field."""
    found = [
        *await _campaigns(tx, workspace_id, name),
        *await _segments(tx, workspace_id, name),
        *await _components(tx, workspace_id, name),
    ]
    refuse(found[:MOST], name)


def _speaks(part: Any, name: str) -> bool:
    """Whether a plan or a condition names the contact's field."""
    return any(
        isinstance(node, ast.Field)
        and node.scope == "contact"
        and node.name.casefold() == name.casefold()
        for node in everything(part)
    )


async def _campaigns(tx: Transaction, workspace_id: int, name: str) -> list[Use]:
    c, v, p = tables.campaign.c, tables.version.c, tables.position.c
    inside = exists(select(1).where(p.workspace_id == workspace_id, p.version_id == v.id))
    rows = await tx.execute(
        select(c.name, v.plan)
        .join(tables.version, and_(v.workspace_id == c.workspace_id, v.campaign_id == c.id))
        .where(
            c.workspace_id == workspace_id,
            c.state != "archived",
            or_(v.id == c.version_id, inside),
            cast(v.plan, Text).icontains(name, autoescape=True),
        )
        .order_by(c.id)
    )
    named = [row.name for row in rows if _speaks(plans.from_builtins(row.plan), name)]
    return [Use("campaign", one) for one in dict.fromkeys(named)]


async def _segments(tx: Transaction, workspace_id: int, name: str) -> list[Use]:
    s = tables.segment.c
    rows = await tx.execute(
        select(s.name, s.condition)
        .where(
            s.workspace_id == workspace_id,
            s.campaign_id.is_(None),
            s.condition.icontains(name, autoescape=True),
        )
        .order_by(s.id)
    )
    return [
        Use("segment", row.name)
        for row in rows
        if _speaks(parse_condition(row.condition).condition, name)
    ]


async def _components(tx: Transaction, workspace_id: int, name: str) -> list[Use]:
    """What shows the field in a template, fills it from a form, or sends it to another system."""
    shown = rf"\mcontact\.(fields\.)?{name}\M"  # a field's name is a word
    email, mail = tables.email, tables.email_version
    newest = and_(
        mail.c.workspace_id == email.c.workspace_id,
        mail.c.email_id == email.c.id,
        mail.c.version == email.c.version,
    )
    variables = func.array_to_string(mail.c.variables, " ")
    queries = [
        _told("email", email, workspace_id).join(mail, newest).where(_has(variables, shown)),
        _told("form", tables.form, workspace_id).where(
            _has(cast(tables.form.c.definition, Text), f'"contact": "{name}"')
        ),
        _told("integration", tables.integration, workspace_id).where(
            _has(cast(tables.integration.c.settings["fields"], Text), f': "{name}"')
        ),
    ]
    kept = tables.component_version.c
    for kind, table in _WRITTEN:
        saved = and_(
            kept.workspace_id == workspace_id,
            kept.kind == kind,
            kept.component_id == table.c.id,
            kept.version == table.c.version,
        )
        queries.append(
            _told(kind, table, workspace_id)
            .join(tables.component_version, saved)
            .where(_has(cast(kept.written, Text), shown))
        )
    rows = await tx.execute(union_all(*queries).limit(MOST))
    return [Use(row.kind, row.name) for row in rows]


def _told(kind: str, table: Any, workspace_id: int) -> Any:
    told = select(literal(kind, Text).label("kind"), table.c.name.label("name"))
    return told.where(table.c.workspace_id == workspace_id)


def _has(text: Any, pattern: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = text.regexp_match(pattern, "i")
    return found
