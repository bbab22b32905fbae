"""Allowances: how many of something may happen now, counted over all processes.

The generic cell rate algorithm: a key holds the instant at which its allowance is used up, and each
thing that happens moves that on by one interval. The state lies in Redis, so that all share it;
while Redis is away each process keeps to the rate by itself. Losing the state costs one burst.
Imports nothing of ours.
"""

from typing import Final, Protocol

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

_PREFIX: Final = "headless:rate:"
_TAKE: Final = """
local now, interval, burst, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local used = math.max(tonumber(redis.call('get', KEYS[1]) or '0'), now)
local limit = now + burst * interval
local granted = math.max(0, math.min(want, math.floor((limit - used) / interval + 0.000001)))
used = used + granted * interval
if granted > 0 then
  redis.call('set', KEYS[1], string.format('%.3f', used), 'PX', math.ceil(used - now) + 1000)
end
local left = math.max(0, math.floor((limit - used) / interval + 0.000001))
return {granted, math.ceil(math.max(0, used + interval - limit)), left}
"""  # noqa: E501 - one line of Lua
_HOLD: Final = """
local used = math.max(tonumber(redis.call('get', KEYS[1]) or '0'), tonumber(ARGV[1]))
redis.call('set', KEYS[1], string.format('%.3f', used), 'PX', math.ceil(used - tonumber(ARGV[2])) + 1000)
"""  # noqa: E501 - one line of Lua

_AWAY: Final = 2_000.0  # milliseconds for which a Redis that failed is not asked again

log = structlog.get_logger(__name__)


class Grant(msgspec.Struct, frozen=True):
    """How many may go now, in how many seconds the next one may, and how many are left."""

    count: int
    wait: float = 0.0
    left: int = 0


class Store(Protocol):
    """Where the state lies."""

    async def take(self, key: str, interval: float, burst: int, want: int, now: float) -> Grant:
        """Take up to `want`; `interval` and `now` in milliseconds."""
        ...

    async def hold(self, key: str, until: float, now: float) -> None:
        """Let nothing go before `until`, a time in milliseconds."""
        ...


class LocalStore:
    """The state of one process."""

    def __init__(self) -> None:
        self._used: dict[str, float] = {}

    async def take(self, key: str, interval: float, burst: int, want: int, now: float) -> Grant:
        """Take up to `want`."""
        used, limit = max(self._used.get(key, 0.0), now), now + burst * interval
        granted = max(0, min(want, int((limit - used) / interval + 1e-6)))
        used += granted * interval
        self._used[key] = used
        left = max(0, int((limit - used) / interval + 1e-6))
        return Grant(granted, max(0.0, used + interval - limit) / 1000, left)

    async def hold(self, key: str, until: float, now: float) -> None:
        """Let nothing go before `until`."""
        self._used[key] = max(self._used.get(key, 0.0), until)


class RedisStore:
    """The state that all workers share; on its own while Redis is away."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, socket_timeout=2.0, socket_connect_timeout=2.0)
        self._take = self._redis.register_script(_TAKE)
        self._hold = self._redis.register_script(_HOLD)
        self._alone = LocalStore()
        self._away_until = 0.0

    async def take(self, key: str, interval: float, burst: int, want: int, now: float) -> Grant:
        """Take up to `want`."""
        if now < self._away_until:
            return await self._alone.take(key, interval, burst, want, now)
        try:
            granted, wait, left = await self._take(
                keys=[_PREFIX + key], args=[_number(now), _number(interval), burst, want]
            )
        except (RedisError, OSError) as error:
            log.warning("rates_alone", error=str(error))
            self._away_until = now + _AWAY
            return await self._alone.take(key, interval, burst, want, now)
        return Grant(int(granted), float(wait) / 1000, int(left))

    async def hold(self, key: str, until: float, now: float) -> None:
        """Let nothing go before `until`."""
        await self._alone.hold(key, until, now)
        try:
            await self._hold(keys=[_PREFIX + key], args=[_number(until), _number(now)])
        except (RedisError, OSError) as error:
            log.warning("rates_alone", error=str(error))

    async def close(self) -> None:
        """Give the connections back."""
        await self._redis.aclose()


def _number(value: float) -> str:
    return f"{value:.3f}"
