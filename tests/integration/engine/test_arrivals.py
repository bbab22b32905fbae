"""Coming to a `when`, a wait or the entry: nothing goes back in time, nothing happens twice."""

import pytest
from world import World

from headless.campaigns import lifecycle, publish
from headless.runtime.entry import take_in
from headless.storage.wake import Wake


async def test_who_is_in_two_sources_at_the_start_enters_once(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.joins("VIP", "ada")
    await world.people("bob", segment="VIP")
    async with world.database.transaction() as tx:
        made, _ = await publish.create(
            tx,
            1,
            "from segment Leads, segment VIP re-entry always add points 5",
            name=None,
            now=world.now,
        )
        await lifecycle.start(tx, 1, made.id, plan=made.hash, now=world.now)
    # between the two intakes a worker finishes the first run
    await take_in(world.database, world.engine.versions, made.id, now=world.now)
    await world.engine.do(Wake("advance", (1, 0)), now=world.now)
    assert await world.runs("ada") == ["finished"]
    await world.settle()
    assert (await world.points("ada"), await world.points("bob")) == (5, 5)
    assert await world.runs("ada") == ["finished"]
    await world.leaves("VIP", "ada")
    await world.wait(days=1)
    await world.joins("VIP", "ada")
    await world.settle()
    assert await world.points("ada") == 10


async def test_an_event_before_the_arrival_answers_at_the_arrival(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads
        send email X
        wait 2d
        when opened email X within 5d do
          wait 1d
          add points 1
        end"""
    )
    await world.wait(hours=1)
    await world.opens("X", "ada")
    await world.wait(days=2)
    assert await world.points("ada") == 0
    assert (3, "Wed 07 Jan 09:00") in await world.times("ada")
    await world.wait(days=1)
    assert await world.points("ada") == 1
    assert (5, "Thu 08 Jan 09:00") in await world.times("ada")


async def test_a_window_that_had_closed_answers_at_the_arrival(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads
        send email X
        wait 3h
        when opened email X within 1h do
          add tag read
        else
          wait 1h
          add tag unread
        end"""
    )
    await world.wait(hours=3, minutes=30)
    assert (3, "Mon 05 Jan 12:00") in await world.times("ada")
    assert await world.tags("ada") == []
    await world.wait(hours=1)
    assert await world.tags("ada") == ["unread"]


async def test_a_not_that_had_come_true_answers_at_the_arrival(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.start(
        """from segment Leads
        send email X
        wait 3h
        when not opened email X within 5h do
          wait 1h
          add tag unread
        else
          wait 1h
          add tag read
        end"""
    )
    await world.wait(hours=1)
    await world.opens("X", "bob")
    await world.wait(hours=2, minutes=30)
    assert (3, "Mon 05 Jan 12:00") in await world.times("bob")
    assert await world.tags("bob") == []
    await world.wait(hours=4)
    assert (await world.tags("ada"), await world.tags("bob")) == (["unread"], ["read"])


async def test_in_the_grace_of_a_window_nobody_goes_back(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads
        send email X
        wait 62m
        when opened email X within 1h then add tag read
        else add tag unread"""
    )
    await world.wait(hours=2)
    assert (3, "Mon 05 Jan 10:02") in await world.times("ada")
    assert await world.tags("ada") == ["unread"]


async def test_each_event_of_or_has_its_own_window(world: World) -> None:
    await world.people("ada", "bob", "cyd", segment="Leads")
    await world.start(
        """from segment Leads
        send email X
        wait 5d
        when opened email X or did "b" within 2h then add tag hit else add tag miss"""
    )
    await world.wait(days=5, hours=1)
    await world.does("b", "ada")
    await world.opens("X", "bob")
    assert [await world.tags(name) for name in ("ada", "bob", "cyd")] == [["hit"], [], []]
    await world.wait(hours=2)
    assert [await world.tags(name) for name in ("bob", "cyd")] == [["miss"], ["miss"]]
    assert (4, "Sat 10 Jan 09:00") not in await world.times("cyd")
    assert (3, "Sat 10 Jan 11:00") in await world.times("cyd")


@pytest.mark.parametrize(
    ("trial", "ends"),
    [
        (None, "Fri 09 Jan 10:00"),
        ("2026-01-06", "Fri 09 Jan 10:00"),
        ("2026-01-20", "Fri 09 Jan 10:00"),
    ],
)
async def test_a_wait_sees_the_field_that_was_set_before(
    world: World, trial: str | None, ends: str
) -> None:
    await world.people("ada", segment="Leads", **({"trial": trial} if trial else {}))
    await world.start(
        """from segment Leads
        set trial to 2026-01-07
        wait until 2d after trial at 10:00
        add points 1"""
    )
    assert await world.points("ada") == 0
    await world.wait(days=10)
    assert (2, ends) in await world.times("ada")


async def test_a_wait_sees_the_zone_that_was_set_before(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads
        set timezone to "America/New_York"
        wait until 10:00
        add points 1"""
    )
    await world.wait(days=1)
    assert (2, "Mon 05 Jan 15:00") in await world.times("ada")


async def test_a_zone_that_is_set_on_one_way_and_cleared_on_another(world: World) -> None:
    await world.people("ada", segment="Leads", country="JP")
    await world.people("bob", segment="Leads", time_zone="America/New_York")
    await world.people("cyd", segment="Leads", country="FR", time_zone="America/New_York")
    await world.start(
        """from segment Leads
        if country is JP then set timezone to "Asia/Tokyo"
        if country is FR then clear timezone
        wait until 10:00
        add points 1"""
    )
    await world.wait(days=2)
    assert (5, "Tue 06 Jan 01:00") in await world.times("ada")
    assert (5, "Mon 05 Jan 15:00") in await world.times("bob")
    assert (5, "Mon 05 Jan 10:00") in await world.times("cyd")
