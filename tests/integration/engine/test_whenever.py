"""Standing rules: every N-th, at most, dropped occurrences, and what never wakes them."""

from datetime import timedelta

from world import World


async def test_what_happens_while_the_body_runs_is_dropped_and_journaled(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads
        whenever did "ping" do
          add points 1
          wait 1d
        end
        wait 30d"""
    )
    await world.wait(hours=1)
    await world.does("ping", "ada")
    await world.wait(hours=1)
    await world.does("ping", "ada")
    await world.does("ping", "ada")
    await world.wait(days=2)
    assert await world.points("ada") == 1
    dropped = await world.rows(
        "select step, to_char(at, 'HH24:MI') from journal where outcome = 12 order by visit desc"
    )
    assert dropped == [(2, "11:00"), (2, "11:00")]
    await world.does("ping", "ada")
    assert await world.points("ada") == 2
    assert (await world.outcomes())[2, "dropped"] == 2


async def test_every_so_many_times(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start('from segment Leads whenever did "ping" 3 times then add points 1 wait 30d')
    for _ in range(7):
        await world.wait(hours=1)
        await world.does("ping", "ada")
    assert await world.points("ada") == 2
    await world.wait(hours=1)
    await world.does("ping", "ada", "ada")
    assert await world.points("ada") == 3


async def test_events_that_are_reported_late_still_count(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start('from segment Leads whenever did "ping" then add points 1 wait 30d')
    await world.wait(hours=3)
    await world.does("ping", "ada")
    await world.does("ping", "ada", ago=timedelta(hours=2))
    await world.does("ping", "ada", ago=timedelta(hours=5))  # before the path came there
    assert await world.points("ada") == 2


async def test_at_most_so_many_times_and_not_by_its_own_steps(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads
        whenever got tag hot at most 2 times then add points 1
        add tag hot
        wait 30d"""
    )
    assert await world.points("ada") == 0
    await world.start(
        """campaign "Other" from segment Leads
        repeat 4 times do
          wait 1h
          remove tag hot
          add tag hot
        end"""
    )
    await world.wait(days=1)
    assert await world.points("ada") == 2


async def test_within_keeps_the_run_open(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start('from segment Leads whenever did "ping" within 5d then add points 1 wait 1d')
    await world.wait(days=2)
    assert await world.runs("ada") == ["running"]
    await world.does("ping", "ada")
    await world.wait(days=3, hours=1)
    assert (await world.points("ada"), await world.runs("ada")) == (1, ["finished"])
    await world.does("ping", "ada")
    assert await world.points("ada") == 1


async def test_a_counted_rule_that_is_the_start(world: World) -> None:
    await world.people("ada")
    await world.start('whenever did "ping" 2 times within 3d then add points 1')
    await world.does("ping", "ada")
    assert await world.runs("ada") == []
    await world.wait(days=4)
    await world.does("ping", "ada")  # the first was too long ago
    assert await world.runs("ada") == []
    await world.wait(days=1)
    await world.does("ping", "ada")
    assert (await world.points("ada"), len(await world.runs("ada"))) == (1, 1)
