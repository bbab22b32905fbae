"""How runs start: forms, several sources, counts, and entries that a run under way ignores."""

from world import World

from headless.storage.codes import ActivityKind


async def test_an_entry_during_a_run_is_ignored_and_journaled(world: World) -> None:
    await world.people("ada")
    await world.start('start when did "order" re-entry always wait 2d add points 1')
    await world.does("order", "ada")
    await world.wait(days=1)
    await world.does("order", "ada")
    await world.does("order", "ada")
    assert await world.runs("ada") == ["running"]
    rows = await world.rows("select step, visit, outcome from journal order by visit")
    assert rows == [(0, -2, 13), (0, -1, 13), (0, 1, 0)]
    await world.wait(days=2)
    assert (await world.points("ada"), await world.outcomes()) == (
        1,
        {(0, "entered"): 1, (0, "ignored"): 2, (1, "done"): 1, (2, "done"): 1},
    )


async def test_from_form(world: World) -> None:
    await world.people("ada", "bob")
    await world.rows(
        "insert into form (workspace_id, name, created_at, updated_at)"
        " values (1, 'Demo', :now, :now) returning id",
        now=world.now,
    )
    await world.start("from form Demo if entry.size > 10 then add tag big else add tag small")
    form = await world.one("select id from form where name = 'Demo'")
    await world._happens(ActivityKind.SUBMITTED, form, ["ada"], size=50)
    await world._happens(ActivityKind.SUBMITTED, form, ["bob"], size=5)
    assert (await world.tags("ada"), await world.tags("bob")) == (["big"], ["small"])


async def test_several_sources_and_new_members(world: World) -> None:
    await world.people("old", segment="Leads")
    await world.people("vip", segment="VIP")
    await world.people("new", "both")
    await world.start("from new members of segment Leads, segment VIP wait 9d add tag over")
    await world.joins("Leads", "new")
    await world.joins("VIP", "both")
    await world.joins("Leads", "both")
    await world.settle()
    who = {name: await world.runs(name) for name in world.ids}
    assert who == {"old": [], "vip": ["running"], "new": ["running"], "both": ["running"]}
    assert (await world.outcomes())[0, "ignored"] == 1


async def test_a_start_that_takes_an_event_so_many_times_within_a_span(world: World) -> None:
    await world.people("ada")
    await world.start('when did "visit" 3 times within 5d do add points 1 end wait 1h')
    await world.does("visit", "ada")
    await world.wait(days=4)
    await world.does("visit", "ada")
    await world.wait(days=3)
    await world.does("visit", "ada")  # the first is too long ago
    assert await world.runs("ada") == []
    await world.wait(days=1)
    await world.does("visit", "ada")
    assert (await world.points("ada"), await world.runs("ada")) == (1, ["running"])
    await world.wait(days=1)
    await world.does("visit", "ada")  # what has started a run starts no other
    assert len(await world.runs("ada")) == 1


async def test_a_start_that_takes_two_events(world: World) -> None:
    await world.people("ada", "bob")
    await world.start('start when did "demo" and did "call" add points 1')
    await world.does("call", "ada", "bob")
    await world.wait(days=1)
    await world.does("demo", "ada")
    await world.does("call", "bob")
    assert (await world.points("ada"), await world.points("bob")) == (1, 0)


async def test_re_entry_counts_rotations(world: World) -> None:
    await world.people("ada")
    await world.start('start when did "order" re-entry after 3d add points 1')
    await world.does("order", "ada")
    await world.wait(days=1)
    await world.does("order", "ada")
    await world.wait(days=2)
    await world.does("order", "ada")
    assert await world.rows("select rotation from enrollment order by 1") == [(1,), (2,)]
    assert await world.points("ada") == 2
