"""Goals and stops end a run at once, and cancel what it waits for."""

from datetime import timedelta

from world import World


async def _told(world: World, name: str) -> list[tuple[str, str]]:
    rows = await world.rows(
        "select outcome, to_char(at, 'DD HH24:MI') from journal"
        " where contact_id = :id and step = 0 order by visit desc",
        id=world.ids[name],
    )
    words = {0: "entered", 9: "goal", 10: "stopped", 13: "ignored"}
    return [(words[outcome], at) for outcome, at in rows]


async def test_a_goal_ends_the_run_and_its_waits(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.start(
        """from segment Leads
        goal Bought when did "order placed" where (total > 10)
        parallel do wait 5d add tag one also wait 5d add tag two end
        send email Reminder"""
    )
    await world.wait(days=1)
    await world.does("order placed", "ada", total=50)
    await world.does("order placed", "bob", total=5)
    assert (await world.runs("ada"), await world.runs("bob")) == (["goal"], ["running"])
    assert await _told(world, "ada") == [("entered", "05 09:00"), ("goal", "06 09:00")]
    await world.wait(days=6)
    assert (await world.mails("ada"), await world.mails("bob")) == ([], ["Reminder"])
    assert await world.rows("select * from position") == []
    detail = await world.one("select detail from journal where outcome = 9")
    assert detail == {"reason": 'did "order placed" where (total > 10)', "label": "Bought"}
    assert (await world.outcomes())[0, "goal"] == 1


async def test_stop_when(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads
        stop when left segment Leads
        wait 5d
        send email Reminder"""
    )
    await world.wait(days=1)
    await world.leaves("Leads", "ada")
    await world.settle()
    assert await world.runs("ada") == ["stopped"]
    await world.wait(days=6)
    assert await world.mails("ada") == []


async def test_an_ending_that_a_step_of_its_own_brings_about_comes_before_the_next(
    world: World,
) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads
        goal when reached 50 points
        add points 30
        add tag once
        add points 30
        add tag twice"""
    )
    assert (await world.points("ada"), await world.tags("ada")) == (60, ["once"])
    assert await world.runs("ada") == ["goal"]


async def test_points_that_are_there_end_the_run_as_it_begins(world: World) -> None:
    await world.people("ada", segment="Leads", points=80)
    await world.start("from segment Leads goal when reached 50 points add tag x")
    assert (await world.runs("ada"), await world.tags("ada")) == (["goal"], [])
    assert await _told(world, "ada") == [("entered", "05 09:00"), ("goal", "05 09:00")]


async def test_what_brought_the_contact_in_is_no_goal(world: World) -> None:
    await world.people("ada")
    await world.start(
        """start when did "order"
        re-entry always
        goal when did "order"
        wait 5d"""
    )
    await world.does("order", "ada")
    assert await world.runs("ada") == ["running"]
    await world.wait(days=1)
    await world.does("order", "ada")
    assert (await world.runs("ada"))[0] == "goal"


async def test_several_endings_and_several_events(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.start(
        """from segment Leads
        goal when did "demo" and did "call"
        stop when did "no" 2 times
        wait 30d"""
    )
    await world.wait(hours=1)
    await world.does("demo", "ada", "bob")
    await world.does("no", "bob")
    assert await world.runs("ada") == ["running"]
    await world.wait(hours=1)
    await world.does("call", "ada")
    await world.does("no", "bob")
    assert (await world.runs("ada"), await world.runs("bob")) == (["goal"], ["stopped"])


async def test_a_goal_in_a_pause_counts_and_one_before_the_entry_does_not(world: World) -> None:
    from headless.campaigns import lifecycle

    await world.people("ada", "bob", segment="Leads")
    campaign = await world.start('from segment Leads goal when did "order" wait 5d add tag x')
    await world.does("order", "bob", ago=timedelta(hours=1))
    async with world.database.transaction() as tx:
        await lifecycle.pause(tx, 1, campaign, now=world.now)
    await world.wait(days=1)
    await world.does("order", "ada")
    assert (await world.runs("ada"), await world.runs("bob")) == (["goal"], ["running"])


async def test_whoever_waits_for_leaving_hears_of_goals_and_stops(world: World) -> None:
    await world.people("ada", "bob", "cyd", segment="Leads")
    await world.start(
        "from segment Leads\ngoal when did buy\nstop when did quit\nwait 5d", name="First"
    )
    await world.start("start when left campaign First\nadd tag outside", name="hears")
    await world.does("buy", "ada")
    await world.does("quit", "bob")
    assert [await world.tags(n) for n in ("ada", "bob", "cyd")] == [["outside"], ["outside"], []]
