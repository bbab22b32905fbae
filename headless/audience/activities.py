"""Activities: what contacts did, written down once.

`record` takes what comes from outside, each item once by its sender's own id. `told` is the part
of a larger statement that notes what a change brought about (a tag, a segment joined), where some
campaign listens for such a thing. Imports `pages`, `reported`, `seen`, `traces` and storage; the
engine hears what is written here.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
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
    case,
    column,
    exists,
    false,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert

from headless.audience.pages import pages_at
from headless.audience.reported import REPORTED, reported
from headless.audience.seen import claiming
from headless.audience.traces import leave
from headless.storage.codes import ActivityKind, Channel, EnrollmentState, word
from headless.storage.database import WORKSPACES, Transaction
from headless.storage.many import many
from headless.storage.tables import (
    Instant,
    activity,
    activity_todo,
    contact_change,
    listener,
    segment,
    segment_watch,
)
from headless.workspace.webhooks import telling

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
_IDS: Final = many("ids", BigInteger)
_NOW: Final = bindparam("now", type_=Instant)


_TOLD: Final = 4
"""The columns of `told`'s rows that make an activity."""
_OUTSIDE: Final = {
    ActivityKind.JOINED_SEGMENT: "segment.member_added",
    ActivityKind.LEFT_SEGMENT: "segment.member_removed",
    ActivityKind.JOINED_CAMPAIGN: "enrollment.entered",
    ActivityKind.LEFT_CAMPAIGN: "enrollment.exited",
    ActivityKind.ENTERED_STAGE: "contact.stage_changed",
    ActivityKind.REACHED_POINTS: "contact.points_changed",
    ActivityKind.CHANGED: "contact.updated",
    ActivityKind.UNSUBSCRIBED: "contact.unsubscribed",
}
"""What webhooks are told of what steps bring about."""


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
    """The new activities' ids, how many were known already, and each (kind, ref) among them."""

    ids: tuple[int, ...]
    duplicates: int
    about: frozenset[tuple[int, int]] = frozenset()


async def record(
    tx: Transaction, workspace_id: int, activities: Sequence[Activity], *, now: datetime
) -> Recorded:
    """Write activities down; those whose key was seen before are passed over.

    A visit that carries only its `url` becomes one of the page that stands there. Whoever calls
    lets the engine hear the ids in the same transaction.
    """
    given = await _with_pages(tx, workspace_id, _once(activities))
    if not given:
        return Recorded((), 0)
    about = {(int(item.kind), item.ref) for item in given}
    values, varying = _columns(given)
    values["kinds"], values["refs"] = zip(*about, strict=True)
    kinds = {item.kind for item in given}
    written = _written(workspace_id, varying, not kinds.isdisjoint(REPORTED))
    row = (await tx.execute(written, {"now": now, **values})).one()
    ids = tuple(row.ids or ())
    if ids:
        await _follow_up(tx, workspace_id, ids, kinds, row, now)
    return Recorded(ids, len(activities) - len(ids), frozenset(about))


async def _follow_up(
    tx: Transaction,
    workspace_id: int,
    ids: tuple[int, ...],
    kinds: set[ActivityKind],
    asked: Any,
    now: datetime,
) -> None:
    """What else has to be written where somebody asks for such activities."""
    if asked.watched:
        await _ask_again(tx, workspace_id, ids)
    await leave(tx, workspace_id, ids, kinds, now=now)
    if asked.reported:
        await tx.execute(reported(workspace_id), {"ids": list(ids), "now": now})


def _once(activities: Sequence[Activity]) -> list[Activity]:
    """Each key once, in the keys' order, so that two who bring the same cannot deadlock; then
    what has none."""
    keyed = {item.key: item for item in reversed(activities) if item.key is not None}
    unkeyed = [item for item in activities if item.key is None]
    return [*(keyed[key] for key in sorted(keyed)), *unkeyed]


def _columns(given: Sequence[Activity]) -> tuple[dict[str, Any], frozenset[str]]:
    """The activities by columns, and which of those vary: what all agree in is no array."""
    values: dict[str, Any] = {}
    varying = {"contact_id"}
    for name in _COLUMNS:
        all_ = [getattr(item, name) for item in given]
        # of documents and keys only none are the same: `1 == True`, and a key is looked up
        first = None if name in ("properties", "key") else all_[0]
        if name in varying or all_.count(first) < len(all_):
            varying.add(name)
            values[name] = all_
        elif name != "key":
            values[name] = first
    return values, frozenset(varying)


