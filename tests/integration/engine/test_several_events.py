"""Several events together, counted events, and stopwatches that count from elsewhere."""

from world import World


async def test_and_waits_for_all_in_any_order(world: World) -> None:
    await world.people("ada", "bob", "cyd", segment="Leads")
    await world.start(
        """from segment Leads
        when did "demo" and did "call" within 5d then add tag both else add tag not_both
        add points 1"""
    )
    await world.wait(days=1)
    await world.does("call", "ada", "bob")
    await world.wait(days=1)
    await world.does("demo", "ada")
    assert (await world.tags("ada"), await world.tags("bob")) == (["both"], [])
    assert (1, "Wed 07 Jan 09:00") in await world.times("ada")  # at the last of them
    await world.wait(days=4)
    assert (await world.tags("bob"), await world.tags("cyd")) == (["not_both"], ["not_both"])


async def test_an_event_so_many_times(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.start(
        'from segment Leads when did "visit" 3 times within 5d then add tag often else add tag few'
    )
    for hours in (1, 2):
        await world.wait(hours=hours)
        await world.does("visit", "ada", "bob")
    assert (await world.tags("ada"), await world.tags("bob")) == ([], [])
    await world.does("visit", "ada")
    await world.wait(days=6)
    assert (await world.tags("ada"), await world.tags("bob")) == (["often"], ["few"])


async def test_counts_and_races_mix(world: World) -> None:
    await world.people("ada", "bob", "cyd", segment="Leads")
    await world.start(
        """from segment Leads
        when did "visit" 2 times or did "call" within 2d do add tag first
        or when did "order" and did "pay" within 3d do add tag second
        else add tag none
        end"""
    )
    await world.does("visit", "ada", "bob")
    await world.wait(hours=1)
    await world.does("order", "bob", "cyd")
    await world.does("visit", "ada")
    await world.wait(hours=1)
    await world.does("pay", "bob")
    await world.wait(hours=1)
    await world.does("call", "bob")  # too late: the other has won
    await world.wait(days=4)
    assert [await world.tags(name) for name in ("ada", "bob", "cyd")] == [
        ["first"],
        ["second"],
        ["none"],
    ]


async def test_each_of_several_events_has_a_stopwatch_of_its_own(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.start(
        """from segment Leads
        send email Welcome
        wait 2d
        send email Tips
        when opened email Welcome or opened email Tips within 3d then add tag read
        else add tag unread"""
    )
    await world.wait(days=4)
    await world.opens("Welcome", "ada")  # its own window closed on the third day
    await world.opens("Tips", "bob")
    await world.wait(days=3)
    assert (await world.tags("ada"), await world.tags("bob")) == (["unread"], ["read"])


async def test_a_window_counts_from_a_labelled_step(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.start(
        """from segment Leads
        add points 1
        hello: wait 1d
        wait 2d
        when did "reply" within 4d of hello then add tag good else add tag bad"""
    )
    await world.wait(days=1, hours=1)
    await world.does("reply", "ada")  # inside the window, before the path is there
    await world.wait(days=3)
    assert (await world.tags("ada"), await world.tags("bob")) == (["good"], [])
    await world.wait(days=2)
    assert await world.tags("bob") == ["bad"]
    assert (4, "Sat 10 Jan 09:00") in await world.times("bob")


async def test_a_labelled_step_of_the_same_moment_and_one_never_taken(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads
        if points > 5 do
          rich: note "rich"
        end
        stamp: add points 1
        when did "x" within 1d of stamp then exit
        when did "x" within 1d of rich then exit
        add tag over"""
    )
    await world.wait(days=1, hours=1)
    await world.wait(days=1, hours=1)
    assert await world.tags("ada") == ["over"]
    assert (4, "Tue 06 Jan 09:00") in await world.times("ada")
    assert (6, "Wed 07 Jan 09:00") in await world.times("ada")


async def test_a_window_of_entry(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads
        wait 2d
        when did "x" within 3d of entry then add tag good else add tag bad"""
    )
    await world.wait(days=3, hours=1)
    assert await world.tags("ada") == ["bad"]


async def test_points_that_are_there_count_at_once(world: World) -> None:
    await world.people("ada", segment="Leads", points=80)
    await world.people("bob", segment="Leads")
    await world.start(
        """from segment Leads
        when reached 50 points within 3d then add tag rich else add tag poor"""
    )
    assert (await world.tags("ada"), await world.tags("bob")) == (["rich"], [])
    await world.start('campaign "Gift" from segment Leads wait 1d add points 60')
    await world.wait(days=1)
    assert await world.tags("bob") == ["rich"]


async def test_wait_until_an_event_or_its_deadline(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.start('from segment Leads wait until did "ready" within 3d add tag active_now')
    await world.wait(days=1)
    await world.does("ready", "ada")
    assert (await world.tags("ada"), await world.tags("bob")) == (["active_now"], [])
    await world.wait(days=3)
    assert await world.tags("bob") == ["active_now"]
    assert (2, "Thu 08 Jan 09:00") in await world.times("bob")
