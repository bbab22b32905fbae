"""The engine's promises: every effect once, races closed, wake-ups not needed. Each test forces the
interleaving that it speaks of."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import BigInteger, cast, literal, null, select, text
from sqlalchemy.dialects.postgresql import JSONB
from world import World

from headless.audience.activities import Activity, record
from headless.campaigns import lifecycle, publish
from headless.runtime.advance import advance
from headless.runtime.entry import enter
from headless.runtime.listen import hear
from headless.runtime.sweep import sweep
from headless.storage.codes import ActivityKind
from headless.storage.database import Database
from headless.storage.tables import Instant
from headless.storage.wake import Wake

CAMPAIGN = """from segment Leads
send email Welcome
when opened email Welcome within 3d then add points 10 else add tag late
wait 1d
add tag over"""


async def _start(world: World, names: list[str], source: str = CAMPAIGN) -> int:
    await world.people(*names, segment="Leads")
    return await world.start(source)


async def test_a_crash_in_the_middle_of_a_batch_leaves_nothing_behind(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    async with world.database.transaction() as tx:
        # the third write of the batch fails, as a crash would
        await tx.execute(text("alter table contact add constraint no_points check (points < 5)"))
    with pytest.raises(Exception, match="no_points"):
        await world.start("from segment Leads send email X add points 10 add tag t")
    assert await world.rows("select * from journal") == []
    assert await world.rows("select * from message") == []
    assert await world.rows("select step from position") == [(0,), (0,)]
    async with world.database.transaction() as tx:
        await tx.execute(text("alter table contact drop constraint no_points"))
    await world.settle()
    assert [await world.points(n) for n in ("ada", "bob")] == [10, 10]
    assert await world.one("select count(*) from message") == 2


async def test_two_workers_on_the_same_step_move_everybody_once(world: World) -> None:
    names = [f"p{n}" for n in range(60)]
    await world.people(*names, segment="Leads")
    world.engine.batch = 7
    await _intake_only(world)
    ((version, step),) = await world.rows("select distinct version_id, step from position")

    async def work() -> int:
        total = 0
        while done := await advance(
            world.database, world.engine.versions, version, step, now=world.now, most=7
        ):
            if not done.claimed:
                return total
            total += done.claimed
        return total

    moved = await asyncio.gather(*(work() for _ in range(4)))
    assert sum(moved) == 60
    assert await world.one("select count(*) from message") == 60
    assert await world.one("select count(*) from journal where step = 1") == 60


async def _intake_only(world: World, source: str = CAMPAIGN) -> None:
    async with world.database.transaction() as tx:
        made, _ = await publish.create(tx, 1, source, now=world.now)
        await lifecycle.start(tx, 1, made.id, plan=made.hash, now=world.now)
    while await world.engine.once(Wake("take_in", (made.id,)), now=world.now):
        pass


async def test_who_comes_in_by_another_way_while_members_are_taken_in_enters_once(
    world: World,
) -> None:
    await world.people("ada", "bob", segment="Leads")
    async with world.database.transaction() as tx:
        made, _ = await publish.create(tx, 1, CAMPAIGN, name="Path", now=world.now)
        await lifecycle.start(tx, 1, made.id, plan=made.hash, now=world.now)
    async with world.database.transaction() as tx:
        version = await tx.scalar(text("select version_id from campaign"))
        way_in = (await world.engine.versions.get(tx, version)).version
        ada = select(
            literal(world.ids["ada"], BigInteger).label("contact_id"),
            literal(world.now, Instant).label("at"),
            cast(null(), BigInteger).label("activity_id"),
            cast(null(), JSONB).label("entry"),
        ).cte("ada")
        assert await tx.scalar(enter(way_in, None, ada), {"now": world.now}) == 1
        taking = asyncio.create_task(world.engine.once(Wake("take_in", (made.id,)), now=world.now))
        await _until_blocked(world.database)
    assert await taking == 1
    entered = await world.rows("select contact_id, count(*) from enrollment group by 1 order by 1")
    assert entered == [(world.ids["ada"], 1), (world.ids["bob"], 1)]


async def test_a_step_run_again_has_no_second_effect(world: World) -> None:
    await _start(world, ["ada"], "from segment Leads add points 10 add tag t send email X wait 1d")
    # what a bug or a migration back could do: the position stands before its steps once more
    await world.rows("update position set step = 0, due_at = arrived_at returning 1")
    await world.settle()
    assert await world.points("ada") == 10
    assert await world.mails("ada") == ["X"]
    assert await world.one("select sum(contacts) from tally where step = 1") == 1


async def test_an_activity_that_arrives_with_its_position_is_not_lost(world: World) -> None:
    """Whoever is first, the worker or the activity, the other one sees it."""
    source = (
        'from segment Leads wait 1h when did "go" within 2d then add points 1 else add tag late'
    )
    names = [f"p{n}" for n in range(30)]
    await _start(world, names, source)
    ids = [world.ids[name] for name in names]
    await world.does("warm up", "p0")
    (ref,) = (await world.rows("select id from subject where name = 'go'"))[0]
    world.now += timedelta(hours=1, seconds=1)
    ((version, step),) = await world.rows("select distinct version_id, step from position")

    async def move() -> None:
        for _ in range(20):
            await advance(
                world.database, world.engine.versions, version, step, now=world.now, most=3
            )

    async def act(some: list[int]) -> None:
        for contact_id in some:
            item = Activity(
                contact_id=contact_id, kind=ActivityKind.DID, ref=ref, occurred_at=world.now
            )
            async with world.database.transaction() as tx:
                recorded = await record(tx, 1, [item], now=world.now)
                await hear(tx, world.engine.versions, 1, recorded.ids, now=world.now)

    await asyncio.gather(move(), act(ids[:15]), move(), act(ids[15:][::-1]))
    await world.settle()
    assert await world.rows("select points, count(*) from contact group by 1") == [(1, 30)]


async def test_the_activity_waits_for_a_batch_that_is_moving_the_position(world: World) -> None:
    """The very interleaving: the batch has claimed and not committed when the activity comes."""
    source = 'from segment Leads wait 1h when did "go" within 2d then add points 1'
    await _start(world, ["ada"], source)
    (ref,) = (await world.rows("select id from subject where name = 'go'"))[0]
    world.now += timedelta(hours=1, seconds=1)
    ((version, step),) = await world.rows("select distinct version_id, step from position")
    engine, now = world.engine, world.now
    compiled = engine.versions
    item = Activity(contact_id=world.ids["ada"], kind=ActivityKind.DID, ref=ref, occurred_at=now)

    async def tell() -> None:
        async with world.database.transaction() as tx:
            recorded = await record(tx, 1, [item], now=now)
            await hear(tx, compiled, 1, recorded.ids, now=now)

    async with world.database.transaction() as tx:
        made = await compiled.get(tx, version)
        found = (await tx.execute(made.claim(step), {"now": now, "most": 10})).one()
        assert found.claimed == 1
        await tx.execute(made.carry(step).act, {"now": now, "places": found.places})
        telling = asyncio.create_task(tell())
        await _until_blocked(world.database)
        assert not telling.done()
    await telling
    assert await world.one("select due_at from position") == now
    await world.settle()
    assert await world.points("ada") == 1


async def _until_blocked(database: Database) -> None:
    """Wait until some transaction waits for a lock."""
    query = text("select count(*) from pg_stat_activity where wait_event_type = 'Lock'")
    async with asyncio.timeout(10):
        while True:
            async with database.engine.connect() as connection:
                if (await connection.execute(query)).scalar_one():
                    return
            await asyncio.sleep(0.01)


async def test_without_any_wake_up_the_sweep_finds_everything(world: World) -> None:
    await _start(world, ["ada", "bob"])
    assert await sweep(world.database, now=world.now) == []  # nothing is due
    later = world.now + timedelta(days=4)
    wakes = await sweep(world.database, now=later)
    assert [wake.job for wake in wakes] == ["advance"]


async def test_a_paused_backlog_does_not_hide_others_from_the_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headless.campaigns import lifecycle

    monkeypatch.setattr("headless.runtime.sweep._LOOKED_AT", 5)
    await world.people(*[f"p{n}" for n in range(10)], segment="Leads")
    held = await world.start("campaign Held from segment Leads wait 1h add points 1")
    await world.start("campaign Free from segment Leads wait 2h add tag free")
    async with world.database.transaction() as tx:
        await lifecycle.pause(tx, 1, held, now=world.now)
    await world.jump(hours=3)
    assert await world.one("select count(*) from contact_tag") == 10
    assert await world.one("select sum(points) from contact") == 0


async def test_the_engine_only_knows_the_time_that_it_is_given(world: World) -> None:
    """A whole year passes in a moment, and every instant written lies in it."""
    await _start(world, ["ada"], "from segment Leads wait 6mo add points 1 wait 6mo add points 1")
    await world.wait(days=370)
    assert await world.points("ada") == 2
    instants: list[Any] = await world.rows(
        "select min(at), max(at) from journal union all select min(entered_at), max(ended_at)"
        " from enrollment"
    )
    for low, high in instants:
        assert low.year == 2026
        assert (high.year, high.month, high.day) == (2027, 1, 5)
