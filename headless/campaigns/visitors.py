"""Visitors: browsers on the workspace's websites, and how what they do becomes a contact's.

A browser becomes a contact's by the ticket of a click (`channels.handover`), or by a form that made
the contact. Until then what it does waits with it, and is that contact's afterwards. Everything
reaches the same activities as all the rest. Imports `audience`, `handover`, the runtime, storage.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from headless.audience.activities import Activity, record
from headless.channels.handover import Ticket
from headless.runtime.listen import hear
from headless.runtime.versions import Versions
from headless.storage import tables
from headless.storage.codes import ActivityKind
from headless.storage.database import Database, Transaction

KEY: Final = r"[A-Za-z0-9_-]{16,64}"
WAITING: Final = 50  # what a browser that nobody knows can have done
WAITS: Final = timedelta(days=30)


class Deed(msgspec.Struct, frozen=True):
    """One thing that a browser did; `key` makes it count once."""

    kind: int
    ref: int
    at: datetime
    key: str
    properties: dict[str, Any]


class _Waiting(msgspec.Struct, frozen=True):
    items: list[Deed] = []


async def take(
    database: Database,
    versions: Versions,
    workspace_id: int,
    visitor_key: str,
    deeds: Sequence[Deed],
    *,
    ticket: Ticket | None = None,
    claim: int | None = None,
    now: datetime,
) -> int | None:
    """Take what a browser did; the number of its contact, None while nobody knows whose it is.

    `ticket` ties it to the contact of a click, `claim` to a contact that its own form has just
    made; neither takes a browser away from the contact that it has.
    """
    async with database.transaction() as tx:
        contact_id, waiting = await _visitor(tx, workspace_id, visitor_key, now)
        if contact_id is None and ticket is not None and ticket.workspace_id == workspace_id:
            contact_id = await _handed_over(tx, ticket, now)
        if contact_id is None:
            contact_id = claim
        whole = [*waiting, *deeds]
        if contact_id is None:
            await _keep(tx, workspace_id, visitor_key, None, whole[-WAITING:])
            return None
        if waiting or claim is not None or ticket is not None:
            await _keep(tx, workspace_id, visitor_key, contact_id, [])
        await note(tx, versions, workspace_id, contact_id, whole, now=now)
        return contact_id


async def note(
    tx: Transaction,
    versions: Versions,
    workspace_id: int,
    contact_id: int,
    deeds: Sequence[Deed],
    *,
    now: datetime,
) -> None:
    """Write deeds down as a contact's and let the campaigns hear them."""
    activities = [
        Activity(
            contact_id=contact_id,
            kind=ActivityKind(deed.kind),
            ref=deed.ref,
            occurred_at=min(deed.at, now),
            key=f"web:{deed.key}",
            properties=deed.properties,
        )
        for deed in deeds
    ]
    if not activities:
        return
    recorded = await record(tx, workspace_id, activities, now=now)
    if recorded.ids:
        await hear(tx, versions, workspace_id, recorded.ids, about=recorded.about, now=now)


async def known(tx: Transaction, workspace_id: int, visitor_key: str) -> int | None:
    """The contact that a browser belongs to."""
    v = tables.visitor.c
    number: int | None = await tx.scalar(
        select(v.contact_id).where(v.workspace_id == workspace_id, v.key == visitor_key)
    )
    return await _present(tx, workspace_id, number)


async def _visitor(
    tx: Transaction, workspace_id: int, key: str, now: datetime
) -> tuple[int | None, list[Deed]]:
    """The browser's contact and what waits with it, locked; made when it is new."""
    v = tables.visitor
    given = insert(v).values(workspace_id=workspace_id, key=key, created_at=now, seen_at=now)
    row = (
        await tx.execute(
            given.on_conflict_do_update(
                index_elements=["workspace_id", "key"], set_={"seen_at": given.excluded.seen_at}
            ).returning(v.c.contact_id, v.c.waiting)
        )
    ).one()
    items = msgspec.convert(row.waiting, _Waiting, strict=False).items
    contact_id = await _present(tx, workspace_id, row.contact_id)
    return contact_id, [item for item in items if item.at > now - WAITS]


async def _present(tx: Transaction, workspace_id: int, contact_id: int | None) -> int | None:
    """The contact, or the one that it has become a part of; None when it is gone."""
    for _ in range(5):
        if contact_id is None:
            return None
        c, gone = tables.contact.c, tables.gone_contact.c
        if await tx.scalar(select(c.id).where(c.workspace_id == workspace_id, c.id == contact_id)):
            return contact_id
        contact_id = await tx.scalar(
            select(gone.into_id).where(
                gone.workspace_id == workspace_id, gone.contact_id == contact_id
            )
        )
    return None


async def _handed_over(tx: Transaction, ticket: Ticket, now: datetime) -> int | None:
    """The contact of a ticket, the first time that its message hands over."""
    first = await tx.execute(
        insert(tables.handover)
        .values(workspace_id=ticket.workspace_id, message_id=ticket.message_id, at=now)
        .on_conflict_do_nothing()
        .returning(tables.handover.c.message_id)
    )
    if first.first() is None:
        return None
    return await _present(tx, ticket.workspace_id, ticket.contact_id)


async def _keep(
    tx: Transaction, workspace_id: int, key: str, contact_id: int | None, items: Sequence[Deed]
) -> None:
    v = tables.visitor
    await tx.execute(
        update(v)
        .where(v.c.workspace_id == workspace_id, v.c.key == key)
        .values(contact_id=contact_id, waiting=msgspec.to_builtins(_Waiting(list(items))))
    )


async def page_of(tx: Transaction, workspace_id: int, url: str, base_url: str) -> int:
    """The number of the page that stands at an address, 0 for one that nobody has named."""
    p = tables.page.c
    bare = url.partition("#")[0].partition("?")[0]
    slug = bare.removeprefix(f"{base_url}/p/") if bare.startswith(f"{base_url}/p/") else None
    escaped: Any = p.url
    for mark in ("\\", "%", "_"):
        escaped = func.replace(escaped, mark, f"\\{mark}")
    pattern = func.rtrim(func.replace(escaped, "*", "%"), "/")
    whole = func.strpos(p.url, "?") > 0
    fits = func.rtrim(url, "/").ilike(pattern) & whole | func.rtrim(bare, "/").ilike(pattern)
    found: int | None = await tx.scalar(
        select(p.id)
        .where(p.workspace_id == workspace_id, (p.slug == slug) if slug else fits)
        .order_by(func.length(p.url).desc().nulls_first(), p.id)
        .limit(1)
    )
    return found or 0
