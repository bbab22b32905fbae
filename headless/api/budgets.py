"""Budgets: how many requests a token may make in a minute, said in each answer's headers.

Reads, writes and ingest have budgets of their own, counted over all serving processes. The headers
are those of the IETF's draft: `RateLimit-Policy` names the budget, `RateLimit` what is left of it;
a 429 has `Retry-After`. Imports the counting in `storage.allowances`.
"""

import math
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.types import Message, Scope

from headless.problems import Problem
from headless.settings import Settings
from headless.storage.allowances import LocalStore, RedisStore

Budget = Literal["reads", "writes", "ingest"]
WINDOW: Final = 60
_INGEST: Final = "activities:write"
_READ: Final = ":read"
_STATE: Final = "budget"


class Budgets:
    """The budgets of an installation; 0 is no limit."""

    def __init__(self, settings: Settings) -> None:
        """Counts in Redis where there is one, else in this process."""
        self._quotas: dict[Budget, int] = {
            "reads": settings.reads_a_minute,
            "writes": settings.writes_a_minute,
            "ingest": settings.ingest_a_minute,
        }
        url = settings.redis_url
        self._store = LocalStore() if url is None else RedisStore(url)

    async def take(
        self,
        connection: ASGIConnection[Any, Any, Any, Any],
        scopes: tuple[str, ...],
        token_id: int,
        now: datetime,
    ) -> None:
        """Count one request of a token; raises Spent when its budget is used up."""
        budget = budget_of(scopes)
        quota = self._quotas[budget]
        if not quota:
            return
        interval = WINDOW * 1000 / quota
        granted = await self._store.take(
            f"api:{token_id}:{budget}", interval, quota, 1, now.timestamp() * 1000
        )
        full = math.ceil((quota - granted.left) * interval / 1000)
        connection.scope["state"][_STATE] = _Said(budget, quota, granted.left, full)
        if not granted.count:
            raise Spent(budget, quota, max(1, math.ceil(granted.wait)))

    async def close(self) -> None:
        """Give the connections back."""
        if isinstance(self._store, RedisStore):
            await self._store.close()


class _Said(msgspec.Struct, frozen=True):
    """What the headers of an answer say; `full` is in how many seconds nothing is used up."""

    budget: Budget
    quota: int
    left: int
    full: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        policy = f'"{self.budget}";q={self.quota};w={WINDOW}'
        state = f'"{self.budget}";r={self.left};t={self.full}'
        return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", state.encode())]


class Spent(Problem):
    """A token's budget is used up; the next request may come in `seconds`."""

    def __init__(self, budget: Budget, quota: int, seconds: int) -> None:
        super().__init__(
            "rate_limited",
            f"this token has used up its {budget}, {quota:,} in {WINDOW} seconds; wait {seconds} s",
        )
        self.headers = {"Retry-After": str(seconds)}


def budget_of(scopes: tuple[str, ...]) -> Budget:
    """Which budget a route uses, by the scopes that it asks for."""
    if _INGEST in scopes:
        return "ingest"
    return "reads" if all(scope.endswith(_READ) for scope in scopes) else "writes"


async def say_budget(message: Message, scope: Scope) -> None:
    """For `before_send`: what is left of the budget that the request has used."""
    if message["type"] == "http.response.start" and scope["type"] == ScopeType.HTTP:
        said = scope.get("state", {}).get(_STATE)
        if isinstance(said, _Said):
            message["headers"] = [*message["headers"], *said.headers()]
