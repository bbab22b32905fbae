"""The catalogue: what a workspace has, in the form that the language's checker reads.

Imports storage and the language. Kinds of things that have no table yet are left unchecked.
"""

from typing import Any, cast

from sqlalchemy import select

from headless.dsl.catalogue import Catalogue, Email, FieldType
from headless.storage import tables
from headless.storage.database import Transaction
from headless.workspace.names import BUILT_IN_FIELDS


async def load(tx: Transaction, workspace_id: int) -> Catalogue:
    """Everything that a text of this workspace may name."""

    async def rows(statement: Any) -> Any:
        return (await tx.execute(statement)).all()

    def mine(table: Any, *columns: str) -> Any:
        wanted = [table.c[column] for column in columns]
        return select(*wanted).where(table.c.workspace_id == workspace_id)

    fields: dict[str, FieldType] = {n: cast(FieldType, t) for n, t in BUILT_IN_FIELDS.items()}
    for row in await rows(mine(tables.field, "name", "type")):
        fields[row.name] = row.type
    latest = (tables.email_version.c.email_id == tables.email.c.id) & (
        tables.email_version.c.version == tables.email.c.version
    )
    emails = await rows(
        select(tables.email.c.name, tables.email_version.c.variables)
        .join(tables.email_version, latest)
        .where(
            tables.email.c.workspace_id == workspace_id,
            tables.email_version.c.workspace_id == workspace_id,
        )
    )
    segments = mine(tables.segment, "name").where(tables.segment.c.campaign_id.is_(None))
    return Catalogue(
        fields=fields,
        emails={row.name: Email(variables=tuple(row.variables)) for row in emails},
        segments=[row.name for row in await rows(segments)],
        campaigns=[row.name for row in await rows(mine(tables.campaign, "name"))],
        tags=[row.name for row in await rows(mine(tables.tag, "name"))],
        events={
            row.name: row.properties
            for row in await rows(
                mine(tables.subject, "name", "properties").where(tables.subject.c.kind == "event")
            )
        },
    )