@lru_cache(maxsize=8 * WORKSPACES)
def _written(workspace_id: int, varying: frozenset[str], reports: bool) -> Any:
    """New activities, but for those whose `key` was there; of each column that varies out of an
    array.

    One row: their `ids`, whether segments watch for one of `:kinds` with its `:refs`, and whether
    webhooks are `reported` anything. Takes `:now`, too.
    """
    names = [name for name in _COLUMNS if name in varying]
    given = select(_rows({name: name for name in names}, "given")).cte("given")
    fresh = select(given)
    if "key" in varying:
        keys = select(given.c.key).where(given.c.key.is_not(None))
        seen = claiming(workspace_id, keys).cte("seen")
        # as a hash, which a condition that can also be met otherwise is asked in
        fresh = fresh.where(or_(given.c.key.is_(None), given.c.key.in_(select(seen.c.key))))
    rows = fresh.subquery("fresh")
    columns: dict[str, Any] = {
        name: rows.c[name] if name in varying else bindparam(name, type_=type_)
        for name, type_ in _COLUMNS.items()
        if name != "key"
    }
    made = (
        insert(activity)
        .from_select(
            ["workspace_id", "received_at", *columns],
            select(literal(workspace_id), _NOW, *columns.values()),
        )
        .returning(activity.c.id)
        .cte("made")
    )
    about = _rows({"kind": "kinds", "ref": "refs"}, "about")
    watched = exists(
        select(1)
        .select_from(about)
        .join(segment_watch, _watching(about))
        .where(segment_watch.c.workspace_id == workspace_id)
    )
    return select(
        select(func.array_agg(made.c.id, type_=ARRAY(BigInteger))).scalar_subquery().label("ids"),
        watched.label("watched"),
        (telling.anybody(workspace_id) if reports else false()).label("reported"),
    )


def _rows(names: dict[str, str], called: str) -> Any:
    """A table out of arrays: its columns' names, and those of the arrays."""
    return (
        func.unnest(*(many(names[n], _COLUMNS[n]) for n in names))
        .table_valued(*(column(n, _COLUMNS[n]) for n in names), name=called)
        .render_derived()
    )


def _watching(rows: Any) -> Any:
    return and_(
        segment_watch.c.kind == rows.c.kind, segment_watch.c.ref.in_([rows.c.ref, literal(0)])
    )


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
    noted = await tx.execute(_asked_again(workspace_id), {"ids": list(ids)})
    if noted.first() is not None:
        tx.wake("refresh", workspace_id)


@lru_cache(maxsize=WORKSPACES)
def _asked_again(workspace_id: int) -> Any:
    watching = and_(segment_watch.c.workspace_id == activity.c.workspace_id, _watching(activity))
    return (
        insert(contact_change)
        .from_select(
            ["workspace_id", "contact_id"],
            select(activity.c.workspace_id, activity.c.contact_id)
            .join(segment_watch, watching)
            .where(activity.c.workspace_id == workspace_id, activity.c.id == _IDS.any_())
            .distinct()
            .order_by(activity.c.contact_id),
        )
        .on_conflict_do_nothing()
        .returning(contact_change.c.contact_id)
    )


def _for_others(workspace_id: int, given: Any, kind: ActivityKind, ref: int) -> Any:
    """What `told` knows as webhooks are told: a select of (type, at, data)."""
    type_: Any = literal(_OUTSIDE[kind], Text)
    columns = list(given.c)
    members: dict[str, Any] = {"contact_id": columns[0]}
    where = []
    match kind:
        case ActivityKind.JOINED_SEGMENT | ActivityKind.LEFT_SEGMENT:
            members["segment_id"] = literal(ref, BigInteger)
            where.append(_named_segment(workspace_id, ref))
        case ActivityKind.JOINED_CAMPAIGN | ActivityKind.LEFT_CAMPAIGN:
            members |= {"campaign_id": literal(ref, BigInteger), "enrollment_id": columns[2]}
            if len(columns) > _TOLD:
                state = columns[_TOLD]
                goal = literal("enrollment.goal_reached", Text)
                type_ = case((state == int(EnrollmentState.GOAL), goal), else_=type_)
                words = [(state == int(each), word(each)) for each in EnrollmentState]
                members["state"] = case(*words)
        case ActivityKind.UNSUBSCRIBED:
            members["channel"] = literal(word(Channel(ref)) if ref else None, Text)
        case _:
            pass
    return select(type_, columns[1], telling.data(**members)).where(*where)


def _named_segment(workspace_id: int, segment_id: int) -> Any:
    """Whether a segment is one that people know, and not a campaign's own source."""
    return exists(
        select(1).where(
            segment.c.workspace_id == workspace_id,
            segment.c.id == segment_id,
            segment.c.campaign_id.is_(None),
        )
    )


def told(
    workspace_id: int,
    rows: Any,
    kind: ActivityKind,
    ref: int,
    *,
    now: Any,
    name: str,
    outside: bool = True,
) -> tuple[CTE, CTE]:
    """Two parts of a statement that note what a change brought about, where somebody asks for it.

    `rows` is a select of (contact_id, occurred_at, enrollment_id, properties), and of the state
    in which a run has ended where it is about that. Webhooks are told, too, unless `outside` says
    that the caller sees to it. The engine hears
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
                now, *list(given.c)[:_TOLD],
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
    beside = [again]
    if outside and kind in _OUTSIDE:
        rows_ = _for_others(workspace_id, given, kind, ref)
        beside.append(telling.part(workspace_id, rows_, now=now, name=name))
    todo = (
        insert(activity_todo)
        .from_select(["workspace_id", "activity_id"], select(noted.c.workspace_id, noted.c.id))
        .add_cte(*beside)
        .returning(activity_todo.c.activity_id)
        .cte(f"todo_{name}")
    )
    return noted, todo
