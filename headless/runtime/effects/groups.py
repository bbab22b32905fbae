"""Points in groups: a number of its own for each contact and group.

Pure. Imports `audience.values` and `batch`. Two steps on one group never stand in the same run
(`paths` sees to that), so that a row is changed but once in a statement.
"""

from collections.abc import Iterator

from sqlalchemy import CTE, select
from sqlalchemy.dialects.postgresql import insert

from headless.runtime.effects.batch import Batch, told
from headless.runtime.stands import number
from headless.storage import tables
from headless.storage.codes import ActivityKind


def points_changed(batch: Batch, step: int, group_id: int, change: int) -> Iterator[CTE]:
    """Add to the contacts' points in a group, locked in the order of their ids."""
    written, table = batch.written, tables.contact_points
    given = insert(table).from_select(
        ["workspace_id", "contact_id", "group_id", "points"],
        select(
            number(batch.version.workspace_id),
            written.c.contact_id,
            number(group_id),
            number(change),
        )
        .where(batch.of(step))
        .order_by(written.c.contact_id),
    )
    changed = (
        given.on_conflict_do_update(
            index_elements=["workspace_id", "contact_id", "group_id"],
            set_={"points": table.c.points + given.excluded.points},
        )
        .returning(table.c.contact_id)
        .cte(f"grouped{step}")
    )
    yield changed
    yield from told(batch, step, ActivityKind.REACHED_POINTS, group_id, changed)
