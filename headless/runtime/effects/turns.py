"""Turns: one of several goes to the next contact, the next one to the one after, without end.

A row counts how many have been dealt; a batch takes as many at once as it needs, so two workers
deal from one row, one after the other, and nobody is skipped. Pure. Imports the language and
`batch`.
"""

from sqlalchemy import CTE, Text, case, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from headless.runtime.effects.batch import Batch
from headless.runtime.stands import number
from headless.storage import tables


def dealt(batch: Batch, step: int, choices: tuple[str, ...]) -> CTE:
    """What each contact of a step gets: `contact_id` and `choice`, in the order of their times."""
    table, written, version = tables.turn, batch.written, batch.version
    key = version.plan.steps[step].key
    wanted = select(func.count().label("needed")).where(batch.of(step)).subquery()
    given = insert(table).from_select(
        ["workspace_id", "campaign_id", "step_key", "dealt"],
        select(
            number(version.workspace_id),
            number(version.campaign_id),
            literal(key, Text),
            wanted.c.needed,
        ).where(wanted.c.needed > 0),
    )
    turned = (
        given.on_conflict_do_update(
            index_elements=["workspace_id", "campaign_id", "step_key"],
            set_={"dealt": table.c.dealt + given.excluded.dealt},
        )
        .returning(table.c.dealt)
        .cte(f"turned{step}")
    )
    # counted from the end: the row holds the sum with this batch in it
    back = func.row_number().over(order_by=(written.c.at.desc(), written.c.contact_id.desc()))
    place = (turned.c.dealt - back) % len(choices)
    choice = case(*((place == index, literal(each)) for index, each in enumerate(choices)))
    return (
        select(written.c.contact_id, choice.label("choice"))
        .select_from(written.join(turned, literal(True)))
        .where(batch.of(step))
        .cte(f"dealt{step}")
    )
