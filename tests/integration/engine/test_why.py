"""Why something happened, or did not: the sentences that a marketer reads."""

from datetime import timedelta

from sqlalchemy import text
from world import World

from headless.audience import segments
from headless.campaigns import inspect, lifecycle, origin, publish, why


async def told(world: World, name: str, campaign: int = 1) -> str:
    async with world.database.transaction() as tx:
        found = await why.why(tx, 1, world.ids[name], campaign, now=world.now)
    return why.render(found)


async def absent(world: World, name: str, campaign: int = 1) -> str:
    return (await told(world, name, campaign)).partition("has not entered: ")[2].strip()


async def test_each_step_says_what_decided_it(world: World) -> None:
    await world.people("ada", segment="Leads", country="FR")
    await world.start(
        """
        from segment Leads
        send email X
        when opened email X within 2d then add points 3 else add points 9
        if country is "US" and points > 5 then note "rich" else note "poor"
        when not did "go" within 1d then add tag t
        send email Tips
        """
    )
    await world.wait(hours=1)
    await world.opens("X", "ada")
    await world.wait(days=2)
    lines = (await told(world, "ada")).splitlines()
    assert any("yes: opened email X at 2026-01-05 10:00:00" in line for line in lines)
    assert any("done: 0 → 3" in line for line in lines)
    assert any("no: points is `3`, country is `FR`" in line for line in lines)
    assert any("yes: it had not happened when the time was up" in line for line in lines)
    assert any("send email X" in line and "waits in the outbox (msg_" in line for line in lines)
    assert lines[-1].endswith("finished")


async def test_a_message_that_was_not_sent_says_why(world: World) -> None:
    await world.people("ada", segment="Leads", email=None)
    await world.start("from segment Leads send email X when opened email X within 1d then exit")
    await world.wait(days=2)
    lines = (await told(world, "ada")).splitlines()
    assert any("send email X" in line and "skipped: " in line for line in lines)
    assert any("no: it had not happened when the time was up" in line for line in lines)


async def test_what_a_contact_waits_for_now(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    campaign = await world.start(
        "from segment Leads send email X when opened email X within 10d then wait 2d add tag t"
    )
    assert (
        (await told(world, "ada"))
        .splitlines()[-1]
        .endswith("waiting at `when opened email X within 10d` until 2026-01-15 09:00:00")
    )
    await world.opens("X", "ada")
    assert (
        (await told(world, "ada"))
        .splitlines()[-1]
        .endswith("waiting at `wait 2d` until 2026-01-07 09:00:00")
    )
    async with world.database.transaction() as tx:
        await lifecycle.pause(tx, 1, campaign, now=world.now)
    assert (
        (await told(world, "bob"))
        .splitlines()[-1]
        .endswith(": the campaign is paused since 2026-01-05 09:00:00")
    )


async def test_who_is_held_is_told_until_when(world: World) -> None:
    await world.people("ada", segment="Leads")
    world.now += timedelta(hours=14)
    await world.start("from segment Leads quiet hours 21:00 to 08:00 send email X")
    lines = (await told(world, "ada")).splitlines()
    assert "held: held by" in lines[2]
    assert lines[2].endswith("until 2026-01-06 08:00:00")
    assert lines[-1].endswith("until 2026-01-06 08:00:00: held by quiet hours, a window or a limit")


async def test_why_a_contact_never_came_in(world: World) -> None:
    await world.people("ada", country="FR")
    draft = "from segment Leads add tag t"
    async with world.database.transaction() as tx:
        made, _ = await publish.create(tx, 1, f"campaign D {draft}", now=world.now)
    assert await absent(world, "ada", made.id) == "the campaign has not been started"

    one = await world.start(f"campaign A {draft}")
    assert await absent(world, "ada", one) == "is not in segment Leads"

    two = await world.start('campaign B from contacts where (country is "US") add tag t')
    assert (
        await absent(world, "ada", two)
        == "does not fit: it asks that country is US, and country is `FR`"
    )
    three = await world.start('campaign C start when did "go" add tag t')
    assert await absent(world, "ada", three) == (
        "it starts when did go, and that has not happened since the start"
    )
    await world.joins("VIP", "ada")
    four = await world.start(
        "campaign E from segment VIP where (points > 5), segment Done add tag t"
    )
    assert await absent(world, "ada", four) == (
        "is in segment VIP, but it asks that points > 5, and points is `0`; is not in segment Done"
    )
    world.now += timedelta(minutes=1)
    five = await world.start("campaign F from new members of segment VIP add tag t")
    assert await absent(world, "ada", five) == (
        "joined segment VIP at 2026-01-05 09:00:00, before the start; only new members come in"
    )
    six = await world.start("campaign G add tag t")
    assert "added by hand" in await absent(world, "ada", six)
    async with world.database.transaction() as tx:
        await segments.create(tx, 1, "Rich", 'country is "US"', now=world.now)
    seven = await world.start("campaign H from segment Rich add tag t")
    assert (
        await absent(world, "ada", seven)
        == "is not in segment Rich: it asks that country is US, and country is `FR`"
    )


async def test_why_there_is_a_message(world: World) -> None:
    await world.people("ada", segment="Leads")
    campaign = await world.start("from segment Leads if points < 5 then send email X")
    async with world.database.transaction() as tx:
        (number,) = (await tx.execute(text("select id from message"))).one()
        await lifecycle.pause(tx, 1, campaign, now=world.now)
        found = await origin.why(
            tx,
            1,
            number,
        )
    assert (found.state, found.run, found.step, found.due_at) == (
        "pending",
        1,
        "send email X",
        None,
    )
    assert found.because[1:3] == (
        "before it: `if points < 5`, yes: points is `0`",
        "the campaign is paused: what was not handed over yet waits",
    )


async def test_numbers_say_why_something_did_not_happen(world: World) -> None:
    await world.people("ada", "bob", segment="Leads", email=None)
    await world.people("cyd", segment="Leads")
    campaign = await world.start("campaign N from segment Leads send email X")
    async with world.database.transaction() as tx:
        plain = await inspect.stats(tx, 1, campaign)
        found = await inspect.stats(tx, 1, campaign, reasons=True)
    assert plain.steps[1].reasons is None
    ((outcome, reasons),) = (found.steps[1].reasons or {}).items()
    assert (outcome, list(reasons.values())) == ("skipped", [2])
    table = inspect.render_stats("N", "running", found)
    assert f"skipped: {next(iter(reasons))}: 2" in table
