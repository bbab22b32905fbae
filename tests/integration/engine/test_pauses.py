"""What a pause does to waits and windows, and the two ways to go on after it."""

from world import World

from headless.campaigns import lifecycle


async def paused(world: World, campaign: int, **length: float) -> None:
    async with world.database.transaction() as tx:
        await lifecycle.pause(tx, 1, campaign, now=world.now)
    await world.jump(**length)


async def resumed(world: World, campaign: int, *, shifted: bool) -> int:
    async with world.database.transaction() as tx:
        done = await lifecycle.resume(tx, 1, campaign, shifted=shifted, now=world.now)
    await world.settle()
    return done.overdue


async def test_resuming_says_how_many_are_due_and_runs_them(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    campaign = await world.start("from segment Leads wait 2d add points 1")
    await world.people("cyd")
    await world.wait(days=1)
    await world.joins("Leads", "cyd")
    await world.settle()
    await paused(world, campaign, days=1, hours=12)
    assert await resumed(world, campaign, shifted=False) == 2
    assert [await world.points(n) for n in ("ada", "bob", "cyd")] == [1, 1, 0]


async def test_shifted_waits_end_later_by_the_pause_and_not_before(world: World) -> None:
    await world.people("ada", segment="Leads")
    campaign = await world.start("from segment Leads wait 2d add points 1")
    await world.wait(days=1)
    await paused(world, campaign, days=10)
    assert await resumed(world, campaign, shifted=True) == 1
    await world.wait(hours=23)
    assert await world.points("ada") == 0
    await world.wait(hours=2)
    assert await world.points("ada") == 1


async def test_who_came_in_during_the_pause_is_shifted_by_what_they_saw_of_it(
    world: World,
) -> None:
    await world.people("ada")
    campaign = await world.start("from segment Leads add points 1 wait 1d add points 1")
    await paused(world, campaign, days=9)
    await world.joins("Leads", "ada")
    await world.settle()
    await world.jump(days=1)
    await resumed(world, campaign, shifted=True)
    assert await world.points("ada") == 1  # at once, not ten days later


async def test_what_happened_in_the_pause_counts_in_a_shifted_window(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    campaign = await world.start(
        "from segment Leads send email X when opened email X within 2d then add points 1"
        " else add points 10"
    )
    await world.wait(days=1)
    await paused(world, campaign, days=3)
    await world.opens("X", "ada")
    await world.jump(days=3)
    await resumed(world, campaign, shifted=True)
    assert [await world.points(n) for n in ("ada", "bob")] == [1, 0]
    await world.wait(hours=23)
    assert await world.points("bob") == 0
    await world.wait(hours=2)
    assert await world.points("bob") == 10


async def test_a_wait_for_ever_is_not_harmed_by_shifting(world: World) -> None:
    await world.people("ada", segment="Leads")
    campaign = await world.start('from segment Leads when did "go" then add points 1')
    await paused(world, campaign, days=1)
    assert await resumed(world, campaign, shifted=True) == 0
    await world.wait(days=30)
    await world.does("go", "ada")
    assert await world.points("ada") == 1
    assert await world.one("select count(*) from position") == 0


async def test_whoever_waits_for_leaving_hears_of_a_stop(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.people("cyd")
    campaign = await world.start("from segment Leads\nwait 2d", name="First")
    await world.start("start when left campaign First\nadd tag outside", name="hears")
    async with world.database.transaction() as tx:
        await lifecycle.stop(tx, 1, campaign, now=world.now)
    await world.settle()
    assert [await world.tags(n) for n in ("ada", "bob", "cyd")] == [["outside"], ["outside"], []]
    assert await world.runs("ada") == ["ended", "finished"]
