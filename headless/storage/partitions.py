"""Partitions: the big tables cut by months, made ahead of time, dropped when they are old.

PostgreSQL wants the partition's column in every unique key, so the cut is not by time but by
number: the journal by its run's, messages and activities by their own. At the turn of a month the
sequences jump to a round number (`first`), so a range of numbers is a month, keys stay as narrow as
they were, and whoever looks by number looks into one partition. Numbers below the first jump are in
partition 0, which every database is born with and keeps.

Imports `database`. Running it twice, or in several processes at once, is harmless.
"""

from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from headless.storage.database import Database, Transaction

_LOCK: Final = 7_236_514
_BITS: Final = 36  # a month has room for 68 thousand million numbers, 2**53 for ten thousand years
_EPOCH: Final = 2026 * 12  # January 2026 is month 1
_AHEAD: Final = 2
_PATIENCE: Final = "2s"


class Cut(msgspec.Struct, frozen=True):
    """A table in months: `column` is what it is cut by, `sequence` the table that numbers it."""

    table: str
    column: str
    sequence: str
    options: str = ""

    def partition(self, month: int) -> str:
        """`journal_2026_11`; `journal_0` for the numbers before the first jump."""
        if month == 0:
            return f"{self.table}_0"
        years, months = divmod(month - 1 + _EPOCH, 12)
        return f"{self.table}_{years}_{months + 1:02}"


CUTS: Final = (  # an activity or a message is never of an earlier month than the run that it is for
    Cut("activity", "id", "activity"),
    Cut("message", "id", "message", " with (fillfactor = 85)"),
    Cut("journal", "enrollment_id", "enrollment"),
)


class Kept(msgspec.Struct, frozen=True):
    """For how many months each table keeps its rows; 0: for ever."""

    activity: int = 0
    journal: int = 0
    message: int = 0
    audit: int = 0


def month_of(instant: datetime) -> int:
    """The number of an instant's month; 0 for all before 2026."""
    return max(instant.year * 12 + instant.month - _EPOCH, 0)


def first(month: int) -> int:
    """The first number of a month."""
    return month << _BITS


# ---------------------------------------------------------------- ahead of time


async def prepare(database: Database, *, now: datetime) -> int:
    """Make this month's partitions and the next two, and let the numbers jump; how many were made.

    Should nobody do this at the turn of a month, rows go on into the month before: nothing is lost,
    they are kept a little longer.
    """
    month, made = month_of(now), 0
    if month == 0:
        return 0
    async with database.transaction() as tx:
        await _alone(tx)
        for cut in CUTS:
            there = await _months(tx, cut)
            for ahead in range(month, month + 1 + _AHEAD):
                if ahead not in there:
                    await _make(tx, cut, ahead)
                    made += 1
        for cut in CUTS:  # in this order: see `CUTS`
            await tx.execute(
                text(
                    "select setval(pg_get_serial_sequence(:table, 'id'), :first, false)"
                    " where coalesce(pg_sequence_last_value("
                    "pg_get_serial_sequence(:table, 'id')::regclass), 0) < :first"
                ),
                {"table": cut.sequence, "first": first(month)},
            )
    return made


async def ahead(tx: Transaction, *, now: datetime) -> bool:
    """Whether every table has the partition of the month after this one."""
    wanted = month_of(now) + 1
    return all([wanted in await _months(tx, cut) for cut in CUTS])


async def _alone(tx: Transaction) -> None:
    """One process at a time, and nobody waits long behind us for a table."""
    await tx.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    await tx.execute(text(f"set local lock_timeout = '{_PATIENCE}'"))


async def _months(tx: Transaction, cut: Cut) -> dict[int, str]:
    """The months that a table has partitions of."""
    rows = await tx.execute(
        text(
            "select child.relname from pg_inherits"
            " join pg_class child on child.oid = inhrelid"
            " where inhparent = cast(cast(:table as text) as regclass)"
        ),
        {"table": cut.table},
    )
    found: dict[int, str] = {}
    for (name,) in rows:
        tail = name.removeprefix(f"{cut.table}_").split("_")
        if len(tail) == 2:
            found[int(tail[0]) * 12 + int(tail[1]) - _EPOCH] = name
        else:
            found[0] = name
    return found


async def _make(tx: Transaction, cut: Cut, month: int) -> None:
    """Made beside the table and then attached: those who read and write it do not wait."""
    name = cut.partition(month)
    await tx.execute(
        text(
            f"create table {name} (like {cut.table} including defaults including constraints"
            f" including indexes including storage){cut.options}"
        )
    )
    await tx.execute(
        text(
            f"alter table {cut.table} attach partition {name}"
            f" for values from ({first(month)}) to ({first(month + 1)})"
        )
    )


# ---------------------------------------------------------------- retention

_RUNNING: Final = (
    "select exists (select 1 from workspace w cross join lateral (select 1 from position p"
    " where p.workspace_id = w.id and p.enrollment_id >= :low and p.enrollment_id < :high"
    " limit 1) running)"
)
"""Whether somebody stands in a run whose number is in a range."""
_NEEDED: Final = (
    "select exists (select 1 from {name} m where m.state in (0, 1) or exists (select 1"
    " from position p where p.workspace_id = m.workspace_id"
    " and p.enrollment_id = m.enrollment_id))"
)
"""Whether a message of a partition waits to be sent, or belongs to a run that goes on."""


async def drop(database: Database, kept: Kept, *, now: datetime) -> list[str]:
    """Drop what is older than it is kept, and that no running run may ask for; the names of it.

    A journal's partition goes when all of its runs have ended, a message's when none of its
    messages waits or belongs to a run that goes on, an activity's when every run that goes on has
    begun after it.
    """
    dropped: list[str] = []
    for cut in CUTS:
        months = getattr(kept, cut.table)
        if months == 0:
            continue
        async with database.transaction() as tx:
            there = await _months(tx, cut)
        for month, name in sorted(there.items()):
            old = 0 < month < month_of(now) - months
            if old and await _drop(database, cut, month, name):
                dropped.append(name)
    return dropped


async def _drop(database: Database, cut: Cut, month: int, name: str) -> bool:
    low = 0 if cut.table == "activity" else first(month)
    try:
        async with database.transaction() as tx:
            await _alone(tx)
            if cut.table == "message":
                await tx.whole_tables()
                needed = await tx.scalar(text(_NEEDED.format(name=name)))
            else:
                numbers = {"low": low, "high": first(month + 1)}
                needed = await tx.scalar(text(_RUNNING), numbers)
            if not needed:
                await tx.execute(text(f"drop table {name}"))
            return not needed
    except DBAPIError:  # somebody holds the table for longer than we wait: next time
        return False
