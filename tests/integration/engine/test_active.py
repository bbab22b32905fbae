"""The active window: outside of it nobody enters and nothing runs, and places are kept."""

from datetime import UTC, datetime

from world import World


async def test_after_the_end_nobody_enters_nothing_runs_and_places_are_kept(world: World) -> None:
    await world.people("ada", "bob")
    await world.start(
        """start when did "order"
        active 2026-01-01 to 2026-01-10
        goal when did "pay"
        when did "call" within 3d then add tag called
        wait 3d
        add tag over"""
    )
    await world.does("order", "ada")
    await world.wait(days=1)
    await world.does("call", "ada")
    assert await world.tags("ada") == ["called"]
    await world.wait(days=1, hours=1)
    world.now = datetime(2026, 1, 20, tzinfo=UTC)
    await world.settle()
    await world.does("order", "bob")
    await world.does("pay", "ada")
    assert (await world.runs("ada"), await world.runs("bob")) == (["running"], [])
    assert await world.tags("ada") == ["called"]
    assert len(await world.rows("select * from position")) == 1


async def test_before_the_beginning_nobody_enters(world: World) -> None:
    await world.people("ada")
    await world.start('start when did "order" active 2026-02-01 add tag x')
    await world.does("order", "ada")
    assert await world.runs("ada") == []
    world.now = datetime(2026, 2, 2, tzinfo=UTC)
    await world.does("order", "ada")
    assert await world.tags("ada") == ["x"]
