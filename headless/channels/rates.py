"""Rates: how many messages may go now, over all workers, by channel and by the receiving domain.

The counting is `storage.allowances`'; here is what is counted. Imports it and `providers`' types.
"""

from collections.abc import Mapping
from datetime import datetime

from headless.channels.providers import Rate
from headless.storage.allowances import Grant, LocalStore, RedisStore, Store

__all__ = ["Grant", "LocalStore", "Pace", "RedisStore", "Store", "unpaced"]


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
