"""A version that begins to listen and activities that are just being written miss each other never:
each test forces the interleaving that it speaks of."""

import asyncio
from datetime import timedelta

from sqlalchemy import text
from world import World

from headless.audience.activities import Activity, record
from headless.campaigns import lifecycle, publish
from headless.runtime.listen import hear
from headless.storage.codes import ActivityKind
from headless.storage.database import Transaction
from headless.workspace.names import subjects

SOURCE = 'from segment Leads when did "go" within 2d then add points 1 else add tag late'


async def _go(world: World, tx: Transaction, name: str) -> None:
    (ref,) = (await subjects(tx, 1, "event", ["go"], now=world.now)).values()
    item = Activity(
        contact_id=world.ids[name], kind=ActivityKind.DID, ref=ref, occurred_at=world.now
    )
    recorded = await record(tx, 1, [item], now=world.now)
    assert recorded.about == {(int(ActivityKind.DID), ref)}
    await hear(tx, world.engine.versions, 1, recorded.ids, about=recorded.about, now=world.now)


async def _until_waiting(world: World, kind: str) -> None:
    """Until a transaction waits for such a lock."""
    query = "select count(*) from pg_stat_activity where wait_event = :kind"
    async with asyncio.timeout(10):
        while not await world.one(query, kind=kind):
            await asyncio.sleep(0.01)


async def test_a_start_waits_for_the_activities_that_were_heard_for_nobody(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.does("go", "bob")  # the name is known before
    async with world.database.transaction() as tx:
        made, _ = await publish.create(tx, 1, SOURCE, now=world.now)

    async def start() -> None:
        async with world.database.transaction() as tx:
            await lifecycle.start(tx, 1, made.id, plan=made.hash, now=world.now)

    async with world.database.transaction() as tx:
        await _go(world, tx, "ada")
        starting = asyncio.create_task(start())
        await _until_waiting(world, "advisory")
        assert not starting.done()
    await starting
    await world.settle()
    assert await world.points("ada") == 1


async def test_activities_meanwhile_wait_for_the_positions_and_are_heard(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.does("go", "bob")
    await world.start("from segment Leads wait 3d add tag over")
    async with world.database.transaction() as tx:
        made, _ = await publish.create(tx, 1, SOURCE, name="Other", now=world.now)
    world.now += timedelta(minutes=1)

    async def act(name: str) -> None:
        async with world.database.transaction() as tx:
            await _go(world, tx, name)

    async with world.database.transaction() as tx:
        await lifecycle.start(tx, 1, made.id, plan=made.hash, now=world.now)
        # as a version that takes over the positions of the one before it
        await tx.execute(
            text("update position set step = 1 where contact_id = :ada"), {"ada": world.ids["ada"]}
        )
        await act("bob")  # somebody else's positions nobody holds
        acting = asyncio.create_task(act("ada"))
        await _until_waiting(world, "transactionid")
        assert not acting.done()
        waits = await tx.scalar(
            text("select version_id from listener where step > 0 and kind = :did limit 1"),
            {"did": int(ActivityKind.DID)},
        )
        await tx.execute(
            text(
                "update position set version_id = :version, due_at = null"
                ", step = (select step from listener where version_id = :version and step > 0"
                " and step < 1000 limit 1) where contact_id = :ada"
            ),
            {"version": waits, "ada": world.ids["ada"]},
        )
    await acting
    assert (
        await world.one("select due_at from position where contact_id = :ada", ada=world.ids["ada"])
        == world.now
    )
