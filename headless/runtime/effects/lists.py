"""Tags, segments and companies: what a contact is put into and taken out of.

Pure. Imports the language's codes and `batch`.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import CTE, delete, exists, literal, select
from sqlalchemy.dialects.postgresql import insert

from headless.runtime.effects.batch import Batch, told
from headless.runtime.stands import number
from headless.storage import tables
from headless.storage.codes import ActivityKind


def added(
    batch: Batch, step: int, table: Any, key: dict[str, int], when: str, kind: ActivityKind | None
) -> Iterator[CTE]:
    """Put the contacts of a step into something, once; others may listen for it."""
    written, ((column, ref),) = batch.written, key.items()
    new = (
        insert(table)
        .from_select(
            ["workspace_id", "contact_id", column, when],
            select(
                number(batch.version.workspace_id), written.c.contact_id, number(ref), written.c.at
            ).where(batch.of(step)),
        )
        .on_conflict_do_nothing()
        .returning(table.c.contact_id)
        .cte(f"added{step}")
    )
    yield new
    if kind is not None:
        yield from told(batch, step, kind, ref, new)


def removed(batch: Batch, step: int, table: Any, key: dict[str, int]) -> CTE:
    """Take the contacts of a step out of something; returns those that were in it."""
    written, ((column, ref),) = batch.written, key.items()
    return (
        delete(table)
        .where(
            table.c.workspace_id == batch.version.workspace_id,
            table.c[column] == number(ref),
            table.c.contact_id == written.c.contact_id,
            batch.of(step),
        )
        .returning(table.c.contact_id)
        .cte(f"removed{step}")
    )


def pinned(batch: Batch, step: int, segment_id: int, *, inside: bool) -> CTE:
    """Whom a step puts into a dynamic segment, or takes out of it, stays so at every rebuild."""
    written, pin, of = batch.written, tables.segment_pin, tables.segment.c
    workspace = number(batch.version.workspace_id)
    dynamic = exists(
        select(1).where(
            of.workspace_id == workspace, of.id == number(segment_id), of.condition.is_not(None)
        )
    )
    new = insert(pin).from_select(
        ["workspace_id", "segment_id", "contact_id", "inside", "at"],
        select(
            workspace, number(segment_id), written.c.contact_id, literal(inside), written.c.at
        ).where(batch.of(step), dynamic),
    )
    return (
        new.on_conflict_do_update(
            index_elements=["workspace_id", "segment_id", "contact_id"],
            set_={"inside": new.excluded.inside, "at": new.excluded.at},
        )
        .returning(pin.c.contact_id)
        .cte(f"pinned{step}")
    )
