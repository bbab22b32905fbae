"""`/healthz` and `/readyz`: is the process alive, and can it do its work.

The first asks nobody; the second asks the database, its schema, Redis and the workers, and names
what is not ready.
"""

import asyncio
from datetime import timedelta
from typing import Any, Final, Literal

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from headless.api.auth import House, house_of
from headless.storage import revisions
from headless.storage.tables import worker

_PATIENCE: Final = 2.0  # seconds that one check may take
_HEARTBEAT: Final = timedelta(seconds=30)


class Check(msgspec.Struct, frozen=True):
    """One thing that must be there: whether it is, and in words what is found."""

    ok: bool
    says: str


class Readiness(msgspec.Struct, frozen=True):
    """All checks together."""

    ready: bool
    checks: dict[str, Check]


@get("/healthz", tags=["Operation"])
async def healthz() -> dict[Literal["ok"], bool]:
    """Whether the process answers."""
    return {"ok": True}


@get("/readyz", tags=["Operation"])
async def readyz(request: Request[Any, Any, Any]) -> Response[Readiness]:
    """Whether the service can do its work, and what it lacks."""
    house = house_of(request)
    named = {"database": _database, "schema": _schema, "redis": _redis, "workers": _workers}
    found = await asyncio.gather(*(_asked(check(house)) for check in named.values()))
    checks = dict(zip(named, found, strict=True))
    ready = all(check.ok for check in checks.values())
    return Response(Readiness(ready, checks), status_code=200 if ready else 503)


async def _asked(check: Any) -> Check:
    try:
        async with asyncio.timeout(_PATIENCE):
            answered: Check = await check
            return answered
    except TimeoutError:
        return Check(False, f"no answer within {_PATIENCE:.0f} s")
    except (SQLAlchemyError, RedisError, OSError) as error:
        return Check(False, str(error).splitlines()[0])


async def _database(house: House) -> Check:
    async with house.database.transaction() as tx:
        version = await tx.scalar(select(func.current_setting("server_version")))
    return Check(True, f"PostgreSQL {version}")


async def _schema(house: House) -> Check:
    has, wanted = await revisions.current(house.database), revisions.newest()
    match revisions.standing(has):
        case "current":
            return Check(True, f"{has} (current)")
        case "newer":
            return Check(True, f"{has} is of a later release than {wanted}; update this process")
        case _:
            words = f"the database has {has or 'none'}, {wanted} is needed: headless migrate"
            return Check(False, words)


async def _redis(house: House) -> Check:
    if house.settings.redis_url is None:
        return Check(False, "REDIS_URL is not set")
    async with Redis.from_url(house.settings.redis_url) as client:
        await client.ping()
    return Check(True, "answers")


async def _workers(house: House) -> Check:
    now = await house.database.now()
    async with house.database.transaction() as tx:
        alive = await tx.scalar(
            select(func.count()).select_from(worker).where(worker.c.seen_at > now - _HEARTBEAT)
        )
    return Check(bool(alive), f"{alive} alive" if alive else "none has been seen for 30 s")


HANDLERS: Final[list[HTTPRouteHandler]] = [healthz, readyz]
