"""Deliveries: what is to be told to whom, claimed, settled, shown and sent again.

A delivery that is claimed carries a lease in `due_at`: whoever dies with it leaves it to the next.
Its id stays the same on every attempt, so receivers know a repetition. Imports storage.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, Final, Literal, get_args

import msgspec
from sqlalchemy import (
    BigInteger,
    RowMapping,
    SmallInteger,
    Text,
    bindparam,
    case,
    column,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from headless.problems import Problem
from headless.storage.database import Database, Transaction
from headless.storage.tables import Instant, delivery, endpoint

LEASE: Final = timedelta(seconds=60)
KEPT: Final = timedelta(days=30)
SCHEDULE: Final = (
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2),
    timedelta(hours=5), timedelta(hours=10), timedelta(hours=14), timedelta(hours=20),
    timedelta(hours=24),
)  # fmt: skip
"""How long to wait after each attempt that failed; after the last, no more."""
State = Literal["pending", "delivered", "failed"]
STATES: Final = get_args(State)


class DeliveryState(IntEnum):
    """Where a delivery stands; the numbers are in the database."""

    PENDING = 0
    DELIVERED = 1
    FAILED = 2


class Delivery(msgspec.Struct, frozen=True):
    """One event for one endpoint; `status` and `answer` are of its last attempt."""

    id: int
    endpoint_id: int
    type: str
    at: datetime
    data: dict[str, Any]
    state: int
    attempts: int
    due_at: datetime
    status: int | None
    answer: str | None
    ended_at: datetime | None


class Settled(msgspec.Struct, frozen=True):
    """What an attempt came to."""

    id: int
    state: DeliveryState
    due_at: datetime
    status: int | None
    answer: str | None


_SHOWN: Final = tuple(delivery.c[name] for name in Delivery.__struct_fields__)


def _read(row: RowMapping) -> Delivery:
    return Delivery(**dict(row))


async def due(database: Database, *, now: datetime) -> list[tuple[int, int]]:
    """The endpoints, with their workspaces, that have deliveries whose time has come."""
    pending = (
        select(1)
        .where(
            delivery.c.endpoint_id == endpoint.c.id,
            delivery.c.state == bindparam("pending", 0, literal_execute=True),
            delivery.c.due_at <= literal(now, Instant),
        )
        .exists()
    )
    async with database.transaction() as tx:
        rows = await tx.execute(
            select(endpoint.c.workspace_id, endpoint.c.id).where(
                endpoint.c.state == "enabled", pending
            )
        )
        return [(row.workspace_id, row.id) for row in rows]


async def claim(
    tx: Transaction, workspace_id: int, endpoint_id: int, *, room: int, now: datetime
) -> list[Delivery]:
    """At most `room` deliveries of an endpoint that are due, the oldest first; now leased."""
    chosen = (
        select(delivery.c.id)
        .where(
            delivery.c.workspace_id == workspace_id,
            delivery.c.endpoint_id == endpoint_id,
            delivery.c.state == bindparam("pending", 0, literal_execute=True),
            delivery.c.due_at <= now,
        )
        .order_by(delivery.c.due_at, delivery.c.id)
        .limit(room)
        .with_for_update(skip_locked=True)
        .cte("chosen")
    )
    rows = await tx.execute(
        update(delivery)
        .where(delivery.c.workspace_id == workspace_id, delivery.c.id == chosen.c.id)
        .values(due_at=now + LEASE, attempts=delivery.c.attempts + 1)
        .returning(*_SHOWN)
    )
    return sorted((_read(row) for row in rows.mappings()), key=lambda each: each.id)


async def settle(
    tx: Transaction, workspace_id: int, settled: Sequence[Settled], *, now: datetime
) -> None:
    """Note what attempts came to."""
    if not settled:
        return
    types: dict[str, Any] = {
        "id": BigInteger, "state": SmallInteger, "due_at": Instant, "status": SmallInteger,
        "answer": Text,
    }  # fmt: skip
    given = (
        func.unnest(*(bindparam(f"new_{name}", type_=ARRAY(types[name])) for name in types))
        .table_valued(*(column(name, types[name]) for name in types), name="given")
        .render_derived()
    )
    values = {f"new_{name}": [_plain(getattr(one, name)) for one in settled] for name in types}
    pending = int(DeliveryState.PENDING)
    await tx.execute(
        update(delivery)
        .where(
            delivery.c.workspace_id == workspace_id,
            delivery.c.id == given.c.id,
            delivery.c.state == pending,
        )
        .values(
            state=given.c.state,
            due_at=given.c.due_at,
            status=given.c.status,
            answer=given.c.answer,
            ended_at=case((given.c.state != pending, literal(now, Instant))),
        ),
        values,
    )


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, IntEnum) else value


async def give_up(tx: Transaction, workspace_id: int, endpoint_id: int, *, now: datetime) -> None:
    """What waits for an endpoint that is disabled has failed; it can be replayed."""
    await tx.execute(
        update(delivery)
        .where(
            delivery.c.workspace_id == workspace_id,
            delivery.c.endpoint_id == endpoint_id,
            delivery.c.state == int(DeliveryState.PENDING),
        )
        .values(state=int(DeliveryState.FAILED), ended_at=now)
    )


async def listing(
    tx: Transaction,
    workspace_id: int,
    endpoint_id: int,
    *,
    limit: int,
    before: int | None = None,
    state: State | None = None,
) -> list[Delivery]:
    """An endpoint's deliveries, the newest first, those before `before`."""
    asked = [delivery.c.workspace_id == workspace_id, delivery.c.endpoint_id == endpoint_id]
    if before is not None:
        asked.append(delivery.c.id < before)
    if state is not None:
        asked.append(delivery.c.state == STATES.index(state))
    rows = await tx.execute(
        select(*_SHOWN).where(*asked).order_by(delivery.c.id.desc()).limit(limit)
    )
    return [_read(row) for row in rows.mappings()]


