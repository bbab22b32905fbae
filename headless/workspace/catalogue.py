"""The catalogue: what a workspace has, in the form that the language's checker reads.

Imports storage and the language.
"""

from typing import Any, Final, cast

from sqlalchemy import ColumnElement, Table, Text, func, literal, null, select, union_all
from sqlalchemy.dialects.postgresql import JSONB

from headless.dsl.catalogue import Catalogue, Email, FieldType, Form
from headless.storage import tables
from headless.storage.database import Transaction
from headless.workspace.names import BUILT_IN_FIELDS, COMPANY_FIELDS

_LISTS: Final[dict[str, Table]] = {
    "campaigns": tables.campaign,
    "tags": tables.tag,
    "groups": tables.point_group,
    "stages": tables.stage,
    "owners": tables.member,
    "pages": tables.page,
    "assets": tables.asset,
    "slots": tables.slot,
    "contents": tables.content,
    "sms": tables.sms,
    "push_messages": tables.push_message,
    "messages": tables.multi_message,
    "webhooks": tables.webhook,
    "integrations": tables.integration,
    "channels": tables.channel,
}
"""What has a name and nothing else that the checker reads, by its place in the catalogue."""
_UNSUBSCRIBE: Final = "links.unsubscribe"
"""What a template reads where it has an unsubscribe link of its own."""


async def load(tx: Transaction, workspace_id: int) -> Catalogue:
    """Everything that a text of this workspace may name."""
    lists: dict[str, Any] = {place: [] for place in (*_LISTS, "segments")}
    typed: dict[str, dict[str, Any]] = {
        "fields": dict(BUILT_IN_FIELDS), "company_fields": dict(COMPANY_FIELDS),
        "emails": {}, "forms": {}, "events": {},
    }  # fmt: skip
    for place, name, about in (await tx.execute(_everything(workspace_id))).all():
        if place in lists:
            lists[place].append(name)
        else:
            typed[place][name] = about
    return Catalogue(
        fields=cast(dict[str, FieldType], typed["fields"]),
        company_fields=cast(dict[str, FieldType], typed["company_fields"]),
        emails={name: _email(about) for name, about in typed["emails"].items()},
        forms={name: Form(fields=about or None) for name, about in typed["forms"].items()},
        events=typed["events"],
        **lists,
    )


def _email(variables: list[str]) -> Email:
    return Email(variables=tuple(variables), unsubscribe_link=_UNSUBSCRIBE in variables)


def _everything(workspace_id: int) -> Any:
    """One row for each thing: its place in the catalogue, its name, what is known about it."""

    def named(
        place: str, table: Table, about: ColumnElement[Any] | None = None, *where: Any
    ) -> Any:
        known = null() if about is None else about
        return select(
            literal(place, Text).label("place"), table.c.name, known.cast(JSONB).label("about")
        ).where(table.c.workspace_id == workspace_id, *where)

    emails, versions = tables.email, tables.email_version
    latest = (
        (versions.c.workspace_id == emails.c.workspace_id)
        & (versions.c.email_id == emails.c.id)
        & (versions.c.version == emails.c.version)
    )
    return union_all(
        *(named(place, table) for place, table in _LISTS.items()),
        named("segments", tables.segment, None, tables.segment.c.campaign_id.is_(None)),
        named("fields", tables.field, func.to_jsonb(tables.field.c.type)),
        named("company_fields", tables.company_field, func.to_jsonb(tables.company_field.c.type)),
        named("forms", tables.form, tables.form.c.fields),
        named("events", tables.subject, tables.subject.c.properties),
        named("emails", emails, func.to_jsonb(versions.c.variables), latest),
    )
