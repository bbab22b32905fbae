"""What effects are made of: the batch's rows, its new journal rows, and what others hear of them.

Pure. Imports the language, `audience` and `stands`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import CTE, and_, exists, select, union
from sqlalchemy.dialects.postgresql import insert

from headless.audience.activities import told as noted
from headless.audience.values import Scope
from headless.dsl import ast
from headless.runtime.stands import NOW, Version, number
from headless.storage import tables
from headless.storage.codes import ActivityKind

Action = tuple[int, ast.Simple]
"""A step's number and what it does."""


class Batch(msgspec.Struct, frozen=True):
    """The parts of a statement that effects are made of.

    `rows` are the contacts of the batch, `written` the new journal rows of its effects; `scope`
    reads the columns of `rows`.
    """

    version: Version
    rows: CTE
    written: CTE
    scope: Scope

    def of(self, step: int) -> Any:
        """Which of the new journal rows are those of a step."""
        return self.written.c.step == number(step)


def told(
    batch: Batch,
    step: int,
    kind: ActivityKind,
    ref: int,
    changed: CTE | None,
    *,
    name: str | None = None,
    only: Callable[[Any], Any] | None = None,
    outside: bool = True,
) -> Iterator[CTE]:
    """What the step brought about, as activities, where some campaign listens for such a thing.

    `changed` and `only` say for whom it did; `name` tells several tellings of a step apart. Without
    `outside` webhooks do not hear of it.
    """
    written = batch.written
    source: Any = written
    if changed is not None:
        source = written.join(changed, changed.c.contact_id == written.c.contact_id)
    rows = (
        select(written.c.contact_id, written.c.at, written.c.enrollment_id, written.c.detail)
        .select_from(source)
        .where(batch.of(step), *([] if only is None else [only(written.c)]))
    )
    called = name or f"{step}"
    workspace_id = batch.version.workspace_id
    yield from noted(workspace_id, rows, kind, ref, now=NOW, name=called, outside=outside)


def has_changed(written: Any) -> Any:
    """Whether a journal row says that something is not what it was."""
    return written.detail["from"].is_distinct_from(written.detail["to"])


def changed(batch: Batch, steps: list[int], companies: Sequence[CTE] = ()) -> CTE:
    """Contacts whose dynamic segments must be asked again, where the workspace has any.

    Those of the steps, and all members of the changed `companies`, whose numbers stand first.
    """
    written, member = batch.written, tables.company_member
    dynamic = exists(
        select(1).where(
            tables.segment.c.workspace_id == batch.version.workspace_id,
            tables.segment.c.condition.is_not(None),
        )
    )
    about = [
        select(written.c.contact_id).where(written.c.step.in_([number(step) for step in steps])),
        *(
            select(member.c.contact_id).join(
                company,
                and_(
                    member.c.workspace_id == batch.version.workspace_id,
                    member.c.company_id == company.c[0],
                ),
            )
            for company in companies
        ),
    ]
    who = union(*about).subquery("about")
    return (
        insert(tables.contact_change)
        .from_select(
            ["workspace_id", "contact_id"],
            select(number(batch.version.workspace_id), who.c.contact_id)
            .where(dynamic)
            .order_by(who.c.contact_id),
        )
        .on_conflict_do_nothing()
        .returning(tables.contact_change.c.contact_id)
        .cte("changed")
    )
