"""Into another campaign, and out of one: at once, with what started the first."""

from world import World


async def test_move_to_campaign_leaves_and_enters_with_the_entry_data(world: World) -> None:
    await world.people("ada")
    second = await world.start('campaign "Second" if entry.total > 10 then add tag big wait 1d')
    first = await world.start(
        """campaign "First"
        start when did "order"
        whenever did "ping" then add points 1
        wait 1d
        move to campaign Second"""
    )
    await world.does("order", "ada", total=50)
    await world.wait(days=1)
    assert await world.tags("ada") == ["big"]
    assert await world.runs("ada") == ["exited", "running"]
    assert "move to campaign Second: done" in await world.journal("ada", first)
    assert (await world.journal("ada", second))[0] == "entry: entered"
    await world.does("ping", "ada")
    assert await world.points("ada") == 0


async def test_add_to_campaign_goes_on(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start('campaign "Second" add tag second')
    await world.start('campaign "First" from segment Leads add to campaign Second add tag first')
    assert await world.tags("ada") == ["first", "second"]
    assert await world.runs("ada") == ["finished", "finished"]


async def test_a_campaign_that_does_not_run_takes_nobody(world: World) -> None:
    from headless.campaigns import publish

    await world.people("ada", segment="Leads")
    async with world.database.transaction() as tx:
        await publish.create(tx, 1, "add tag second", name="Second", now=world.now)
    first = await world.start(
        'campaign "First" from segment Leads add to campaign Second add tag first'
    )
    assert (await world.journal("ada", first))[1:] == [
        "add to campaign Second: skipped (the campaign is not running)",
        "add tag first: done",
    ]


async def test_remove_from_campaign_ends_its_run(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    second = await world.start(
        'campaign "Second" from segment Leads parallel do wait 9d also wait 8d end add tag second'
    )
    await world.start(
        """campaign "First" from segment Leads
        wait 1d
        if in campaign Second do
          remove from campaign Second
          add tag first
        end"""
    )
    await world.wait(days=1)
    assert await world.rows("select state from enrollment where campaign_id = 1") == [(2,), (2,)]
    assert await world.tags("ada") == ["first"]
    assert await world.rows("select * from position") == []
    told = "select detail ->> 'reason' from journal where step = 0 and visit < 0"
    assert await world.rows(told) == [("removed by the campaign `First`",)] * 2
    assert (await world.outcomes(second))[0, "exited"] == 2


async def test_a_removal_waits_for_who_moves_the_other_run(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start('campaign "Second" from segment Leads wait 9d')
    await world.start('campaign "First" from segment Leads wait 1d remove from campaign Second')
    async with world.database.transaction() as tx:
        from sqlalchemy import text

        await tx.execute(text("select 1 from position where version_id = 1 for update"))
        await world.wait(days=1)
        assert await world.runs("ada") == ["running", "running"]
    await world.settle()
    assert await world.runs("ada") == ["exited", "finished"]
