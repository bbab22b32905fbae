"""The scratch schema: its own tables, gone afterwards, and nobody else's are ever touched."""

import asyncio

import pytest
from servers import TestServers
from sqlalchemy import text

from headless.simulation.faults import UnfitError
from headless.simulation.run import simulate
from headless.simulation.scratch import PREFIX, scratch, sweep
from headless.storage.database import connect


async def schemas(url: str) -> list[str]:
    database = connect(url)
    try:
        async with database.glance() as tx:
            rows = await tx.execute(
                text("select nspname from pg_namespace where nspname like :like"),
                {"like": PREFIX + "%"},
            )
            return [row[0] for row in rows]
    finally:
        await database.close()


async def test_nothing_is_left_after_the_block_nor_after_a_fault(empty_database_url: str) -> None:
    async with scratch(empty_database_url) as database:
        assert len(await schemas(empty_database_url)) == 1
        await simulate(database, "send email Welcome")
    assert await schemas(empty_database_url) == []
    with pytest.raises(ZeroDivisionError):
        async with scratch(empty_database_url):
            raise ZeroDivisionError
    assert await schemas(empty_database_url) == []


async def test_nothing_is_left_when_it_is_cancelled(empty_database_url: str) -> None:
    inside = asyncio.Event()

    async def run() -> None:
        async with scratch(empty_database_url):
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(run())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await schemas(empty_database_url) == []


async def test_what_a_killed_run_left_is_removed_and_what_a_living_one_uses_is_not(
    empty_database_url: str,
) -> None:
    database = connect(empty_database_url)
    try:
        async with database.transaction() as tx:
            await tx.execute(text(f"create schema {PREFIX}12345"))
            await tx.execute(text(f"create table {PREFIX}12345.left_over (n int)"))
            await tx.execute(text(f"create schema {PREFIX}of_somebody_else"))
        async with scratch(empty_database_url):
            kept = await schemas(empty_database_url)
            assert f"{PREFIX}12345" not in kept
            assert len(kept) == 2
            async with database.glance() as tx:
                assert await sweep(tx.connection) == 0
            assert await schemas(empty_database_url) == kept
    finally:
        await database.close()
    assert await schemas(empty_database_url) == [f"{PREFIX}of_somebody_else"]


async def test_the_tables_of_others_are_out_of_sight(servers: TestServers) -> None:
    with servers.database() as url:
        database = connect(url)
        try:
            async with scratch(url) as room:
                await simulate(room, "send email Welcome")
            async with database.glance() as tx:
                assert await tx.scalar(text("select count(*) from contact")) == 0
                assert await tx.scalar(text("select count(*) from workspace")) == 0
            with pytest.raises(UnfitError, match="scratch schema"):
                await simulate(database, "send email Welcome")
        finally:
            await database.close()


async def test_a_database_that_is_not_there_is_told() -> None:
    with pytest.raises(UnfitError, match="does not answer"):
        async with scratch("postgresql://nobody@127.0.0.1:1/none"):
            pass


async def test_what_is_still_to_do_about_a_deleted_contact_is_done(empty_database_url: str) -> None:
    async with scratch(empty_database_url) as database:
        await simulate(
            database,
            "from segment Leads delete contact",
            contacts=[{"id": "1", "segments": "Leads"}],
        )
        async with database.glance() as tx:
            rows = await tx.execute(text("select clear_at from gone_contact"))
            assert [row[0] for row in rows] == [None]
