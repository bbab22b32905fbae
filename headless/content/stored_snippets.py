"""The snippets of a workspace as they are stored, and the note of what they stand in.

Imports `snippets` and storage.
"""

from collections.abc import Collection

from sqlalchemy import delete, func, insert, literal, select

from headless.content.snippets import Bodies
from headless.storage.database import Transaction
from headless.storage.tables import snippet, snippet_use


async def bodies(transaction: Transaction, workspace_id: int) -> Bodies:
    """The texts of all snippets by their names in lower case."""
    rows = await transaction.execute(
        select(func.lower(snippet.c.name), snippet.c.body).where(
            snippet.c.workspace_id == workspace_id
        )
    )
    return {row[0]: row[1] for row in rows}


async def note(
    transaction: Transaction,
    workspace_id: int,
    kind: str,
    component_id: int,
    names: Collection[str],
) -> None:
    """Keep which snippets a component has now; names in lower case."""
    mine = (
        snippet_use.c.workspace_id == workspace_id,
        snippet_use.c.kind == kind,
        snippet_use.c.component_id == component_id,
    )
    await transaction.execute(delete(snippet_use).where(*mine))
    if names:
        await transaction.execute(
            insert(snippet_use).from_select(
                ["workspace_id", "snippet_id", "kind", "component_id"],
                select(
                    snippet.c.workspace_id, snippet.c.id, literal(kind), literal(component_id)
                ).where(
                    snippet.c.workspace_id == workspace_id,
                    func.lower(snippet.c.name).in_(list(names)),
                ),
            )
        )


async def users(
    transaction: Transaction, workspace_id: int, snippet_id: int
) -> list[tuple[str, int]]:
    """The components (kind, id) that a snippet stands in."""
    rows = await transaction.execute(
        select(snippet_use.c.kind, snippet_use.c.component_id)
        .where(snippet_use.c.workspace_id == workspace_id, snippet_use.c.snippet_id == snippet_id)
        .order_by(snippet_use.c.kind, snippet_use.c.component_id)
    )
    return [(row.kind, row.component_id) for row in rows]
