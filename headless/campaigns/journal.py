"""The journal of a campaign, page by page: which steps contacts took, the newest first.

A page begins behind a mark, so what is written meanwhile shifts nothing. The newest of a long
journal are looked for in spans of time that grow until enough is found. Imports `publish`,
`stream`, `why` and storage.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Select, and_, select, tuple_

from headless.campaigns.publish import find
from headless.campaigns.stream import Mark
from headless.campaigns.why import Line, lines_of, told
from headless.storage.codes import Outcome
from headless.storage.database import Transaction
from headless.storage.tables import enrollment, journal, version

OutcomeWord = Literal[
    "entered", "done", "yes", "no", "sent", "skipped", "failed", "held", "exited", "goal",
    "stopped", "removed", "dropped", "ignored",
]  # fmt: skip
"""What a step can come to, as the journal says it."""
_FIRST: Final = timedelta(minutes=5)
_GROWS: Final = 12  # five minutes, an hour, twelve hours, six days, ten weeks, all
_SPANS: Final = 5
_ORDER: Final = (journal.c.at, journal.c.enrollment_id, journal.c.step, journal.c.visit)


class Sought(msgspec.Struct, frozen=True):
    """Which lines: of a contact, with an outcome, at `since` or later, before `until`."""

    contact_id: int | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None


async def listing(
    tx: Transaction,
    workspace_id: int,
    campaign_id: int,
    sought: Sought,
    *,
    limit: int,
    behind: Mark | None = None,
    now: datetime,
) -> list[tuple[Mark, Line]]:
    """The newest lines of a campaign's journal behind a mark, each with its own; newest first.

    Raises Problem `not_found`.
    """
    await find(tx, workspace_id, campaign_id)
    query = _keys(workspace_id, campaign_id, sought, behind).limit(limit)
    keys: list[Any] = []
    for since in _spans(sought, behind, now):
        part = query if since is None else query.where(journal.c.at >= since)
        keys = list((await tx.execute(part.execution_options(page=query))).all())
        if len(keys) == limit:
            break
    if not keys:
        return []
    whole = tuple_(*_ORDER[1:]).in_([tuple(key[1:]) for key in keys])
    rows = await tx.execute(
        lines_of(workspace_id).where(whole).order_by(*(one.desc() for one in _ORDER))
    )
    found = rows.all()
    marks = [Mark(row.at, row.enrollment_id, row.step, row.visit) for row in found]
    return list(zip(marks, await told(tx, workspace_id, found), strict=True))


def _keys(workspace_id: int, campaign_id: int, sought: Sought, behind: Mark | None) -> Select[Any]:
    """The keys of the lines, without the span of time that they are looked for in."""
    j, v, e = journal.c, version.c, enrollment.c
    made = select(v.id).where(v.workspace_id == workspace_id, v.campaign_id == campaign_id)
    query = select(*_ORDER).where(j.workspace_id == workspace_id, j.version_id.in_(made))
    if sought.contact_id is not None:
        runs = select(e.id).where(
            e.workspace_id == workspace_id,
            e.campaign_id == campaign_id,
            e.contact_id == sought.contact_id,
        )
        query = query.where(j.enrollment_id.in_(runs))
    if sought.outcome is not None:
        query = query.where(j.outcome == int(sought.outcome))
    if sought.since is not None:
        query = query.where(j.at >= sought.since)
    if sought.until is not None:
        query = query.where(j.at < sought.until)
    if behind is not None:
        place = tuple_(behind.at, behind.enrollment_id, behind.step, behind.visit)
        query = query.where(and_(j.at <= behind.at, tuple_(*_ORDER) < place))
    return query.order_by(*(one.desc() for one in _ORDER))


def _spans(sought: Sought, behind: Mark | None, now: datetime) -> Iterator[datetime | None]:
    """From when on to look, one after the other; None: from the beginning."""
    known = (now, sought.until, behind.at if behind is not None else None)
    ends = min(one for one in known if one is not None)
    span = _FIRST
    if sought.contact_id is None:  # one contact's runs are few, and found by their numbers
        for _ in range(_SPANS):
            if sought.since is not None and ends - span <= sought.since:
                break
            yield ends - span
            span *= _GROWS
    yield None
