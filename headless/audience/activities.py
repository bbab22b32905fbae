"""Activities: what contacts did, written down once.

`record` takes what comes from outside, each item once by its sender's own id. `told` is the part
of a larger statement that notes what a change brought about (a tag, a segment joined), where some
campaign listens for such a thing. Imports storage only; the engine hears what is written here.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import (
    CTE,
    BigInteger,
    Boolean,
    SmallInteger,
    Text,
    and_,
    bindparam,
    column,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert

from headless.audience.pages import pages_at
from headless.audience.traces import leave
from headless.storage.codes import ActivityKind
from headless.storage.database import Transaction
from headless.storage.tables import (
    Instant,
    activity,
    activity_seen,
    activity_todo,
    contact_change,
    listener,
    segment_watch,
)

_COLUMNS: Final[dict[str, Any]] = {
    "contact_id": BigInteger,
    "kind": SmallInteger,
    "ref": BigInteger,
    "occurred_at": Instant,
    "message_id": BigInteger,
    "machine": Boolean,
    "properties": JSONB(none_as_null=True),
    "key": Text,
}


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a contact did.

    `key` is the sender's own id with its source before it (`api:evt-1`): what comes twice counts
    once. `ref` is what it was done to, `machine` that a program did it and not the person.
    """

    contact_id: int
    kind: ActivityKind
    occurred_at: datetime
    ref: int = 0
    key: str | None = None
    message_id: int | None = None
    machine: bool = False
    properties: dict[str, Any] | None = None


class Recorded(msgspec.Struct, frozen=True):
    """The new activities' ids, and how many were known already."""

    ids: tuple[int, ...]
    duplicates: int


async def record(
    tx: Transaction, workspace_id: int, activities: Sequence[Activity], *, now: datetime
) -> Recorded:
    """Write activities down; those whose key was seen before are passed over.

    A visit that carries only its `url` becomes one of the page that stands there. Whoever calls
    lets the engine hear the ids in the same transaction.
    """
    fresh = await _unseen(tx, workspace_id, activities, now)
    if not fresh:
        return Recorded((), len(activities))
    fresh = await _with_pages(tx, workspace_id, fresh)
    arrays = {name: [_plain(item, name) for item in fresh] for name in _COLUMNS if name != "key"}
    rows = (
        func.unnest(*(bindparam(n, type_=ARRAY(_COLUMNS[n])) for n in arrays))
        .table_valued(*(column(n, _COLUMNS[n]) for n in arrays), name="given")
        .render_derived()
    )
    result = await tx.execute(
        insert(activity)
        .from_select(
            ["workspace_id", "received_at", *arrays],
            select(literal(workspace_id), literal(now, Instant), *(rows.c[n] for n in arrays)),
        )
        .returning(activity.c.id),
        arrays,
    )
    ids = tuple(row.id for row in result)
    await _ask_again(tx, workspace_id, ids)
    await leave(tx, workspace_id, ids, {item.kind for item in fresh}, now=now)
    return Recorded(ids, len(activities) - len(fresh))


async def _with_pages(tx: Transaction, workspace_id: int, fresh: list[Activity]) -> list[Activity]:
    urls = {url for item in fresh if (url := _only_url(item)) is not None}
    if not urls:
        return fresh
    found = await pages_at(tx, workspace_id, urls)
    return [
        msgspec.structs.replace(item, ref=found.get(_only_url(item) or "", 0) or item.ref)
        for item in fresh
    ]


def _only_url(item: Activity) -> str | None:
    """Where a visit was that does not say which page that is."""
    if item.ref or item.kind not in (ActivityKind.VISITED, ActivityKind.SPENT):
        return None
    url = (item.properties or {}).get("url")
    return url if isinstance(url, str) and "\0" not in url else None


async def _ask_again(tx: Transaction, workspace_id: int, ids: Sequence[int]) -> None:
    """Note the contacts of new activities for the dynamic segments that watch for such."""
    watching = and_(
        segment_watch.c.workspace_id == activity.c.workspace_id,
        segment_watch.c.kind == activity.c.kind,
        segment_watch.c.ref.in_([activity.c.ref, 0]),
    )
    noted = await tx.execute(
        insert(contact_change)
        .from_select(
            ["workspace_id", "contact_id"],
            select(activity.c.workspace_id, activity.c.contact_id)
            .join(segment_watch, watching)
            .where(
                activity.c.workspace_id == workspace_id,
                activity.c.id == bindparam("ids", list(ids), type_=ARRAY(BigInteger)).any_(),
            )
            .distinct()
            .order_by(activity.c.contact_id),
        )
        .on_conflict_do_nothing()
        .returning(contact_change.c.contact_id)
    )
    if noted.first() is not None:
        tx.wake("refresh", workspace_id)


def _plain(item: Activity, name: str) -> Any:
    value = getattr(item, name)
    return int(value) if name == "kind" else value


async def _unseen(
    tx: Transaction, workspace_id: int, activities: Sequence[Activity], now: datetime
) -> list[Activity]:
    keyed = {item.key: item for item in reversed(activities) if item.key is not None}
    unkeyed = [item for item in activities if item.key is None]
    if not keyed:
        return unkeyed
    keys = bindparam("keys", sorted(keyed), type_=ARRAY(Text))
    result = await tx.execute(
        insert(activity_seen)
        .from_select(
            ["workspace_id", "key", "arrived_at"],
            select(literal(workspace_id), func.unnest(keys), literal(now, Instant)),
        )
        .on_conflict_do_nothing()
        .returning(activity_seen.c.key)
    )
    new = {row.key for row in result}
    return [*(item for key, item in keyed.items() if key in new), *unkeyed]


def told(
    workspace_id: int, rows: Any, kind: ActivityKind, ref: int, *, now: Any, name: str
) -> tuple[CTE, CTE]:
    """Two parts of a statement that note what a change brought about, where somebody asks for it.

    `rows` is a select of (contact_id, occurred_at, enrollment_id, properties). The engine hears
    them after the commit, in a transaction of their own, so that two batches that wake each
    other's positions cannot deadlock; the caller sends the wake-up `hear`. Dynamic segments that
    watch for such a thing are asked again about the contacts.
    """

    def asked(table: Any) -> Any:
        return exists(
            select(1).where(
                table.c.workspace_id == workspace_id,
                table.c.kind == int(kind),
                table.c.ref.in_([ref, 0]),
            )
        )

    given = rows.subquery(f"rows_{name}")
    noted = (
        insert(activity)
        .from_select(
            ["workspace_id", "kind", "ref", "received_at",
             "contact_id", "occurred_at", "enrollment_id", "properties"],
            select(
                literal(workspace_id), literal(int(kind), SmallInteger), literal(ref, BigInteger),
                now, *given.c,
            ).where(or_(asked(listener), asked(segment_watch))),
        )
        .returning(activity.c.workspace_id, activity.c.id, activity.c.contact_id)
        .cte(f"told_{name}")
    )  # fmt: skip
    again = (
        insert(contact_change)
        .from_select(
            ["workspace_id", "contact_id"],
            select(noted.c.workspace_id, noted.c.contact_id)
            .where(asked(segment_watch))
            .distinct()
            .order_by(noted.c.contact_id),
        )
        .on_conflict_do_nothing()
        .returning(contact_change.c.contact_id)
        .cte(f"again_{name}")
    )
    todo = (
        insert(activity_todo)
        .from_select(["workspace_id", "activity_id"], select(noted.c.workspace_id, noted.c.id))
        .add_cte(again)
        .returning(activity_todo.c.activity_id)
        .cte(f"todo_{name}")
    )
    return noted, todo
