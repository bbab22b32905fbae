"""What holds a send: quiet hours and days, its own window, limits and the workspace's caps."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from world import World

from headless.problems import Problem
from headless.runtime.advance import advance
from headless.runtime.engine import Engine
from headless.storage.database import Database
from headless.workspace.caps import Cap, get_caps, read, set_caps


async def _cap(world: World, *caps: Cap) -> None:
    async with world.database.transaction() as tx:
        await set_caps(tx, 1, caps)


async def _sent(world: World, name: str) -> list[str]:
    rows = await world.rows(
        "select created_at from message where contact_id = :id order by created_at",
        id=world.ids[name],
    )
    return [row[0].strftime("%a %d %H:%M") for row in rows]


async def blocked(database: Database) -> None:
    """Wait until some transaction waits for a lock."""
    query = text("select count(*) from pg_stat_activity where wait_event_type = 'Lock'")
    async with asyncio.timeout(10):
        while True:
            async with database.engine.connect() as connection:
                if (await connection.execute(query)).scalar_one():
                    return
            await asyncio.sleep(0.01)


async def test_quiet_hours_hold_the_send_and_the_path(world: World) -> None:
    world.now = datetime(2026, 1, 5, 22, 30, tzinfo=UTC)
    await world.people("ada", segment="Leads")
    await world.start(
        "from segment Leads quiet hours 21:00 to 08:00 send email Welcome add tag later"
    )
    assert (await world.mails("ada"), await world.tags("ada")) == ([], [])
    ((outcome, detail, at),) = await world.rows(
        "select outcome, detail, at from journal where step = 1"
    )
    assert (outcome, detail["reason"], at) == (7, "quiet hours", world.now)
    assert detail["until"] == "2026-01-06T08:00:00+00:00"
    await world.wait(hours=9, minutes=29)
    assert await world.mails("ada") == []
    await world.wait(minutes=1)
    assert (await _sent(world, "ada"), await world.tags("ada")) == (["Tue 06 08:00"], ["later"])
    assert await world.journal("ada") == [
        "entry: entered",
        "send email Welcome: held",
        "send email Welcome: sent",
        "add tag later: done",
    ]


@pytest.mark.parametrize(
    ("at", "window", "sent"),
    [
        ("2026-01-05T10:00", "between 08:00 and 10:00", "Tue 06 08:00"),  # half-open
        ("2026-01-05T07:59", "between 08:00 and 10:00", "Mon 05 08:00"),
        ("2026-01-05T09:59", "between 08:00 and 10:00", "Mon 05 09:59"),
        ("2026-01-05T12:00", "between 22:00 and 06:00", "Mon 05 22:00"),
        ("2026-01-05T05:59", "between 22:00 and 06:00", "Mon 05 05:59"),
        ("2026-01-05T06:00", "between 22:00 and 06:00", "Mon 05 22:00"),
        ("2018-10-21T08:00", "on wednesday and friday", "Wed 24 08:00"),
        ("2018-10-26T08:00", "on wednesday and friday", "Fri 26 08:00"),
        ("2026-01-10T12:00", "between 09:00 and 17:00 on weekdays", "Mon 12 09:00"),
    ],
)
async def test_a_window_of_its_own(world: World, at: str, window: str, sent: str) -> None:
    world.now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    await world.people("ada", segment="Leads")
    await world.start(f"from segment Leads send transactional email Welcome {window}")
    await world.wait(days=3)
    assert await _sent(world, "ada") == [sent]


async def test_each_contact_by_its_own_clocks(world: World) -> None:
    await world.people("ada", segment="Leads", time_zone="America/New_York")
    await world.people("bob", segment="Leads")
    await world.start("from segment Leads send email Welcome between 08:00 and 10:00")
    assert (await _sent(world, "ada"), await _sent(world, "bob")) == ([], ["Mon 05 09:00"])
    await world.wait(hours=5)
    assert await _sent(world, "ada") == ["Mon 05 13:00"]


async def test_a_campaigns_zone_goes_before_the_contacts(world: World) -> None:
    await world.people("ada", segment="Leads", time_zone="America/New_York")
    await world.start(
        """time zone "Europe/Paris" from segment Leads
        send email Welcome between 08:00 and 10:00"""
    )
    await world.wait(days=1)
    assert await _sent(world, "ada") == ["Tue 06 07:00"]


async def test_quiet_days(world: World) -> None:
    world.now = datetime(2026, 1, 10, 12, tzinfo=UTC)  # a saturday
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads quiet days saturday and sunday quiet hours 20:00 to 09:00
        send email Welcome"""
    )
    assert await world.rows("select detail->>'reason' from journal where outcome = 7") == [
        ("quiet days",)
    ]
    await world.wait(days=2)
    assert await _sent(world, "ada") == ["Mon 12 09:00"]