async def find(tx: Transaction, workspace_id: int, endpoint_id: int, number: int) -> Delivery:
    """A delivery; raises Problem `not_found`."""
    rows = await tx.execute(
        select(*_SHOWN).where(
            delivery.c.workspace_id == workspace_id,
            delivery.c.endpoint_id == endpoint_id,
            delivery.c.id == number,
        )
    )
    row = rows.mappings().one_or_none()
    if row is None:
        raise Problem("not_found", "there is no such delivery here")
    return _read(row)


async def replay(
    tx: Transaction,
    workspace_id: int,
    endpoint_id: int,
    *,
    number: int | None = None,
    since: datetime | None = None,
    now: datetime,
) -> int:
    """Send once more: one delivery, or all that failed of what happened since; how many."""
    asked = [delivery.c.workspace_id == workspace_id, delivery.c.endpoint_id == endpoint_id]
    if number is not None:
        asked.append(delivery.c.id == number)
    else:
        asked += [delivery.c.at >= since, delivery.c.state == int(DeliveryState.FAILED)]
    again = await tx.execute(
        update(delivery)
        .where(*asked)
        .values(state=int(DeliveryState.PENDING), attempts=0, due_at=now, ended_at=None)
        .returning(delivery.c.id)
    )
    return len(again.all())


async def add(
    tx: Transaction,
    workspace_id: int,
    endpoint_id: int,
    type_: str,
    data: dict[str, Any],
    *,
    now: datetime,
) -> int:
    """A delivery for one endpoint alone, leased to whoever adds it; its number."""
    number: int = await tx.scalar(
        insert(delivery)
        .values(
            workspace_id=workspace_id,
            endpoint_id=endpoint_id,
            type=type_,
            at=now,
            data=data,
            attempts=1,
            due_at=now + LEASE,
        )
        .returning(delivery.c.id)
    )
    return number


async def forget(database: Database, *, now: datetime) -> int:
    """Drop the log of what ended more than 30 days ago; how many rows."""
    async with database.transaction() as tx:
        gone = await tx.execute(
            delete(delivery).where(delivery.c.ended_at < now - KEPT).returning(delivery.c.id)
        )
        return len(gone.all())
