"""The audit: who did what to what, and who looked at whose data.

A row is written in the transaction of the act itself, so that neither is kept without the other.
The API writes them by one mechanism for all its routes (`api.auditing`), Slack by itself. Rows say
nothing personal but ids, and go when they are older than the installation keeps them. Imports
storage.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import delete, insert, select, update

from headless.storage.database import Database, Transaction
from headless.storage.tables import audit

SYSTEM: Final = "system"
"""The actor where nobody asked: a sweep, a limit, a schedule."""
_AT_ONCE: Final = 10_000
_DAYS: Final = 30.4375  # of a month, on the average


class Entry(msgspec.Struct, frozen=True):
    """One act; `actor` is a member, a token, or who else acts, as `record` was told."""

    id: int
    at: datetime
    actor: str
    act: str
    subject: str
    detail: dict[str, Any]


class Sought(msgspec.Struct, frozen=True):
    """Which entries are asked for; None asks nothing. `since` is included, `until` is not."""

    actor: str | None = None
    act: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def record(
    tx: Transaction,
    workspace_id: int,
    *,
    actor: str,
    act: str,
    subject: str,
    detail: dict[str, Any],
    now: datetime,
) -> int:
    """Note an act in the transaction that does it; answers the entry's number.

    `actor` is `mem_…`, `tok_…` or another name with its kind before a colon (`slack:T1/U2`); `act`
    is what was done, as a verb and a noun (`pause_campaign`); `subject` is an id or a name;
    `detail` is JSON without personal data.
    """
    values = {"actor": actor, "act": act, "subject": subject, "detail": detail, "at": now}
    made = insert(audit).values(workspace_id=workspace_id, **values).returning(audit.c.id)
    return int(await tx.scalar(made))


async def name_subject(tx: Transaction, workspace_id: int, entry_id: int, subject: str) -> None:
    """Say what an entry is about, where that was known only afterwards."""
    await tx.execute(
        update(audit)
        .where(audit.c.workspace_id == workspace_id, audit.c.id == entry_id)
        .values(subject=subject)
    )


async def listing(
    tx: Transaction, workspace_id: int, sought: Sought, *, limit: int, before: int | None = None
) -> list[Entry]:
    """The newest entries first, at most `limit` of those before the one with number `before`."""
    asked = [audit.c.workspace_id == workspace_id]
    if before is not None:
        asked.append(audit.c.id < before)
    asked += [
        audit.c[name] == wanted
        for name in ("actor", "act", "subject")
        if (wanted := getattr(sought, name)) is not None
    ]
    if sought.since is not None:
        asked.append(audit.c.at >= sought.since)
    if sought.until is not None:
        asked.append(audit.c.at < sought.until)
    rows = await tx.execute(
        select(*[audit.c[name] for name in Entry.__struct_fields__])
        .where(*asked)
        .order_by(audit.c.id.desc())
        .limit(limit)
    )
    return [Entry(**dict(row)) for row in rows.mappings()]


async def blank(tx: Transaction, workspace_id: int, subjects: Collection[str]) -> None:
    """Forget the details of what was done to these subjects: they are erased; that it was stays."""
    await tx.execute(
        update(audit)
        .where(audit.c.workspace_id == workspace_id, audit.c.subject.in_(sorted(subjects)))
        .values(detail={})
    )


async def drop(database: Database, months: int, *, now: datetime) -> int:
    """Delete what is older than so many months (0: nothing), of all workspaces; how many."""
    if not months:
        return 0
    dropped, before = 0, now - timedelta(days=months * _DAYS)
    old = select(audit.c.workspace_id, audit.c.id).where(audit.c.at < before).limit(_AT_ONCE)
    oldest = old.subquery()
    while True:
        async with database.transaction() as tx:
            gone = await tx.execute(
                delete(audit).where(
                    audit.c.workspace_id == oldest.c.workspace_id, audit.c.id == oldest.c.id
                )
            )
        dropped += gone.rowcount
        if gone.rowcount < _AT_ONCE:
            return dropped
