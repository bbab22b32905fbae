"""Rates shared through Redis: never more than allowed, whoever asks, with or without Redis."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from headless.channels.providers import Rate
from headless.channels.rates import LocalStore, Pace, RedisStore, Store

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@pytest.fixture
async def shared(redis_url: str) -> AsyncIterator[RedisStore]:
    made = RedisStore(redis_url)
    yield made
    await made.close()


@pytest.fixture(params=["local", "redis"])
def store(request: pytest.FixtureRequest, shared: RedisStore) -> Store:
    return LocalStore() if request.param == "local" else shared


async def test_a_burst_then_one_each_interval(store: Store) -> None:
    pace = Pace(store, "a", Rate(per_second=10, burst=5))
    first = await pace.room(8, NOW)
    assert (first.count, first.wait) == (5, pytest.approx(0.1, abs=0.01))
    assert (await pace.room(8, NOW)).count == 0
    assert (await pace.room(8, NOW + timedelta(seconds=0.25))).count == 2
    assert (await pace.room(8, NOW + timedelta(seconds=60))).count == 5, (
        "a quiet time saves no more"
    )


async def test_many_who_ask_at_once_share_one_rate(redis_url: str) -> None:
    stores = [RedisStore(redis_url) for _ in range(5)]
    paces = [Pace(each, "b", Rate(per_second=100, burst=50)) for each in stores]
    grants = await asyncio.gather(*(pace.room(20, NOW) for pace in paces for _ in range(4)))
    for each in stores:
        await each.close()
    assert sum(grant.count for grant in grants) == 50


async def test_domains_have_rates_of_their_own(store: Store) -> None:
    pace = Pace(store, "c", Rate(per_domain=2))
    assert (await pace.room(99, NOW)).count == 99
    found = await pace.domains({"a.com": 5, "b.com": 1}, NOW)
    assert {name: grant.count for name, grant in found.items()} == {"a.com": 2, "b.com": 1}


async def test_a_domain_that_asks_for_less_gets_nothing_for_a_while(store: Store) -> None:
    pace = Pace(store, "d", Rate(per_domain=2))
    await pace.slow_down("a.com", 30, NOW)
    assert (await pace.domains({"a.com": 1}, NOW + timedelta(seconds=28)))["a.com"].count == 0
    assert (await pace.domains({"a.com": 1}, NOW + timedelta(seconds=31)))["a.com"].count == 1


async def test_without_redis_each_process_keeps_to_the_rate() -> None:
    away = RedisStore("redis://127.0.0.1:1/0")
    pace = Pace(away, "e", Rate(per_second=10, burst=5))
    assert (await pace.room(8, NOW)).count == 5
    assert (await pace.room(8, NOW)).count == 0
    await away.close()
