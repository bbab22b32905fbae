"""What each statement does to a contact: a campaign, what people do, the journal expected."""

import pytest
from world import World


async def test_a_bare_rule_starts_when_the_email_is_sent_by_anybody(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    rule = await world.start("when opened email X within 3d then add points 10")
    await world.start('campaign "Mailing" from segment Leads send email X')

    await world.wait(hours=5)
    await world.opens("X", "ada")
    await world.wait(days=4)

    assert await world.journal("ada", rule) == [
        "entry: entered",
        "when opened email X within 3d: yes",
        "add points 10: done (0 → 10)",
    ]
    assert await world.journal("bob", rule) == [
        "entry: entered",
        "when opened email X within 3d: no",
    ]
    assert (await world.points("ada"), await world.points("bob")) == (10, 0)


async def test_each_sending_starts_a_run_of_a_bare_rule(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start("when opened email X within 3d then add points 10")
    await world.start('campaign "Twice" from segment Leads send email X wait 5d send email X')
    await world.opens("X", "ada")
    await world.wait(days=5, hours=1)
    await world.opens("X", "ada")
    assert await world.points("ada") == 20


async def test_the_first_event_takes_the_branch_and_the_deadline_the_other(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.start(
        """from segment Leads
        send email Welcome
        when opened email Welcome within 3d do add points 10
        else send email Reminder
        end
        add tag seen"""
    )
    await world.wait(days=1)
    await world.opens("Welcome", "ada")
    assert (await world.points("ada"), await world.tags("ada")) == (10, ["seen"])
    assert await world.mails("bob") == ["Welcome"]
    await world.wait(days=3)
    assert await world.mails("bob") == ["Welcome", "Reminder"]
    assert await world.tags("bob") == ["seen"]
    # the else begins when the window closed, not when somebody looked
    assert (4, "Thu 08 Jan 09:00") in await world.times("bob")


async def test_a_window_counts_from_the_sending_and_not_from_the_arrival(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.start(
        """from segment Leads
        send email Welcome
        wait 2d
        when opened email Welcome within 3d then add points 10 else add tag late"""
    )
    await world.wait(hours=1)
    await world.opens("Welcome", "ada")  # before the path has come to the when
    assert await world.points("ada") == 0
    await world.wait(days=2)
    assert await world.points("ada") == 10  # it counts at once on arrival
    await world.wait(days=1, hours=1)
    assert await world.tags("bob") == ["late"]


async def test_a_window_already_closed_is_decided_from_history(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.start(
        """from segment Leads
        send email Welcome
        wait 5d
        when opened email Welcome within 3d then add points 10 else add tag late"""
    )
    await world.wait(days=1)
    await world.opens("Welcome", "ada")
    await world.wait(days=3)
    await world.opens("Welcome", "bob")  # on the fourth day: too late
    await world.wait(days=1, hours=1)
    assert (await world.points("ada"), await world.points("bob")) == (10, 0)
    assert await world.tags("bob") == ["late"]


async def test_an_event_that_arrives_late_counts_by_its_own_time(world: World) -> None:
    from datetime import timedelta

    await world.people("ada", "bob", segment="Leads")
    await world.start(
        """from segment Leads
        send email Welcome
        when opened email Welcome within 3d then add points 10 else add tag late"""
    )
    await world.jump(days=3, minutes=5)  # the window has closed; its grace has not
    await world.opens("Welcome", "ada", ago=timedelta(minutes=10))
    await world.opens("Welcome", "bob", ago=timedelta(minutes=1))  # after the window
    await world.wait(hours=1)
    assert (await world.points("ada"), await world.tags("ada")) == (10, [])
    assert (await world.points("bob"), await world.tags("bob")) == (0, ["late"])


async def test_when_not(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.start(
        """from segment Leads
        send email Welcome
        when not opened email Welcome within 2d then send email Reminder else add points 1"""
    )
    await world.opens("Welcome", "ada")
    assert await world.points("ada") == 1  # at once
    await world.wait(days=3)
    assert (await world.mails("ada"), await world.mails("bob")) == (
        ["Welcome"],
        ["Welcome", "Reminder"],
    )
    assert await world.journal("bob") == [
        "entry: entered",
        "send email Welcome: sent",
        "when not opened email Welcome within 2d: yes",
        "send email Reminder: sent",
    ]


async def test_or_when_is_a_race_by_event_time(world: World) -> None:
    await world.people("ada", "bob", "cyd", segment="Leads")
    await world.start(
        """from segment Leads
        send email Welcome
        when clicked email Welcome within 1d do add tag clicked
        or when did "order placed" within 4d do add tag ordered
        else add tag neither
        end"""
    )
    await world.wait(hours=2)
    await world.clicks("Welcome", "ada")
    await world.does("order placed", "ada", "bob")
    await world.wait(days=5)
    assert await world.tags("ada") == ["clicked"]
    assert await world.tags("bob") == ["ordered"]
    assert await world.tags("cyd") == ["neither"]


async def test_no_event_answers_twice(world: World) -> None:
    await world.people("ada")
    await world.start(
        """start when did "signed up"
        when did "signed up" within 2d then add tag again else add tag once"""
    )
    await world.does("signed up", "ada")
    await world.wait(days=3)
    assert await world.tags("ada") == ["once"]


async def test_properties_of_events(world: World) -> None:
    await world.people("ada", "bob")
    await world.start(
        """start when did "order placed"
        re-entry always
        if entry.total > 50 then add tag big else add tag small
        when did "paid" where (method is card) within 1d then add points 5"""
    )
    await world.does("order placed", "ada", total=80)
    await world.does("order placed", "bob", total=20)
    await world.does("paid", "ada", method="card")
    await world.does("paid", "bob", method="cash")
    assert (await world.tags("ada"), await world.tags("bob")) == (["big"], ["small"])
    assert (await world.points("ada"), await world.points("bob")) == (5, 0)


async def test_whenever_watches_beside_the_path(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads
        whenever did "ping" at most 3 times then add points 1
        wait 10d
        add tag over"""
    )
    for _ in range(5):
        await world.wait(hours=1)
        await world.does("ping", "ada")
    assert await world.points("ada") == 3
    await world.wait(days=11)
    assert await world.tags("ada") == ["over"]
    assert await world.runs("ada") == ["finished"]
    assert await world.rows("select * from position") == []


async def test_whenever_ends_with_the_path(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start('from segment Leads whenever did "ping" then add points 1 wait 1d')
    await world.does("ping", "ada")
    await world.wait(days=2)
    await world.does("ping", "ada")
    assert await world.points("ada") == 1
    assert await world.runs("ada") == ["finished"]


async def test_whenever_within_keeps_the_run_open(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start('from segment Leads whenever did "ping" within 5d then add points 1 wait 1d')
    await world.wait(days=2)
    assert await world.runs("ada") == ["running"]
    await world.does("ping", "ada")
    await world.wait(days=4)
    await world.does("ping", "ada")
    assert await world.points("ada") == 1
    assert await world.runs("ada") == ["finished"]


async def test_two_occurrences_in_one_batch_are_two(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start('from segment Leads whenever did "ping" then add points 1 wait 10d')
    await world.does("ping", "ada", "ada")
    assert await world.points("ada") == 2


async def test_a_question_sees_what_an_earlier_step_of_the_same_moment_did(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads
        add points 10
        if points >= 10 then add tag ten
        if has tag ten then set country to "US"
        if country is US then add points 5
        remove points 1"""
    )
    assert await world.points("ada") == 14
    assert await world.tags("ada") == ["ten"]


async def test_or_if_and_rejoin(world: World) -> None:
    await world.people("ada", segment="Leads", country="DE")
    await world.people("bob", segment="Leads", country="fr")
    await world.people("cyd", segment="Leads")
    await world.start(
        """from segment Leads
        if country is "DE" then add tag german or if country in (FR, BE) then add tag french
        else add tag other
        if country is not "DE" then add tag notde
        add tag all"""
    )
    assert await world.tags("ada") == ["all", "german"]
    assert await world.tags("bob") == ["all", "french", "notde"]
    assert await world.tags("cyd") == ["all", "other"]  # a missing field makes both false


async def test_exit_leaves_at_once(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.set("ada", points=5)
    await world.start("from segment Leads if points > 3 then exit add tag stayed")
    assert (await world.tags("ada"), await world.tags("bob")) == ([], ["stayed"])
    assert (await world.runs("ada"), await world.runs("bob")) == (["exited"], ["finished"])


async def test_split_is_sticky_and_fair(world: World) -> None:
    names = [f"p{n}" for n in range(200)]
    await world.people(*names, segment="Leads")
    await world.start(
        'from segment Leads split do 50% "A": add tag a 25%: add tag b rest: add tag c end'
    )
    arms = dict(await world.rows(
        "select tag.name, count(*) from contact_tag join tag on tag.id = tag_id group by 1"
    ))  # fmt: skip
    assert sum(arms.values()) == 200
    assert 75 <= arms["a"] <= 125
    assert 30 <= arms["b"] <= 70


async def test_send_is_skipped_with_its_reason_and_the_path_goes_on(world: World) -> None:
    await world.people("ada", segment="Leads", email=None)
    await world.people("bob", segment="Leads")
    await world.rows(
        "insert into suppression (workspace_id, contact_id, channel, reason, source, at)"
        " values (1, :id, 1, 'unsubscribed', 'test', :now) returning 1",
        id=world.ids["bob"], now=world.now,
    )  # fmt: skip
    await world.start(
        "from segment Leads send email Welcome send transactional email Tips add tag later"
    )
    assert await world.journal("ada") == [
        "entry: entered",
        "send email Welcome: skipped (no address)",
        "send transactional email Tips: skipped (no address)",
        "add tag later: done",
    ]
    assert await world.mails("bob") == ["Tips"]


async def test_fields_segments_and_webhooks(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads
        set country to "FR" set age to 40 set birthday to 2000-02-29 set stage to Customer
        add to segment Done remove from segment Leads
        send webhook "https://example.com/hook" with (plan = "pro", who = field external_id)
        clear plan note "done" """
    )
    ((fields, stage),) = await world.rows("select fields, stage from contact")
    assert fields == {"country": "FR", "age": 40, "birthday": "2000-02-29"}
    assert stage == "Customer"
    assert await world.rows("select segment_id from segment_member") == [(world.segments["Done"],)]
    ((channel, data),) = await world.rows("select channel, data from message")
    assert channel == 4
    assert data["url"] == "https://example.com/hook"
    assert data["body"]["data"] == {"plan": "pro", "who": "ada"}


@pytest.mark.parametrize(
    ("step", "woken"),
    [
        ("add tag hot", "got tag hot"),
        ("add to segment Done", "joined segment Done"),
        ("add points 60", "reached 50 points"),
    ],
)
async def test_what_one_campaign_does_moves_another(world: World, step: str, woken: str) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.set("bob", points=70)
    watcher = await world.start(f"campaign W start when {woken} add tag heard")
    await world.start(f"campaign D from segment Leads if external_id is ada then {step}")
    assert await world.journal("ada", watcher) == ["entry: entered", "add tag heard: done"]
    assert await world.journal("bob", watcher) == []


async def test_a_bare_whenever_runs_once_for_each_occurrence(world: World) -> None:
    await world.people("ada", "bob")
    await world.start('whenever did "ping" then add points 1')
    await world.does("ping", "ada")
    await world.wait(hours=1)
    await world.does("ping", "ada")
    assert (await world.points("ada"), await world.points("bob")) == (2, 0)
    assert await world.runs("ada") == ["finished", "finished"]


async def test_a_bare_whenever_with_a_body_that_takes_time(world: World) -> None:
    await world.people("ada")
    await world.start('whenever did "ping" do wait 1h add points 1 end')
    await world.does("ping", "ada")
    assert await world.runs("ada") == ["running"]
    await world.wait(hours=2)
    assert await world.points("ada") == 1
    assert await world.runs("ada") == ["finished"]
