"""Contacts put into a campaign and taken out of it by hand."""

from world import World

from headless.campaigns import enroll
from headless.campaigns.why import why
from headless.storage.codes import ActivityKind


async def removed(world: World, campaign: int, *names: str) -> int:
    async with world.database.transaction() as tx:
        who = [world.ids[name] for name in names]
        gone = await enroll.remove(tx, 1, campaign, who, now=world.now)
    await world.settle()
    return gone


async def added(world: World, campaign: int, *names: str) -> int:
    async with world.database.transaction() as tx:
        who = [world.ids[name] for name in names]
        came = await enroll.add(tx, world.engine.versions, 1, campaign, who, now=world.now)
    await world.settle()
    return came


async def rejoins(world: World, *names: str) -> None:
    await world.leaves("Leads", *names)
    await world.joins("Leads", *names)
    await world.settle()


async def test_who_is_removed_by_hand_stays_out_until_a_hand_brings_them_back(
    world: World,
) -> None:
    await world.people("ada", "bob", segment="Leads")
    campaign = await world.start(
        "from segment Leads re-entry always send email Welcome wait 1d add points 1"
    )
    assert await removed(world, campaign, "ada") == 1
    await rejoins(world, "ada")
    await world.wait(days=3)
    assert (await world.points("ada"), await world.points("bob")) == (0, 1)
    assert await world.runs("ada") == ["removed"]
    assert await world.rows("select state, reason from message order by contact_id") == [
        (3, "removed by hand"),
        (0, None),
    ]
    async with world.database.transaction() as tx:
        told = await why(tx, 1, world.ids["ada"], campaign, now=world.now)
    assert [(line.outcome, line.reason) for line in told.runs[0].lines][-1] == (
        "removed",
        "by hand",
    )
    assert await added(world, campaign, "ada") == 1
    await world.wait(days=1)
    assert await world.points("ada") == 1
    await rejoins(world, "ada")  # back in by hand: the segment counts again
    assert await world.runs("ada") == ["removed", "finished", "running"]


async def test_who_is_not_in_yet_is_kept_out_as_well(world: World) -> None:
    await world.people("ada", "bob")
    campaign = await world.start("from segment Leads re-entry always add points 1")
    await rejoins(world, "bob")
    assert await removed(world, campaign, "ada", "bob") == 0
    assert await removed(world, campaign, "ada", "bob") == 0
    await rejoins(world, "ada", "bob")
    assert (await world.points("ada"), await world.points("bob")) == (0, 1)
    assert await world.runs("bob") == ["finished", "removed"]


async def test_others_hear_that_somebody_was_taken_out(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    campaign = await world.start("from segment Leads wait 9d")
    kind = int(ActivityKind.LEFT_CAMPAIGN)
    await world.rows(f"insert into listener values (1, {kind}, {campaign}, 1, 9) returning 1")
    await removed(world, campaign, "ada")
    assert await world.rows("select contact_id, kind, ref from activity where kind <> 12") == [
        (world.ids["ada"], kind, campaign)
    ]
