"""Paths that turn back: `repeat`, `every`, `jump`, each as often as the text says."""

from datetime import UTC, datetime

from world import World


async def _mailed(world: World, name: str) -> list[str]:
    rows = await world.rows(
        "select created_at from message where contact_id = :id order by 1", id=world.ids[name]
    )
    return [at.strftime("%d %b %H:%M") for (at,) in rows]


async def test_repeat_runs_its_body_so_many_times(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start("from segment Leads repeat 3 times do add points 1 wait 1d end add tag over")
    assert (await world.points("ada"), await world.tags("ada")) == (1, [])
    await world.wait(days=2)
    assert (await world.points("ada"), await world.tags("ada")) == (3, [])
    await world.wait(days=1)
    assert (await world.points("ada"), await world.tags("ada")) == (3, ["over"])
    assert await world.runs("ada") == ["finished"]


async def test_a_body_without_time_runs_all_its_rounds_at_once(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start("from segment Leads repeat 3 times do add points 1 end add tag over")
    assert (await world.points("ada"), await world.tags("ada")) == (3, ["over"])
    assert await world.journal("ada") == [
        "entry: entered",
        "repeat 3 times: yes",
        "add points 1: done (0 → 1)",
        "repeat 3 times: yes",
        "add points 1: done (1 → 2)",
        "repeat 3 times: yes",
        "add points 1: done (2 → 3)",
        "repeat 3 times: no",
        "add tag over: done",
    ]


async def test_repeat_asks_before_each_round_whether_it_is_over(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.people("bob", segment="Leads", points=5)
    await world.start(
        "from segment Leads repeat 9 times until (points >= 3) do add points 1 wait 1d end"
    )
    await world.wait(days=9)
    assert (await world.points("ada"), await world.points("bob")) == (3, 5)
    assert await world.runs("ada") == ["finished"]


async def test_an_inner_repeat_begins_anew_in_each_round(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads
        repeat 2 times do
          repeat 3 times do add points 1 wait 1h end
          add points 100
        end"""
    )
    await world.wait(days=1)
    assert await world.points("ada") == 206


async def test_jump_leads_back_so_often_in_a_run(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads
        again: add points 1
        wait 1d
        jump to again at most 2 times
        add tag over"""
    )
    await world.wait(days=2)
    assert (await world.points("ada"), await world.tags("ada")) == (3, [])
    await world.wait(days=1)
    assert (await world.points("ada"), await world.tags("ada")) == (3, ["over"])


async def test_a_jump_out_of_a_loop_leaves_its_rounds_behind(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads
        top: add points 1
        repeat 3 times do
          wait 1h
          add points 10
          if points > 50 do exit
          or if points < 20 do jump to top at most 1 time
          end
        end
        add tag over"""
    )
    await world.wait(days=1)
    # one round, the jump, then three whole rounds of the loop entered anew
    assert (await world.points("ada"), await world.tags("ada")) == (42, ["over"])


async def test_every_week_until_a_date(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        """from segment Leads
        every week on monday at 09:00 until 2026-01-26 do send email Tips end
        add tag over"""
    )
    await world.wait(days=30)
    # the arrival is such a time itself; the end is not
    assert await _mailed(world, "ada") == ["05 Jan 09:00", "12 Jan 09:00", "19 Jan 09:00"]
    assert await world.tags("ada") == ["over"]
    assert (3, "Mon 19 Jan 09:00") in await world.times("ada")


async def test_every_so_many_times_by_each_ones_clock(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.people("bob", segment="Leads", time_zone="America/New_York")
    await world.start(
        "from segment Leads every day at 10:00 2 times do send email Tips end add tag over"
    )
    await world.wait(days=4)
    assert await _mailed(world, "ada") == ["05 Jan 10:00", "06 Jan 10:00"]
    assert await _mailed(world, "bob") == ["05 Jan 15:00", "06 Jan 15:00"]
    assert await world.tags("ada") == ["over"]


async def test_every_so_long(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start("from segment Leads every 2 days for 5d do send email Tips end add tag over")
    await world.wait(days=9)
    assert await _mailed(world, "ada") == ["05 Jan 09:00", "07 Jan 09:00", "09 Jan 09:00"]
    assert await world.tags("ada") == ["over"]


async def test_a_tick_that_comes_while_the_body_runs_is_skipped(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start("from segment Leads every day 3 times do send email Tips wait 30h end")
    await world.wait(days=9)
    assert await _mailed(world, "ada") == ["05 Jan 09:00", "07 Jan 09:00", "09 Jan 09:00"]


async def test_a_month_from_the_31st(world: World) -> None:
    world.now = datetime(2026, 1, 31, 9, tzinfo=UTC)
    await world.people("ada", segment="Leads")
    await world.start("from segment Leads every month 3 times do send email Tips end")
    await world.wait(days=70)
    assert await _mailed(world, "ada") == ["31 Jan 09:00", "28 Feb 09:00", "31 Mar 09:00"]


async def test_a_day_of_the_month_that_a_month_lacks(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        "from segment Leads every month on day 31 at 08:00 3 times do send email Tips end"
    )
    await world.wait(days=100)
    assert await _mailed(world, "ada") == ["31 Jan 08:00", "28 Feb 08:00", "31 Mar 08:00"]


async def test_a_doubled_hour_has_one_tick_and_a_missing_one_moves(world: World) -> None:
    world.now = datetime(2026, 10, 24, 12, tzinfo=UTC)  # the clocks go back on the 25th
    await world.people("ada", segment="Leads", time_zone="Europe/Paris")
    await world.start("from segment Leads every day at 02:30 3 times do send email Tips end")
    await world.wait(days=5)
    assert await _mailed(world, "ada") == ["25 Oct 00:30", "26 Oct 01:30", "27 Oct 01:30"]


async def test_ticks_that_an_outage_swallowed_come_once(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start("from segment Leads every day at 12:00 do send email Tips end")
    await world.jump(days=3)
    assert await _mailed(world, "ada") == ["08 Jan 09:00"]
    await world.wait(hours=4)
    assert await _mailed(world, "ada") == ["08 Jan 09:00", "08 Jan 12:00"]
