"""The test run's own servers: each test has a database to itself."""

import asyncpg
import pytest
import redis.asyncio


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_finds_the_schema_and_no_rows(database_url: str, turn: int) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("select count(*) from workspace") == 0
        await connection.execute("create table left_by_an_earlier_test ()")
    finally:
        await connection.close()


async def test_an_empty_database_has_no_tables(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    try:
        assert await connection.fetchval("select to_regclass('public.workspace')") is None
    finally:
        await connection.close()


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_finds_redis_empty(redis_url: str, turn: int) -> None:
    client = redis.asyncio.Redis.from_url(redis_url)
    try:
        assert await client.dbsize() == 0
        await client.set("left", "behind")
    finally:
        await client.aclose()
