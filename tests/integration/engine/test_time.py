"""When waits end: durations by the calendar and by the clock, moments, zones, clock changes."""

from datetime import UTC, datetime

import pytest
from world import World


async def _due(world: World, name: str = "ada") -> str:
    """Where the contact's wait ends, in UTC."""
    due = await world.one("select due_at from position where contact_id = :id", id=world.ids[name])
    return due.astimezone(UTC).strftime("%a %Y-%m-%d %H:%M")


MOMENTS = [
    # Monday 2026-01-05 09:00 UTC
    ("wait 3d", "Thu 2026-01-08 09:00"),
    ("wait 2 weeks", "Mon 2026-01-19 09:00"),
    ("wait 1mo", "Thu 2026-02-05 09:00"),
    ("wait 1d12h", "Tue 2026-01-06 21:00"),
    ("wait 90 minutes", "Mon 2026-01-05 10:30"),
    ("wait until 17:30", "Mon 2026-01-05 17:30"),
    ("wait until 08:00", "Tue 2026-01-06 08:00"),
    ("wait until 08:00 on weekends", "Sat 2026-01-10 08:00"),
    ("wait until friday at 17:00", "Fri 2026-01-09 17:00"),
    ("wait until friday", "Fri 2026-01-09 00:00"),
    ("wait until 2026-03-01", "Sun 2026-03-01 00:00"),
    ("wait until 2026-03-01 14:15", "Sun 2026-03-01 14:15"),
    ("wait until trial", "Tue 2026-01-20 00:00"),
    ("wait until trial at 09:00", "Tue 2026-01-20 09:00"),
    ("wait until 3d before trial at 09:00", "Sat 2026-01-17 09:00"),
    ("wait until 1w after trial", "Tue 2026-01-27 00:00"),
]


@pytest.mark.parametrize(("text", "ends"), MOMENTS)
async def test_when_a_wait_ends(world: World, text: str, ends: str) -> None:
    await world.people("ada", segment="Leads", trial="2026-01-20")
    await world.start(f"from segment Leads {text} add points 1")
    assert await _due(world) == ends


@pytest.mark.parametrize(
    "text",
    [
        "wait until 09:00",
        "wait until monday",
        "wait until 2026-01-01",
        "wait until trial",
        "wait until birthday",  # empty: goes on, and says so
    ],
)
async def test_a_moment_that_is_now_or_past_goes_on_at_once(world: World, text: str) -> None:
    await world.people("ada", segment="Leads", trial="2025-12-01")
    await world.start(f"from segment Leads {text} add points 1")
    assert await world.points("ada") == 1
    if "birthday" in text:
        assert "wait until birthday: done (the field is empty)" in await world.journal("ada")


async def test_each_contact_waits_in_its_own_zone(world: World) -> None:
    await world.people("ada", segment="Leads", time_zone="America/New_York")
    await world.people("bob", segment="Leads")
    await world.start("from segment Leads wait until 10:00 add points 1")
    assert await _due(world, "ada") == "Mon 2026-01-05 15:00"
    assert await _due(world, "bob") == "Mon 2026-01-05 10:00"


async def test_a_campaign_in_one_zone_for_everybody(world: World) -> None:
    await world.people("ada", segment="Leads", time_zone="America/New_York")
    await world.start('from segment Leads time zone "Asia/Tokyo" wait until 10:00 add points 1')
    assert await _due(world) == "Tue 2026-01-06 01:00"


@pytest.mark.parametrize(
    ("start", "text", "ends"),
    [
        # clocks go forward on 2026-03-29 02:00 -> 03:00 in Paris, back on 2026-10-25 03:00 -> 02:00
        (datetime(2026, 3, 28, 8, tzinfo=UTC), "wait 1d", "Sun 2026-03-29 07:00"),
        (datetime(2026, 3, 28, 8, tzinfo=UTC), "wait 24h", "Sun 2026-03-29 08:00"),
        (datetime(2026, 3, 28, 8, tzinfo=UTC), "wait until 02:30", "Sun 2026-03-29 01:30"),
        (datetime(2026, 10, 24, 7, tzinfo=UTC), "wait 1d", "Sun 2026-10-25 08:00"),
        (datetime(2026, 10, 24, 7, tzinfo=UTC), "wait until 02:30", "Sun 2026-10-25 00:30"),
    ],
)
async def test_clock_changes(world: World, start: datetime, text: str, ends: str) -> None:
    world.now = start
    await world.people("ada", segment="Leads", time_zone="Europe/Paris")
    await world.start(f"from segment Leads {text} add points 1")
    assert await _due(world) == ends


async def test_waits_in_a_row_do_not_drift(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start("from segment Leads wait 1d wait 1d wait 1d add points 1")
    for _ in range(3):
        await world.jump(days=1, seconds=40)  # each time the worker is a little late
    await world.jump(minutes=1)
    assert (4, "Thu 08 Jan 09:00") in await world.times("ada")


async def test_after_an_outage_waits_count_from_when_the_step_really_ran(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start("from segment Leads wait 1h add points 1 wait 1h add points 1")
    await world.jump(days=2)
    assert await world.points("ada") == 1
    assert await _due(world) == "Wed 2026-01-07 10:00"
