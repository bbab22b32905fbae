"""Waits for a date in a field: a changed field moves the wait."""

from datetime import datetime

from world import World

from headless.storage.codes import ActivityKind


async def _set(world: World, name: str, day: str | None) -> None:
    """Change the field as the contacts' API does: the row, and the activity that tells of it."""
    await world.set(name, trial=day)
    field = await world.one("select id from field where name = 'trial'")
    await world._happens(ActivityKind.CHANGED, field, [name])


async def test_a_changed_field_moves_the_wait(world: World) -> None:
    await world.people("ada", "bob", "cyd", "dan", segment="Leads", trial="2026-01-20")
    await world.start("from segment Leads wait until 3d before trial at 10:00 add tag soon")
    await world.wait(days=1)
    await _set(world, "ada", "2026-02-10")
    await _set(world, "bob", "2026-01-12")
    await _set(world, "cyd", "2026-01-01")  # has passed: goes on at once
    assert await world.tags("cyd") == ["soon"]
    due = "select due_at at time zone 'UTC' from position p where contact_id = :id"
    assert await world.one(due, id=world.ids["ada"]) == datetime(2026, 2, 7, 10)
    assert await world.one(due, id=world.ids["bob"]) == datetime(2026, 1, 9, 10)
    await world.wait(days=12)
    told = {name: await world.tags(name) for name in world.ids}
    assert told == {"ada": [], "bob": ["soon"], "cyd": ["soon"], "dan": ["soon"]}
    await world.wait(days=30)
    assert await world.tags("ada") == ["soon"]
    assert (1, "Sat 07 Feb 10:00") in await world.times("ada")


async def test_a_field_that_is_emptied_goes_on_and_is_journaled(world: World) -> None:
    await world.people("ada", segment="Leads", trial="2026-01-20")
    await world.start("from segment Leads wait until trial add tag over")
    await _set(world, "ada", None)
    assert await world.tags("ada") == ["over"]
    assert "wait until trial: done (the field is empty)" in await world.journal("ada")
