"""How a goal, a stop and the rounds of a loop are told: in the words of the campaign's text."""

from world import World

from headless.campaigns import why


async def test_a_goal_is_told_by_its_name(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start('from segment Leads goal Bought when did "paid" wait 5d')
    await world.wait(hours=1)
    await world.does("paid", "ada")
    assert await world.journal("ada") == ["entry: entered", "goal Bought: goal"]


async def test_a_goal_without_a_name_and_a_stop_are_told_by_their_event(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.start('from segment Leads goal when did "paid" stop when did "left" wait 5d')
    await world.wait(hours=1)
    await world.does("paid", "ada")
    await world.does("left", "bob")
    assert (await world.journal("ada"))[1:] == ["goal when did paid: goal"]
    assert (await world.journal("bob"))[1:] == ["stop when did left: stopped"]


async def test_a_loop_tells_its_rounds(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start("from segment Leads repeat 2 times do add points 1 end")
    async with world.database.transaction() as tx:
        told = await why.why(tx, 1, world.ids["ada"], 1, now=world.now)
    lines = [line for line in told.runs[0].lines if line.step.startswith("repeat")]
    assert [line.reason for line in lines] == ["round 1", "round 2", None]
