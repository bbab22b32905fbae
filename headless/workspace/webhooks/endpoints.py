"""Endpoints: where a workspace wants to be told, and the secrets that its receivers verify with.

Secrets are sealed; a rotated one goes on signing beside the new one for a day. Imports `catalogue`
and storage.
"""

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import RowMapping, delete, func, insert, literal, select, update

from headless.dsl.near import did_you_mean
from headless.problems import Problem
from headless.seals import Seals
from headless.storage.database import Transaction
from headless.storage.tables import Instant, delivery, endpoint
from headless.workspace.webhooks.catalogue import PING, TYPES
from headless.workspace.webhooks.telling import tell

State = Literal["enabled", "disabled"]
MOST: Final = 50
GRACE: Final = timedelta(hours=24)
_BYTES: Final = 32


class Endpoint(msgspec.Struct, frozen=True):
    """Where events go; `types` are those that are told, none: all."""

    id: int
    workspace_id: int
    url: str
    description: str | None
    types: tuple[str, ...]
    batch: bool
    state: State
    reason: str | None
    failing_since: datetime | None
    revision: int
    created_at: datetime
    updated_at: datetime


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What of an endpoint becomes another; what is not given stays."""

    url: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    types: Sequence[str] | UnsetType = UNSET
    batch: bool | UnsetType = UNSET
    state: State | UnsetType = UNSET


class _Secret(msgspec.Struct, frozen=True):
    text: str
    until: datetime | None = None


_SHOWN: Final = tuple(endpoint.c[name] for name in Endpoint.__struct_fields__)
_encoder = msgspec.json.Encoder()


def _read(row: RowMapping) -> Endpoint:
    values: dict[str, Any] = dict(row)
    values["types"] = tuple(values["types"])
    return Endpoint(**values)


def _types(given: Sequence[str]) -> list[str]:
    for type_ in given:
        if type_ not in TYPES or type_ == PING:
            hint = did_you_mean(type_, TYPES) or "`GET /v1/schema` lists them"
            raise Problem("invalid_value", f"there is no event `{type_[:60]}`; {hint}")
    return sorted(set(given))


def _new_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(_BYTES)).decode()}"


async def create(
    tx: Transaction,
    seals: Seals,
    workspace_id: int,
    url: str,
    *,
    description: str | None = None,
    types: Sequence[str] = (),
    batch: bool = False,
    now: datetime,
) -> tuple[Endpoint, str]:
    """A new endpoint and its secret; raises Problem `invalid_value`."""
    there = await listing(tx, workspace_id, limit=MOST)
    if len(there) >= MOST:
        raise Problem("invalid_value", f"a workspace may have {MOST} webhooks; delete one first")
    secret = _new_secret()
    made = await tx.execute(
        insert(endpoint)
        .values(
            workspace_id=workspace_id,
            url=url,
            description=description,
            types=_types(types),
            batch=batch,
            secrets=seals.seal(workspace_id, _encoder.encode([_Secret(secret)])),
            created_at=now,
            updated_at=now,
        )
        .returning(*_SHOWN)
    )
    return _read(made.mappings().one()), secret


async def find(tx: Transaction, workspace_id: int, number: int, *, lock: bool = False) -> Endpoint:
    """An endpoint; raises Problem `not_found`."""
    query = select(*_SHOWN).where(endpoint.c.workspace_id == workspace_id, endpoint.c.id == number)
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    if row is None:
        raise Problem("not_found", "there is no such webhook here")
    return _read(row)


async def listing(
    tx: Transaction, workspace_id: int, *, limit: int, above: int = 0
) -> list[Endpoint]:
    """A workspace's endpoints in the order of their making."""
    rows = await tx.execute(
        select(*_SHOWN)
        .where(endpoint.c.workspace_id == workspace_id, endpoint.c.id > above)
        .order_by(endpoint.c.id)
        .limit(limit)
    )
    return [_read(row) for row in rows.mappings()]


