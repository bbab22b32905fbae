"""Telling: what happens becomes deliveries, in the transaction in which it happens.

An event is written once for each endpoint that wants it; where nobody listens, a part of a
statement that finds no endpoint is all it costs. `tell` is for use cases that know the events,
`part` for statements that make them as sets. Imports storage.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import (
    CTE,
    JSON,
    ColumnElement,
    Interval,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, Insert, insert

from headless.storage.database import Transaction
from headless.storage.tables import Instant, delivery, endpoint

BATCH_WAIT: Final = "1 second"
"""How long an endpoint that takes batches waits for more to come."""
_NOW: Final = bindparam("now", type_=Instant)
_COLUMNS: Final = ("workspace_id", "endpoint_id", "type", "at", "data", "due_at")


def part(workspace_id: Any, rows: Select[*tuple[Any, ...]], *, now: Any, name: str) -> CTE:
    """A part of a statement that tells of `rows`: a select of (type, at, data)."""
    made = statement(workspace_id, rows, now=now, name=name)
    return made.returning(delivery.c.endpoint_id).cte(f"deliver_{name}")


def statement(workspace_id: Any, rows: Select[*tuple[Any, ...]], *, now: Any, name: str) -> Insert:
    """The same as a statement of its own."""
    return insert(delivery).from_select(_COLUMNS, _wanted(workspace_id, rows, now, name))


def _wanted(
    workspace_id: Any, rows: Select[*tuple[Any, ...]], now: Any, name: str
) -> Select[*tuple[Any, ...]]:
    happened = rows.subquery(f"happened_{name}")
    type_, at, data = happened.c
    other = endpoint.alias(f"anybody_{name}")
    anybody = exists(select(1).select_from(other).where(_listens(other, workspace_id)))
    wait: ColumnElement[Any] = case(
        (endpoint.c.batch, cast(literal(BATCH_WAIT, Text), Interval)),
        else_=cast(literal("0", Text), Interval),
    )
    return (
        select(endpoint.c.workspace_id, endpoint.c.id, type_, at, data, now + wait)
        .select_from(endpoint)
        .where(
            anybody,  # asked once: where nobody listens, nothing else is done
            _listens(endpoint, workspace_id),
            or_(func.cardinality(endpoint.c.types) == 0, type_ == endpoint.c.types.any_()),
        )
        .order_by(at)
    )


def anybody(workspace_id: Any) -> ColumnElement[bool]:
    """Whether any endpoint wants to be told of anything."""
    return exists(select(1).select_from(endpoint).where(_listens(endpoint, workspace_id)))


def _listens(table: Any, workspace_id: Any) -> ColumnElement[bool]:
    return and_(
        table.c.workspace_id == workspace_id,
        table.c.state == literal("enabled", Text, literal_execute=True),
    )


def told_of(workspace_id: int, rows: Select[*tuple[Any, ...]]) -> Insert:
    """The statement that tells of `rows`, a select of (type, at, data); takes `:now`."""
    return insert(delivery).from_select(_COLUMNS, _wanted(workspace_id, rows, _NOW, "rows"))


async def tell(
    tx: Transaction,
    workspace_id: int,
    type_: str,
    happened: Iterable[Mapping[str, Any]],
    *,
    now: datetime,
) -> None:
    """Tell of events of one type by their data, with the plain numbers of rows as ids."""
    document = [dict(one) for one in happened]
    if not document:
        return
    given = (
        func.json_array_elements(cast(bindparam("happened", type_=Text), JSON))
        .table_valued(column("value", JSON), name="given")
        .render_derived()
    )
    rows = select(
        literal(type_, Text).label("type"),
        literal(now, Instant).label("at"),
        cast(given.c.value, JSONB).label("data"),
    )
    made = statement(workspace_id, rows, now=literal(now, Instant), name="given")
    await tx.execute(made, {"happened": msgspec.json.encode(document).decode()})


async def is_wanted(tx: Transaction, workspace_id: int, type_: str) -> bool:
    """Whether anybody listens for a type, so that nothing need be gathered for nobody."""
    named = literal(type_, Text) == endpoint.c.types.any_()
    wanted = or_(func.cardinality(endpoint.c.types) == 0, named)
    there = select(1).where(_listens(endpoint, workspace_id), wanted)
    return bool(await tx.scalar(select(exists(there))))


def data(**members: Any) -> Any:
    """The data of an event as SQL: names and columns or values."""
    pairs = [part for name, value in members.items() for part in (literal(name, Text), value)]
    return func.jsonb_build_object(*pairs, type_=JSONB)
