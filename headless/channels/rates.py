"""Rates: how many messages may go now, over all workers, by channel and by the receiving domain.

The generic cell rate algorithm: a key holds the instant at which its allowance is used up, and each
message moves that on by one interval. The state lies in Redis, so that all workers share it; while
Redis is away each process keeps to the rate by itself. Losing the state costs one burst. Imports
`providers`' types.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Protocol

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from headless.channels.providers import Rate

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
return {granted, math.ceil(math.max(0, used + interval - limit))}
"""  # noqa: E501 - one line of Lua
_HOLD: Final = """
local used = math.max(tonumber(redis.call('get', KEYS[1]) or '0'), tonumber(ARGV[1]))
redis.call('set', KEYS[1], string.format('%.3f', used), 'PX', math.ceil(used - tonumber(ARGV[2])) + 1000)
"""  # noqa: E501 - one line of Lua

log = structlog.get_logger(__name__)


class Grant(msgspec.Struct, frozen=True):
    """How many may go now, and in how many seconds the next one may."""

    count: int
    wait: float = 0.0


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
        return Grant(granted, max(0.0, used + interval - limit) / 1000)

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

    async def take(self, key: str, interval: float, burst: int, want: int, now: float) -> Grant:
        """Take up to `want`."""
        try:
            granted, wait = await self._take(
                keys=[_PREFIX + key], args=[_number(now), _number(interval), burst, want]
            )
        except (RedisError, OSError) as error:
            log.warning("rates_alone", error=str(error))
            return await self._alone.take(key, interval, burst, want, now)
        return Grant(int(granted), float(wait) / 1000)

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


class Pace:
    """The rates of one channel."""

    def __init__(self, store: Store, channel: str, rate: Rate) -> None:
        """`channel` names it in the store."""
        self._store = store
        self._channel = channel
        self.rate = rate

    async def room(self, want: int, now: datetime) -> Grant:
        """How many messages the channel may begin to send now."""
        if self.rate.per_second is None or want <= 0:
            return Grant(want)
        return await self._taken(self._channel, self.rate.per_second, want, now)

    async def domains(self, wanted: Mapping[str, int], now: datetime) -> dict[str, Grant]:
        """The same for each receiving domain."""
        granted: dict[str, Grant] = {}
        for domain, want in wanted.items():
            if self.rate.per_domain is None:
                granted[domain] = Grant(want)
            else:
                key = f"{self._channel}:{domain}"
                granted[domain] = await self._taken(key, self.rate.per_domain, want, now)
        return granted

    async def slow_down(self, domain: str, seconds: float, now: datetime) -> None:
        """A domain asked us to send less: nothing goes there for so long."""
        if self.rate.per_domain is not None:
            at = now.timestamp() * 1000
            await self._store.hold(f"{self._channel}:{domain}", at + seconds * 1000, at)

    async def _taken(self, key: str, per_second: float, want: int, now: datetime) -> Grant:
        burst = self.rate.burst or max(1, int(per_second))
        return await self._store.take(key, 1000 / per_second, burst, want, now.timestamp() * 1000)


def unpaced(channel: str) -> Pace:
    """A channel that may send as fast as it can."""
    return Pace(LocalStore(), channel, Rate())
