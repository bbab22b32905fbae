"""Who enters a campaign, when, and how often; and what pausing and stopping do to them."""

from datetime import timedelta

import pytest
from world import World

from headless.campaigns import lifecycle
from headless.problems import Problem


async def test_members_enter_at_the_start_and_others_as_they_join(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.people("bob")
    await world.start("from segment Leads add points 1")
    assert (await world.points("ada"), await world.points("bob")) == (1, 0)
    await world.joins("Leads", "bob")
    await world.settle()
    assert await world.points("bob") == 1


async def test_from_new_members_leaves_the_old_ones_alone(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.people("bob")
    await world.start("from new members of segment Leads add points 1")
    await world.joins("Leads", "bob")
    await world.settle()
    assert (await world.points("ada"), await world.points("bob")) == (0, 1)


async def test_where_keeps_out_who_does_not_fit(world: World) -> None:
    await world.people("ada", segment="Leads", country="US")
    await world.people("bob", segment="Leads", country="FR")
    await world.people("cyd", country="FR")
    await world.start('from segment Leads where (country is "US") add points 1')
    await world.joins("Leads", "cyd")
    await world.settle()
    assert [await world.points(n) for n in ("ada", "bob", "cyd")] == [1, 0, 0]


async def test_from_contacts_where_takes_whoever_begins_to_fit(world: World) -> None:
    await world.people("ada", country="US")
    await world.people("bob", country="FR")
    await world.start('from contacts where (country is "US" and points < 5) add points 1')
    assert (await world.points("ada"), await world.points("bob")) == (1, 0)
    await world.set("bob", country="us")
    await world.settle()
    assert await world.points("bob") == 1


async def test_re_entry_never_is_the_default(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start("from segment Leads add points 1")
    await world.leaves("Leads", "ada")
    await world.joins("Leads", "ada")
    await world.settle()
    assert await world.points("ada") == 1


async def test_re_entry_always_makes_a_new_run_each_time(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start("from segment Leads re-entry always add points 1")
    await world.leaves("Leads", "ada")
    await world.wait(hours=1)
    await world.joins("Leads", "ada")
    await world.settle()
    assert await world.points("ada") == 2
    assert await world.runs("ada") == ["finished", "finished"]


async def test_re_entry_after_a_time(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start("from segment Leads re-entry after 30d add points 1")
    for days, points in ((10, 1), (21, 2)):
        await world.wait(days=days)
        await world.leaves("Leads", "ada")
        await world.joins("Leads", "ada")
        await world.settle()
        assert await world.points("ada") == points


async def test_a_second_entry_during_a_run_is_ignored(world: World) -> None:
    await world.people("ada")
    await world.start('start when did "go" re-entry always add points 1 wait 1d')
    await world.does("go", "ada")
    await world.wait(hours=1)
    await world.does("go", "ada")
    assert await world.points("ada") == 1
    await world.wait(days=2)
    await world.does("go", "ada")
    assert await world.points("ada") == 2


async def test_the_same_activity_twice_counts_once(world: World) -> None:
    await world.people("ada")
    await world.start('start when did "go" re-entry always add points 1')
    assert await world.does("go", "ada", key="evt-1") == 1
    assert await world.does("go", "ada", key="evt-1") == 0
    assert await world.points("ada") == 1


async def test_removed_by_hand_stays_out(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start("from segment Leads re-entry always add points 1")
    await world.rows("update enrollment set state = 5 returning 1")
    await world.leaves("Leads", "ada")
    await world.joins("Leads", "ada")
    await world.settle()
    assert await world.points("ada") == 1


async def test_pause_holds_everybody_in_place_and_resume_runs_what_is_overdue(
    world: World,
) -> None:
    await world.people("ada", segment="Leads")
    campaign = await world.start("from segment Leads wait 1d add points 1 wait 1d add points 1")
    await world.wait(hours=1)
    async with world.database.transaction() as tx:
        await lifecycle.pause(tx, 1, campaign, now=world.now)
    await world.wait(days=5)
    assert await world.points("ada") == 0
    async with world.database.transaction() as tx:
        resumed = await lifecycle.resume(tx, 1, campaign, now=world.now)
    assert resumed.overdue == 1
    await world.settle()
    assert await world.points("ada") == 1  # the second wait counts from now: no burst
    await world.wait(days=1, minutes=1)
    assert await world.points("ada") == 2


async def test_resume_shifted_moves_every_wait_by_the_pause(world: World) -> None:
    await world.people("ada", segment="Leads")
    campaign = await world.start(
        "from segment Leads send email X when opened email X within 2d then add points 1"
        " else add points 10"
    )
    await world.wait(days=1)
    async with world.database.transaction() as tx:
        await lifecycle.pause(tx, 1, campaign, now=world.now)
    await world.wait(days=5)
    async with world.database.transaction() as tx:
        await lifecycle.resume(tx, 1, campaign, shifted=True, now=world.now)
    await world.settle()
    assert await world.points("ada") == 0
    await world.wait(hours=12)
    await world.opens("X", "ada")
    assert await world.points("ada") == 1


async def test_stop_ends_every_run(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.people("bob")
    campaign = await world.start("from segment Leads wait 1d add points 1")
    async with world.database.transaction() as tx:
        await lifecycle.stop(tx, 1, campaign, now=world.now)
    await world.joins("Leads", "bob")
    await world.wait(days=2)
    assert (await world.points("ada"), await world.points("bob")) == (0, 0)
    assert (await world.runs("ada"), await world.runs("bob")) == (["ended"], [])
    for verb in (lifecycle.pause, lifecycle.resume, lifecycle.stop):
        async with world.database.transaction() as tx:
            with pytest.raises(Problem, match="is stopped") as refused:
                await verb(tx, 1, campaign, now=world.now)
            assert refused.value.code == "wrong_state"


async def test_nothing_happens_outside_the_active_window_and_places_are_kept(
    world: World,
) -> None:
    await world.people("ada", segment="Leads")
    await world.people("bob")
    await world.start(
        "from segment Leads active 2026-01-07 to 2026-01-08 add points 1 wait 3d add points 1"
    )
    assert await world.points("ada") == 0  # the 5th: not yet
    await world.people("eve", segment="Leads")  # joins before it opens: is in it when it does
    await world.jump(days=2)
    assert (await world.points("ada"), await world.points("eve")) == (1, 1)
    await world.jump(days=5)
    await world.joins("Leads", "bob")
    await world.settle()
    assert (await world.points("ada"), await world.points("bob")) == (1, 0)
    assert await world.runs("ada") == ["running"]


async def test_starting_needs_the_plan_and_a_draft(world: World) -> None:
    from headless.campaigns import publish

    await world.people("ada", "bob", segment="Leads")
    async with world.database.transaction() as tx:
        made, _ = await publish.create(
            tx, 1, "campaign C from segment Leads send email X", now=world.now
        )
        with pytest.raises(Problem) as refused:
            await lifecycle.start(tx, 1, made.id, plan=None, now=world.now)
        assert refused.value.code == "plan_required"
        assert refused.value.extra["plan"]["enter_now"] == 2
        with pytest.raises(Problem) as refused:
            await lifecycle.start(tx, 1, made.id, plan="sha256:other", now=world.now)
        assert refused.value.code == "plan_drifted"
        await lifecycle.start(tx, 1, made.id, plan=made.hash, now=world.now)
        with pytest.raises(Problem) as refused:
            await lifecycle.start(tx, 1, made.id, plan=made.hash, now=world.now)
        assert refused.value.code == "wrong_state"
        with pytest.raises(Problem) as refused:
            await publish.create(tx, 1, "campaign c from segment Leads add points 1", now=world.now)
        assert refused.value.code == "name_taken"


async def test_many_members_enter_in_batches_and_each_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headless.runtime.entry.INTAKE_BATCH", 7)
    names = [f"p{n}" for n in range(40)]
    await world.people(*names, segment="Leads")
    await world.start("from segment Leads re-entry always add points 1")
    assert await world.rows("select points, count(*) from contact group by 1") == [(1, 40)]
    await world.wait(seconds=timedelta(minutes=1).total_seconds())
    assert await world.rows("select points, count(*) from contact group by 1") == [(1, 40)]


async def test_who_joins_during_a_pause_enters_and_waits(world: World) -> None:
    await world.people("ada")
    campaign = await world.start("from segment Leads add points 1")
    async with world.database.transaction() as tx:
        await lifecycle.pause(tx, 1, campaign, now=world.now)
    await world.joins("Leads", "ada")
    await world.wait(hours=1)
    assert (await world.points("ada"), await world.runs("ada")) == (0, ["running"])
    async with world.database.transaction() as tx:
        await lifecycle.resume(tx, 1, campaign, now=world.now)
    await world.settle()
    assert await world.points("ada") == 1


async def test_what_the_database_cannot_run_is_told_before_it_is_stored(world: World) -> None:
    from headless.campaigns import publish

    async with world.database.transaction() as tx:
        for text, code in (
            ('if country matches "(?P<x>a)" then exit', "E216"),  # Python's, not PostgreSQL's
            ("set email to x", "E225"),
            ("set timezone to Nowhere", "E214"),
            ("set timezone to field country", "E214"),
        ):
            read = await publish.check(tx, 1, f"from segment Leads {text}")
            assert [d.code for d in read.diagnostics if d.severity == "error"] == [code]
            assert read.plan is None


async def test_a_pause_holds_what_is_in_the_outbox_and_a_stop_drops_it(world: World) -> None:
    due = "select count(*) from message where state = 0 and due_at <= :now"
    await world.people("ada", segment="Leads")
    campaign = await world.start("from segment Leads send email X wait 30d")
    other = "campaign Other from segment Leads send email Tips"
    await world.start(other)
    assert await world.one(due, now=world.now) == 2
    async with world.database.transaction() as tx:
        await lifecycle.pause(tx, 1, campaign, now=world.now)
    await world.wait(days=1)
    assert await world.one(due, now=world.now) == 1
    async with world.database.transaction() as tx:
        await lifecycle.resume(tx, 1, campaign, now=world.now)
    assert await world.one(due, now=world.now) == 2
    async with world.database.transaction() as tx:
        await lifecycle.stop(tx, 1, campaign, now=world.now)
    assert await world.one(due, now=world.now) == 1
    assert await world.rows("select reason from message where state = 3") == [
        ("the campaign was stopped",)
    ]
