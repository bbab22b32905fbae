"""Slots: what a contact is shown in a place of a page, until something else is.

Pure. Imports the language and `batch`.
"""

from sqlalchemy import CTE, select
from sqlalchemy.dialects.postgresql import insert

from headless.dsl import ast
from headless.runtime.effects.batch import Batch
from headless.runtime.stands import number
from headless.storage import tables


def shown(batch: Batch, step: int, action: ast.ShowContent) -> CTE:
    """Put a content into a slot for the contacts of a step, in the place of what was there."""
    table, written, names = tables.slot_content, batch.written, batch.version.names
    given = insert(table).from_select(
        ["workspace_id", "contact_id", "slot_id", "content_id", "at"],
        select(
            number(batch.version.workspace_id),
            written.c.contact_id,
            number(names.id("slot", action.slot.text)),
            number(names.id("content", action.content.text)),
            written.c.at,
        )
        .where(batch.of(step))
        .order_by(written.c.contact_id),
    )
    return (
        given.on_conflict_do_update(
            index_elements=["workspace_id", "contact_id", "slot_id"],
            set_={"content_id": given.excluded.content_id, "at": given.excluded.at},
        )
        .returning(table.c.contact_id)
        .cte(f"shown{step}")
    )