async def test_transactional_mail_passes_quiet_hours_and_limits(world: World) -> None:
    world.now = datetime(2026, 1, 5, 22, tzinfo=UTC)
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads quiet hours 21:00 to 08:00 limit 1 email per day
        send transactional email Welcome send transactional email Tips"""
    )
    assert await world.mails("ada") == ["Welcome", "Tips"]


@pytest.mark.parametrize(
    ("day", "sent"),
    [
        ("2026-03-28", "Sun 29 06:00"),  # the clocks go forward: 08:00 is two hours from UTC
        ("2026-10-24", "Sun 25 07:00"),
    ],
)
async def test_quiet_hours_over_a_clock_change(world: World, day: str, sent: str) -> None:
    world.now = datetime.fromisoformat(f"{day}T22:00").replace(tzinfo=UTC)
    await world.people("ada", segment="Leads", time_zone="Europe/Paris")
    await world.start("from segment Leads quiet hours 21:00 to 08:00 send email Welcome")
    await world.wait(days=1)
    assert await _sent(world, "ada") == [sent]


async def test_a_limit_holds_until_the_oldest_has_rolled_out(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads limit 2 emails per day
        send email Welcome wait 1h send email Tips wait 1h
        send transactional email X send email Reminder"""
    )
    await world.wait(hours=3)
    assert await world.mails("ada") == ["Welcome", "Tips", "X"]
    await world.wait(days=2)
    assert await _sent(world, "ada") == [
        "Mon 05 09:00", "Mon 05 10:00", "Mon 05 11:00", "Tue 06 09:00",
    ]  # fmt: skip
    ((reason, until),) = await world.rows(
        "select detail->>'reason', detail->>'until' from journal where outcome = 7"
    )
    assert (reason, until) == ("limit 2 emails per day", "2026-01-06T09:00:00+00:00")


