"""The journal as a stream: what has happened in campaigns behind a mark, in an order that holds.

Rows appear when their transaction ends, which can be later than the instant that they tell; so only
what is older than every transaction that still writes is read, and a mark that was given out never
has anything new before it. Imports storage.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Float, and_, cast, column, func, literal_column, select, table, tuple_

from headless import ids
from headless.problems import Problem
from headless.storage.codes import Outcome, word
from headless.storage.database import Transaction
from headless.storage.tables import campaign, journal, version

KEPT: Final = timedelta(hours=24)
"""How far back a stream can be taken up again."""
_SETTLES: Final = timedelta(milliseconds=500)
_LONGEST: Final = timedelta(seconds=30)  # that a transaction which hangs can hold streams back
_MARK: Final = re.compile(r"(\d{15,17})\.(enr_[0-9a-z]{13})\.(-?\d{1,6})\.(-?\d{1,9})")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Mark(msgspec.Struct, frozen=True):
    """A place in the journal: behind the row of this instant, run, step and visit."""

    at: datetime
    enrollment_id: int = 0
    step: int = -(2**15)
    visit: int = -(2**31)

    def text(self) -> str:
        """As clients give it back in `Last-Event-ID`."""
        micros = (self.at - _EPOCH) // _MICROSECOND
        return f"{micros}.{ids.encode('enr', self.enrollment_id)}.{self.step}.{self.visit}"


class Happened(msgspec.Struct, frozen=True):
    """One row of the journal, with the mark behind it."""

    mark: Mark
    campaign_id: int
    campaign: str
    version: int
    contact_id: int
    outcome: str
    detail: dict[str, Any] | None


def mark(text: str, *, now: datetime) -> Mark:
    """The mark that a client has; raises Problem `cursor_mismatch`."""
    found = _MARK.fullmatch(text.strip())
    number = ids.decode("enr", found[2]) if found else None
    if found is None or number is None:
        raise Problem("cursor_mismatch", "`Last-Event-ID` is the `id` of an event of this stream")
    at = _EPOCH + int(found[1]) * _MICROSECOND
    if at < now - KEPT:
        raise Problem(
            "cursor_mismatch",
            "the stream goes back 24 hours; read what is older with `GET "
            "/v1/campaigns/{name}/journal?since=…`",
        )
    return Mark(at, number, int(found[3]), int(found[4]))


def since(at: datetime, *, now: datetime) -> Mark:
    """The mark before all that happens at an instant or later; raises Problem `invalid_value`."""
    if at < now - KEPT:
        raise Problem(
            "invalid_value",
            "the stream goes back 24 hours; read what is older with `GET "
            "/v1/campaigns/{name}/journal?since=…`",
        )
    return Mark(at)


async def settled(tx: Transaction, *, now: datetime) -> datetime:
    """Up to when nothing will appear any more, as far as transactions end in half a minute."""
    activity = table(
        "pg_stat_activity", column("xact_start"), column("backend_xid"), column("datname")
    )
    oldest = func.clock_timestamp() - func.min(activity.c.xact_start)
    lag = await tx.scalar(
        select(cast(func.extract("epoch", oldest), Float)).where(
            activity.c.backend_xid.is_not(None),
            activity.c.datname == literal_column("current_database()"),
        )
    )
    return now - min(timedelta(seconds=max(lag or 0.0, 0.0)) + _SETTLES, _LONGEST)


async def behind(
    tx: Transaction,
    workspace_id: int,
    place: Mark,
    until: datetime,
    *,
    campaign_id: int | None,
    limit: int,
) -> list[Happened]:
    """What happened behind a mark and before `until`, at most `limit`, in the stream's order."""
    j, v, c = journal.c, version.c, campaign.c
    order = (j.at, j.enrollment_id, j.step, j.visit)
    made = and_(v.workspace_id == j.workspace_id, v.id == j.version_id)
    of = and_(c.workspace_id == v.workspace_id, c.id == v.campaign_id)
    asked = [] if campaign_id is None else [v.campaign_id == campaign_id]
    rows = await tx.execute(
        select(*order, j.contact_id, j.outcome, j.detail, v.campaign_id, v.number, c.name)
        .join(version, made)
        .join(campaign, of)
        .where(
            j.workspace_id == workspace_id,
            j.at >= place.at,
            j.at < until,
            tuple_(*order) > tuple_(place.at, place.enrollment_id, place.step, place.visit),
            *asked,
        )
        .order_by(*order)
        .limit(limit)
    )
    return [
        Happened(
            mark=Mark(row.at, row.enrollment_id, row.step, row.visit),
            campaign_id=row.campaign_id,
            campaign=row.name,
            version=row.number,
            contact_id=row.contact_id,
            outcome=word(Outcome(row.outcome)),
            detail=row.detail,
        )
        for row in rows
    ]