async def change(
    tx: Transaction,
    workspace_id: int,
    number: int,
    given: Change,
    *,
    expected: int | None,
    now: datetime,
) -> Endpoint:
    """Change an endpoint; one that is enabled again has a clean slate.

    Raises Problem `not_found`, `invalid_value`, `stale_version`.
    """
    known = await find(tx, workspace_id, number, lock=True)
    if expected is not None and expected != known.revision:
        raise Problem(
            "stale_version", f"the webhook is at revision {known.revision} by now; read it again"
        )
    values: dict[str, Any] = {
        name: value
        for name in Change.__struct_fields__
        if (value := getattr(given, name)) is not UNSET
    }
    if "types" in values:
        values["types"] = _types(values["types"])
    if values.get("state") == "enabled":
        values |= {"reason": None, "failing_since": None}
    if values.get("state") == "disabled":
        values["reason"] = "disabled by hand"
    changed = await tx.execute(
        update(endpoint)
        .where(endpoint.c.workspace_id == workspace_id, endpoint.c.id == number)
        .values(**values, revision=endpoint.c.revision + 1, updated_at=now)
        .returning(*_SHOWN)
    )
    return _read(changed.mappings().one())


async def remove(tx: Transaction, workspace_id: int, number: int) -> None:
    """Delete an endpoint and its deliveries; raises Problem `not_found`."""
    await find(tx, workspace_id, number, lock=True)
    for table, key in ((delivery, delivery.c.endpoint_id), (endpoint, endpoint.c.id)):
        await tx.execute(delete(table).where(table.c.workspace_id == workspace_id, key == number))


async def rotate(
    tx: Transaction, seals: Seals, workspace_id: int, number: int, *, now: datetime
) -> tuple[Endpoint, str]:
    """A new secret; the old one signs beside it for a day. Raises Problem `not_found`."""
    await find(tx, workspace_id, number, lock=True)
    mine = endpoint.c.workspace_id == workspace_id, endpoint.c.id == number
    sealed = await tx.scalar(select(endpoint.c.secrets).where(*mine))
    kept = [
        msgspec.structs.replace(one, until=one.until or now + GRACE)
        for one in _opened(seals, workspace_id, sealed)
        if one.until is None or one.until > now
    ]
    secret = _new_secret()
    ring = _encoder.encode([_Secret(secret), *kept])
    changed = await tx.execute(
        update(endpoint)
        .where(*mine)
        .values(
            secrets=seals.seal(workspace_id, ring),
            revision=endpoint.c.revision + 1,
            updated_at=now,
        )
        .returning(*_SHOWN)
    )
    return _read(changed.mappings().one()), secret


def _opened(seals: Seals, workspace_id: int, sealed: bytes) -> list[_Secret]:
    return msgspec.json.decode(seals.open(workspace_id, sealed), type=list[_Secret])


async def secrets_of(
    tx: Transaction, seals: Seals, workspace_id: int, number: int, *, now: datetime
) -> tuple[str, ...]:
    """What an endpoint's deliveries are signed with, the newest first; raises SealError."""
    sealed = await tx.scalar(
        select(endpoint.c.secrets).where(
            endpoint.c.workspace_id == workspace_id, endpoint.c.id == number
        )
    )
    if sealed is None:
        return ()
    ring = _opened(seals, workspace_id, sealed)
    return tuple(one.text for one in ring if one.until is None or one.until > now)


async def failed(tx: Transaction, workspace_id: int, number: int, *, now: datetime) -> datetime:
    """Note that an endpoint does not take what it is sent; since when that is so."""
    since: datetime = await tx.scalar(
        update(endpoint)
        .where(endpoint.c.workspace_id == workspace_id, endpoint.c.id == number)
        .values(failing_since=func.coalesce(endpoint.c.failing_since, literal(now, Instant)))
        .returning(endpoint.c.failing_since)
    )
    return since or now


async def works(tx: Transaction, workspace_id: int, number: int) -> None:
    """Note that an endpoint takes what it is sent."""
    await tx.execute(
        update(endpoint)
        .where(
            endpoint.c.workspace_id == workspace_id,
            endpoint.c.id == number,
            endpoint.c.failing_since.is_not(None),
        )
        .values(failing_since=None)
    )


async def disable(
    tx: Transaction, workspace_id: int, number: int, reason: str, *, now: datetime
) -> bool:
    """Send nothing more to an endpoint and tell the others; False when it was disabled already."""
    done = await tx.execute(
        update(endpoint)
        .where(
            endpoint.c.workspace_id == workspace_id,
            endpoint.c.id == number,
            endpoint.c.state == "enabled",
        )
        .values(state="disabled", reason=reason, revision=endpoint.c.revision + 1, updated_at=now)
        .returning(endpoint.c.id)
    )
    if done.one_or_none() is None:
        return False
    told = {"webhook_id": number, "reason": reason}
    await tell(tx, workspace_id, "webhook.disabled", [told], now=now)
    return True