async def test_a_limit_is_the_campaigns_own(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start("campaign A from segment Leads send email Welcome")
    await world.start("campaign B from segment Leads limit 1 email per week send email Tips")
    assert await world.mails("ada") == ["Welcome", "Tips"]


async def test_more_than_three_days_off_is_skipped_at_once(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads limit 1 email per week
        send email Welcome wait 4d send email Tips wait 1h send email Reminder
        add tag later"""
    )
    await world.wait(days=4, hours=1)
    assert await world.tags("ada") == []  # three days to go: held
    await world.wait(days=3)
    assert await world.mails("ada") == ["Welcome", "Tips"]
    assert await world.tags("ada") == ["later"]
    assert await world.rows(
        "select detail->>'reason', at - (select at from journal where step = 3 and outcome = 4)"
        " from journal where outcome = 5"
    ) == [("limit 1 email per week for more than 3 days", timedelta(hours=1))]


async def test_who_cannot_be_sent_to_is_not_held(world: World) -> None:
    world.now = datetime(2026, 1, 5, 22, tzinfo=UTC)
    await world.people("ada", segment="Leads", email=None)
    await world.start("from segment Leads quiet hours 21:00 to 08:00 send email Welcome")
    assert await world.journal("ada") == [
        "entry: entered",
        "send email Welcome: skipped (no address)",
    ]


async def test_the_window_of_a_when_opens_with_the_release(world: World) -> None:
    world.now = datetime(2026, 1, 5, 22, tzinfo=UTC)
    await world.people("ada", "bob", segment="Leads")
    await world.start(
        """from segment Leads quiet hours 21:00 to 08:00
        send email Welcome
        when opened email Welcome within 1d then add points 1 else add tag late"""
    )
    await world.wait(days=1, hours=9)  # Wednesday 07:00
    await world.opens("Welcome", "ada")
    await world.wait(hours=2)
    assert (await world.points("ada"), await world.tags("bob")) == (1, ["late"])
    assert (3, "Wed 07 Jan 07:00") in await world.times("ada")
    assert (4, "Wed 07 Jan 08:00") in await world.times("bob")


async def test_after_an_outage_a_send_that_missed_its_window_waits_for_the_next(
    world: World,
) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        "from segment Leads wait 23h send email Welcome between 08:00 and 10:00 wait 1d add tag t"
    )
    await world.jump(hours=27)  # Tuesday 12:00
    assert await world.mails("ada") == []
    await world.wait(days=3)
    assert await _sent(world, "ada") == ["Wed 07 08:00"]


async def test_an_event_from_before_the_quiet_hours_sends_nothing_inside_them(
    world: World,
) -> None:
    world.now = datetime(2026, 1, 5, 21, 5, tzinfo=UTC)
    await world.people("ada")
    await world.start("start when did ordered quiet hours 21:00 to 08:00 send email Welcome")
    await world.does("ordered", "ada", ago=timedelta(minutes=8))
    assert await world.mails("ada") == []
    await world.wait(hours=12)
    assert await _sent(world, "ada") == ["Tue 06 08:00"]


async def test_a_cap_counts_all_campaigns_and_can_be_changed(world: World) -> None:
    await world.people("ada", segment="Leads")
    await _cap(world, Cap(1, "email", "day"))
    await world.start("campaign A from segment Leads send email Welcome")
    await world.wait(hours=1)
    b = await world.start("campaign B from segment Leads send email Tips add tag b")
    assert await world.mails("ada") == ["Welcome"]
    assert await world.rows("select detail->>'reason' from journal where outcome = 7") == [
        ("the workspace's cap: limit 1 email per day",)
    ]
    await world.wait(hours=23)
    assert await _sent(world, "ada") == ["Mon 05 09:00", "Tue 06 09:00"]
    c = await world.start("campaign C from segment Leads send email X add tag c")
    await _cap(world)  # whoever is held goes on where they stand
    await world.wait(days=1)
    assert await world.tags("ada") == ["b", "c"]
    assert (b, c) == (2, 3)


async def test_the_higher_priority_goes_first_under_a_cap(world: World) -> None:
    await world.people("ada", segment="Leads")
    await _cap(world, Cap(1, "email", "day"))
    await world.start("campaign Low from segment Leads wait 1h send email Tips")
    await world.start("campaign High from segment Leads priority 5 wait 1h send email Welcome")
    await world.wait(hours=1)
    assert await world.mails("ada") == ["Welcome"]
    await world.wait(days=1)
    assert await world.mails("ada") == ["Welcome", "Tips"]


async def test_a_paused_campaign_of_higher_priority_holds_nobody_up(world: World) -> None:
    await world.people("ada", segment="Leads")
    await _cap(world, Cap(1, "email", "day"))
    await world.start("campaign Low from segment Leads wait 1h send email Tips")
    await world.start("campaign High from segment Leads priority 5 wait 1h send email Welcome")
    await world.rows("update campaign set state = 'paused' where name = 'High' returning 1")
    await world.wait(hours=1)
    assert await world.mails("ada") == ["Tips"]


@pytest.mark.parametrize("turn", range(3))
async def test_two_workers_never_pass_a_cap_and_keep_the_order(world: World, turn: int) -> None:
    """Three campaigns write to the same people at once; two workers move them in small batches."""
    names = [f"p{n}" for n in range(30)]
    await world.people(*names, segment="Leads")
    await _cap(world, Cap(2, "email", "day"))
    for name, priority in (("Low", 1), ("High", 9), ("Middle", 5)):
        email = {"Low": "Tips", "High": "Welcome", "Middle": "Reminder"}[name]
        await world.start(
            f"campaign {name} from segment Leads priority {priority} wait 1h send email {email}"
        )
    world.now += timedelta(hours=1)
    first = Engine(world.database, batch=7)
    second = Engine(world.database, batch=4)
    await asyncio.gather(first.settle(now=world.now), second.settle(now=world.now))
    await world.settle()
    for name in names:
        assert sorted(await world.mails(name)) == ["Reminder", "Welcome"]
    held = await world.rows("select distinct campaign_id from journal j join version v"
                            " on v.id = j.version_id where outcome = 7")  # fmt: skip
    assert held == [(1,)]
    await world.wait(days=1)
    assert await world.one("select count(*) from message") == 90


async def test_a_cap_locks_the_contact_before_it_counts(world: World) -> None:
    """While one worker's batch is open, another one's for the same contact waits for it."""
    await world.people("ada", segment="Leads")
    await _cap(world, Cap(1, "email", "day"))
    await world.start("campaign A from segment Leads wait 1h send email Welcome")
    await world.start("campaign B from segment Leads wait 1h send email Tips")
    world.now += timedelta(hours=1)
    places = await world.rows("select version_id, step from position order by version_id")
    for version, step in places:  # both come to their sends
        await advance(world.database, world.engine.versions, version, step, now=world.now)
    (a, b) = await world.rows("select version_id, step from position order by version_id")

    async def other() -> None:
        await advance(world.database, world.engine.versions, *b, now=world.now)

    async with world.database.transaction() as tx:
        made = await world.engine.versions.get(tx, a[0])
        found = (await tx.execute(made.claim(a[1]), {"now": world.now, "most": 10})).one()
        carried = made.carry(a[1], read(found.caps))
        assert carried.lock is not None
        await tx.execute(carried.lock, {"places": found.places})
        await tx.execute(carried.act, {"now": world.now, "places": found.places})
        waiting = asyncio.create_task(other())
        await blocked(world.database)
        assert not waiting.done()
    await waiting
    assert await world.mails("ada") == ["Welcome"]


@pytest.mark.parametrize(
    ("caps", "told"),
    [
        ((Cap(0, "email", "day"),), "from 1 to"),
        ((Cap(1001, "sms", "day"),), "from 1 to"),
        ((Cap(1, "email", "day"), Cap(2, "email", "day")), "keep one"),
    ],
)
async def test_caps_that_cannot_be_set(world: World, caps: tuple[Cap, ...], told: str) -> None:
    with pytest.raises(Problem, match=told):
        await _cap(world, *caps)
    async with world.database.transaction() as tx:
        assert await get_caps(tx, 1) == ()
