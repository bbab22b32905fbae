"""A running campaign gets a new version: what becomes of the people inside."""

import asyncio
from typing import Any

import pytest
from world import World

from headless.campaigns import versions
from headless.campaigns.proposals import VersionPlan
from headless.problems import Problem

BASE = """\
campaign "C"
from segment Leads
send email Welcome
wait 3d
send email Tips
wait 2d
send email Reminder
"""


async def planned(world: World, text: str, campaign: int = 1, **how: Any) -> VersionPlan:
    async with world.database.transaction() as tx:
        return await versions.plan(tx, 1, campaign, text, now=world.now, **how)


async def applied(world: World, text: str, campaign: int = 1, **how: Any) -> VersionPlan:
    agreed = (await planned(world, text, campaign, **how)).hash
    async with world.database.transaction() as tx:
        _, told = await versions.apply(tx, 1, campaign, text, agreed=agreed, now=world.now, **how)
    await world.settle()
    return told


def lines(plan: VersionPlan) -> list[str]:
    return [f"{c.sign} {c.was or c.now}: {c.fate}" for c in plan.changes]


async def test_the_plan_tells_what_happens_to_the_people_inside(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.start(BASE)
    text = BASE.replace("wait 3d", "add tag early\nwait 5d").replace(
        "wait 2d", "add tag late\nwait 2d"
    )
    told = await planned(world, text.replace("send email Reminder\n", ""))
    assert lines(told) == [
        "+ add tag early: reaches 0 inside and everyone new",
        "~ wait 3d: they keep their promised time",
        "+ add tag late: reaches 2 inside and everyone new",
        "- send email Reminder: nobody is lost",
    ]
    assert (told.was, told.becomes, told.inside, told.stranded) == (1, 2, 2, ())
    assert [(c.people, c.line) for c in told.changes] == [(0, 4), (2, 5), (2, 7), (0, 7)]
    recomputed = await planned(world, text, waits="recompute")
    assert "~ wait 3d: they are counted anew" in lines(recomputed)
    assert recomputed.hash != told.hash


async def test_a_longer_wait_keeps_the_promised_time_unless_it_is_counted_anew(
    world: World,
) -> None:
    await world.people("ada", segment="Leads")
    await world.start(BASE)
    await world.wait(days=2)
    await applied(world, BASE.replace("3d", "5d"))
    await world.wait(days=1, hours=1)
    assert await world.mails("ada") == ["Welcome", "Tips"]

    await world.people("bob")
    await world.joins("Leads", "bob")
    await world.settle()
    await world.wait(days=3)
    await applied(world, BASE.replace("3d", "9d"), waits="recompute")
    await world.wait(days=5)
    assert await world.mails("bob") == ["Welcome"]
    await world.wait(days=1, hours=1)
    assert await world.mails("bob") == ["Welcome", "Tips"]
    assert await world.runs("ada") == ["finished"]


async def test_waits_that_become_overdue_are_spread_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headless.campaigns.moving.OVERDUE_A_MINUTE", 2)
    await world.people(*"abcde", segment="Leads")
    await world.start(BASE)
    await world.wait(days=2)
    await applied(world, BASE.replace("3d", "1d"), waits="recompute")
    sent = "select count(*) from message where ref = (select id from email where name = 'Tips')"
    assert await world.one(sent) == 2
    await world.wait(minutes=1)
    assert await world.one(sent) == 4
    await world.wait(minutes=1)
    assert await world.one(sent) == 5


async def test_an_added_step_happens_only_to_those_who_are_not_past_it(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(BASE)
    await world.wait(days=3, hours=1)
    await world.people("bob")
    await world.joins("Leads", "bob")
    await world.settle()
    await applied(world, BASE.replace("wait 3d", "wait 3d\nadd points 1"))
    await world.wait(days=6)
    assert (await world.points("ada"), await world.points("bob")) == (0, 1)
    assert await world.mails("ada") == await world.mails("bob") == ["Welcome", "Tips", "Reminder"]


async def test_a_step_with_people_is_not_taken_away_from_under_them(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(BASE)
    shorter = BASE.replace("wait 3d\n", "")
    told = await planned(world, shorter)
    assert told.stranded == (
        "1 person waits at `wait 3d` (line 4), which is gone; label it by a version of its own,"
        " which moves nobody, then say `moved OLD to NEW` or `waiting at OLD exit`",
    )
    with pytest.raises(Problem) as refused:
        await applied(world, shorter)
    assert refused.value.code == "stranded"
    assert await world.one("select count(*) from version") == 1


@pytest.mark.parametrize(
    ("said", "mails", "runs"),
    [
        ("moved hold to later", ["Welcome", "Reminder"], ["finished"]),
        ("waiting at hold exit", ["Welcome"], ["exited"]),
    ],
)
async def test_the_text_says_where_they_go(
    world: World, said: str, mails: list[str], runs: list[str]
) -> None:
    await world.people("ada", segment="Leads")
    await world.start(BASE)
    labelled = BASE.replace("wait 3d", "hold: wait 3d").replace("wait 2d", "later: wait 2d")
    assert (await applied(world, labelled)).stranded == ()
    assert await world.mails("ada") == ["Welcome"]
    shorter = labelled.replace("hold: wait 3d\nsend email Tips\n", "")
    await applied(world, shorter.replace("from segment Leads", f"from segment Leads\n{said}"))
    assert await world.mails("ada") == ["Welcome"]
    await world.wait(days=3, hours=1)
    assert (await world.mails("ada"), await world.runs("ada")) == (mails, runs)


async def test_the_same_text_changes_nothing(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(BASE)
    flat = BASE.replace("\n", "  # the same\n")
    told = await applied(world, flat)
    assert (told.was, told.becomes, told.changes) == (1, 1, ())
    assert await world.one("select count(*) from version") == 1


async def test_there_and_back_again_everybody_is_where_they_were(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.start(BASE)
    await world.wait(days=3, hours=1)
    await world.people("cyd")
    await world.joins("Leads", "cyd")
    await world.settle()
    before = await world.rows("select contact_id, step, due_at from position order by 1")
    other = 'campaign "C"\nfrom segment Leads\nsend email X\nadd points 1\n' + "\n".join(
        BASE.splitlines()[3:]
    ).replace("send email Tips", "add points 2")
    await applied(world, other)
    await applied(world, BASE)
    assert await world.rows("select contact_id, step, due_at from position order by 1") == before
    await world.wait(days=9)
    for name in ("ada", "bob", "cyd"):
        assert await world.mails(name) == ["Welcome", "Tips", "Reminder"]
        assert await world.points(name) == 0
    assert [row[0] for row in await world.rows("select number from version order by 1")] == [
        1,
        2,
        3,
    ]


async def test_a_mail_that_stands_elsewhere_is_not_sent_twice(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(BASE)
    moved = BASE.replace("send email Welcome\n", "") + "send email Welcome\n"
    told = await applied(world, moved)
    assert "- send email Welcome: it stands elsewhere now; nobody gets it twice" in lines(told)
    await world.wait(days=9)
    assert await world.mails("ada") == ["Welcome", "Tips", "Reminder"]


async def test_draining_lets_old_runs_end_by_the_old_version(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(BASE)
    told = await applied(world, BASE.replace("send email Tips\n", "send email X\n"), drain=True)
    assert (told.inside, told.drained) == (0, 1)
    await world.people("bob")
    await world.joins("Leads", "bob")
    await world.settle()
    await world.wait(days=6)
    assert await world.mails("ada") == ["Welcome", "Tips", "Reminder"]
    assert await world.mails("bob") == ["Welcome", "X", "Reminder"]
    stored = []
    async with world.database.transaction() as tx:
        stored = await versions.listing(tx, 1, 1)
    assert [(one.number, one.running, one.current) for one in stored] == [
        (2, 0, True),
        (1, 0, False),
    ]


async def test_an_agreement_holds_only_for_what_was_seen(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(BASE)
    text = BASE.replace("3d", "5d")
    agreed = (await planned(world, text)).hash
    async with world.database.transaction() as tx:
        with pytest.raises(Problem) as refused:
            await versions.apply(tx, 1, 1, text, agreed=None, now=world.now)
    assert refused.value.code == "plan_required"
    await applied(world, BASE.replace("2d", "4d"))
    async with world.database.transaction() as tx:
        with pytest.raises(Problem) as refused:
            await versions.apply(tx, 1, 1, text, agreed=agreed, now=world.now)
    assert refused.value.code == "plan_drifted"


async def test_a_window_stands_as_promised_and_new_arms_are_heard(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    text = (
        "from segment Leads send email X q: when opened email X within 2d then add points 1"
        " else add points 10"
    )
    await world.start(text)
    await world.wait(days=1)
    await applied(
        world,
        text.replace(
            "2d then add points 1",
            '9d then add points 1 or when did "go" within 30d then add tag t',
        ),
    )
    await world.does("go", "bob")
    assert await world.tags("bob") == ["t"]
    await world.wait(days=1, hours=1)
    assert await world.points("ada") == 0  # the new arm waits on
    await world.opens("X", "ada")
    assert await world.points("ada") == 0  # its own window had closed, as promised


async def test_a_standing_rule_does_not_answer_the_same_event_again(world: World) -> None:
    await world.people("ada", segment="Leads")
    text = 'from segment Leads whenever did "go" then add points 1\nwait 9d'
    await world.start(text)
    await world.does("go", "ada")
    await applied(world, text.replace("whenever", "add tag t\nwhenever"))
    assert await world.points("ada") == 1
    await world.wait(minutes=1)
    await world.does("go", "ada")
    assert await world.points("ada") == 2
    await applied(world, "from segment Leads wait 9d")
    await world.does("go", "ada")
    assert await world.points("ada") == 2
    await world.wait(days=9)
    assert await world.runs("ada") == ["finished"]


async def test_who_fits_the_same_source_does_not_come_in_again(world: World) -> None:
    await world.people("ada", country="US")
    text = 'from contacts where (country is "US") re-entry always add points 1'
    await world.start(text)
    await applied(world, text + " add tag t")
    assert await world.points("ada") == 1
    await world.people("bob", country="FR")
    await world.set("bob", country="US")
    await world.settle()
    assert (await world.points("bob"), await world.tags("bob")) == (1, ["t"])


async def test_the_members_of_a_new_source_come_in(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.people("bob", segment="VIP")
    await world.start("from segment Leads add points 1")
    text = "from segment Leads, segment VIP add points 1"
    told = await applied(world, text)
    assert told.enter_now == 1
    assert (await world.points("ada"), await world.points("bob")) == (1, 1)


async def test_nobody_comes_in_by_a_version_that_is_being_replaced(world: World) -> None:
    await world.people("ada")
    await world.start(BASE)
    text = BASE.replace("send email Welcome", "send email X")
    agreed = (await planned(world, text)).hash
    async with world.database.transaction() as tx:
        await versions.apply(tx, 1, 1, text, agreed=agreed, now=world.now)
        joining = asyncio.create_task(world.joins("Leads", "ada"))
        await asyncio.wait([joining], timeout=0.2)
    await joining
    await world.settle()
    assert await world.mails("ada") == ["X"]


async def test_numbers_of_all_versions_add_up(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(BASE)
    await applied(world, BASE.replace("wait 3d", "add tag t\nwait 3d"))
    await world.people("bob")
    await world.joins("Leads", "bob")
    await world.settle()
    outcomes = await world.outcomes()
    assert outcomes[1, "sent"] == 2
    assert outcomes[6, "done"] == 1
