"""The eighteen behaviours of Mautic's campaigns that people rely on, through `simulate`.

`fixture_f.csv` are Mautic's own fifty test contacts by country, `fixture_f.campaign` is its test
campaign in our words: two parts side by side, a mail at noon, and what follows from its opening.
"""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from world import World

from headless.simulation.outcome import Person, Simulated
from headless.simulation.rows import csv_rows
from headless.simulation.run import simulate
from headless.storage.database import Database

HERE = Path(__file__).parent
F = (HERE / "fixture_f.campaign").read_text()
PEOPLE = csv_rows("contacts", (HERE / "fixture_f.csv").read_bytes())
US = {"19", "25", "28", "33", "37", "38", "44", "49"}
UK = {"1", "3", "4", "7", "14", "20", "23", "26", "29", "30", "31"}


def at(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC)


def opens(*numbers: int, when: str = "+3h10m") -> list[dict[str, Any]]:
    return [{"at": when, "contact": str(n), "did": "opened email A"} for n in numbers]


def tagged(ran: Simulated, tag: str) -> set[str]:
    return {name for name, person in ran.contacts.items() if tag in person.tags}


def mailed(ran: Simulated, email: str) -> list[str]:
    return [n for n, p in ran.contacts.items() for m in p.messages if m.name == email]


def sent(person: Person) -> list[str]:
    return [f"{m.at:%a %Y-%m-%d %H:%M}" for m in person.messages]


async def fixture(room: Database, until: str, *activities: dict[str, Any]) -> Simulated:
    return await simulate(room, F, contacts=PEOPLE, activities=activities, until=at(until))


async def one(room: Database, source: str, *activities: dict[str, Any], **given: Any) -> Simulated:
    """A simulation with a single contact, `ada`, in the segment F."""
    start = given.pop("start", "2026-01-05 09:00")
    until = given.pop("until", "2026-02-05 09:00")
    person = {"id": "ada", "email": "ada@example.org", "segments": "F", **given}
    return await simulate(
        room, source, contacts=[person], activities=activities, start=at(start), until=at(until)
    )


async def alter(world: World, statement: str) -> None:
    async with world.database.transaction() as tx:
        await tx.execute(text(statement))


async def test_01_before_the_mail_is_due_only_the_first_part_has_run(room: Database) -> None:
    ran = await fixture(room, "2026-01-05 11:59")
    assert len(tagged(ran, "first")) == 50
    assert tagged(ran, "us") == tagged(ran, "us-too") == US
    assert len(tagged(ran, "elsewhere")) == 42
    assert mailed(ran, "A") == []
    waiting = Counter(line.step for line in ran.journal if line.outcome == "waiting")
    assert waiting["wait until 2026-01-05 12:00"] == 50


async def test_02_when_it_is_due_everybody_gets_it_once(room: Database) -> None:
    ran = await fixture(room, "2026-01-05 12:00")
    assert len(mailed(ran, "A")) == len(set(mailed(ran, "A"))) == 50
    later = await fixture(room, "2026-01-25 12:00")
    assert Counter(mailed(later, "A")) == Counter(mailed(ran, "A"))


async def test_03_who_opens_it_gets_the_next_one_at_once(room: Database) -> None:
    ran = await fixture(room, "2026-01-05 12:10", *opens(*range(1, 26)))
    assert set(mailed(ran, "B")) == {str(n) for n in range(1, 26)}
    assert len(mailed(ran, "B")) == 25
    assert {m.at for p in ran.contacts.values() for m in p.messages if m.name == "B"} == {
        at("2026-01-05 12:10")
    }
    assert not any(tagged(ran, tag) for tag in ("uk", "no-us", "two", "six"))


async def test_04_who_does_not_open_it_takes_the_other_way(room: Database) -> None:
    opened = opens(*range(1, 26))
    closed = await fixture(room, "2026-01-05 12:33", *opened)  # and what may come late
    others = {str(n) for n in range(26, 51)}
    missed = {line.contact for line in closed.journal if line.outcome == "no"
              and line.step == "when opened email A within 30m"}  # fmt: skip
    assert missed == others
    assert tagged(closed, "no-us") == tagged(closed, "no-us-too") == US & others
    assert len(US & others) == 6
    assert tagged(closed, "uk") == tagged(closed, "uk-too") == UK & others
    assert len(UK & others) == 4
    assert tagged(closed, "six") == set()
    later = await fixture(room, "2026-01-05 12:36", *opened)
    assert (tagged(later, "two"), tagged(later, "six")) == (others, others)
    assert len(mailed(later, "B")) == 25
    times = {(line.step, f"{line.at:%H:%M}") for line in later.journal if "add tag" in line.step}
    assert {("add tag two", "12:32"), ("add tag six", "12:36")} <= times


async def test_05_five_of_them_alone(room: Database) -> None:
    five = [row for row in PEOPLE if row.cells["id"] in {"1", "2", "3", "4", "19"}]
    ran = await simulate(
        room, F, contacts=five, activities=opens(1, 2), until=at("2026-01-05 14:00")
    )
    asked = Counter((line.step, line.outcome) for line in ran.journal)
    assert asked["if country is US", "yes"] == 1 + 1  # the first part, and the other way's
    assert asked["if country is US", "no"] == 4 + 2
    assert asked["when opened email A within 30m", "no"] == 3
    assert asked["if country is UK", "yes"] == 2
    assert asked["if country is UK", "no"] == 1
    assert sorted(mailed(ran, "B")) == ["1", "2"]
    assert tagged(ran, "no-us") == {"19"}
    assert tagged(ran, "uk") == {"3", "4"}


async def test_06_moving_to_another_campaign_leaves_this_one(world: World) -> None:
    second = await world.start("campaign Second add tag there wait 1d add points 5")
    await world.people("ada", segment="Leads")
    first = await world.start(
        "campaign First from segment Leads add tag here move to campaign Second"
    )
    assert await world.tags("ada") == ["here", "there"]
    states = dict(await world.rows("select campaign_id, state from enrollment"))
    assert states == {first: 2, second: 0}
    await world.wait(days=2)
    assert await world.points("ada") == 5


async def test_07_exit_before_the_points_and_after(room: Database) -> None:
    leave = "if in segment F then exit"
    before = await one(room, f"from segment F {leave} add points 10")
    after = await one(room, f"from segment F add points 10 {leave} add points 100")
    assert (before.contacts["ada"].points, after.contacts["ada"].points) == (0, 10)


async def test_08_removed_by_hand_stays_removed(room: Database) -> None:
    ran = await one(
        room,
        "from segment F re-entry always add points 1 wait 10d add points 10",
        {"at": "+1d", "contact": "ada", "campaign": "remove"},
        {"at": "+2d", "contact": "ada", "did": "left segment F"},
        {"at": "+3d", "contact": "ada", "did": "joined segment F"},
    )
    assert ran.contacts["ada"].points == 1
    assert ran.stats["enrollments"] == {"removed": 1}


async def test_09_paused_or_outside_its_window_nothing_runs_and_places_are_kept(
    room: Database,
) -> None:
    told = "from segment F wait 1d add points 1"
    paused = {"at": "+1h", "campaign": "pause"}
    held = await one(room, told, paused)
    assert held.contacts["ada"].points == 0
    assert [line.outcome for line in held.journal] == ["entered", "waiting"]
    on = await one(room, told, paused, {"at": "+3d", "campaign": "resume"})
    assert on.contacts["ada"].points == 1
    over = await one(room, f"active 2026-01-01 to 2026-01-05 {told}")
    assert over.contacts["ada"].points == 0
    assert [line.outcome for line in over.journal] == ["entered", "waiting"]


@pytest.mark.parametrize(
    ("hours", "start", "when"),
    [
        ("08:00 and 10:00", "2018-10-21 10:00", "Mon 2018-10-22 08:00"),
        ("08:00 and 10:00", "2018-10-21 07:59", "Sun 2018-10-21 08:00"),
        ("08:00 and 10:00", "2018-10-21 09:59", "Sun 2018-10-21 09:59"),
        ("22:00 and 06:00", "2018-10-21 12:00", "Sun 2018-10-21 22:00"),
        ("22:00 and 06:00", "2018-10-21 05:59", "Sun 2018-10-21 05:59"),
        ("22:00 and 06:00", "2018-10-21 06:00", "Sun 2018-10-21 22:00"),
    ],
)
async def test_10_hours(room: Database, hours: str, start: str, when: str) -> None:
    ran = await one(
        room, f"from segment F send email A between {hours}", start=start, until="2018-10-25 00:00"
    )
    assert sent(ran.contacts["ada"]) == [when]


async def test_11_only_on_wednesdays_and_fridays(room: Database) -> None:
    ran = await one(
        room, "from segment F send email A between 08:00 and 10:00 on wednesday and friday",
        start="2018-10-21 08:00", until="2018-10-30 00:00",
    )  # fmt: skip
    assert sent(ran.contacts["ada"]) == ["Wed 2018-10-24 08:00"]


async def test_12_hours_are_the_contacts_own(room: Database) -> None:
    told = "from segment F send email A between 08:00 and 10:00"
    given = {"start": "2018-10-22 09:00", "until": "2018-10-25 00:00"}
    away = await one(room, told, timezone="America/New_York", **given)
    assert sent(away.contacts["ada"]) == ["Mon 2018-10-22 12:00"]  # 08:00 in New York
    home = await one(room, told, **given)  # the workspace's zone is UTC
    assert sent(home.contacts["ada"]) == ["Mon 2018-10-22 09:00"]


async def test_13_in_and_not_in_and_nothing_there(room: Database) -> None:
    people = [
        {"id": name, "email": f"{name}@example.org", "segments": "F", "plan": plan}
        for name, plan in (("a", "v1"), ("b", "v2"), ("c", "v3"), ("d", "v4"), ("e", ""))
    ]
    ran = await simulate(
        room,
        "from segment F if plan in (v1, v3) then add tag inside"
        " if not (plan in (v1, v3)) then add tag outside",
        contacts=people,
    )
    assert (tagged(ran, "inside"), tagged(ran, "outside")) == ({"a", "c"}, {"b", "d", "e"})


@pytest.mark.parametrize(("re_entry", "runs"), [("always", 2), ("never", 1)])
async def test_14_leaving_and_coming_back(room: Database, re_entry: str, runs: int) -> None:
    ran = await one(
        room, f"from segment F re-entry {re_entry} add points 1",
        {"at": "+1d", "contact": "ada", "did": "left segment F"},
        {"at": "+2d", "contact": "ada", "did": "joined segment F"},
    )  # fmt: skip
    assert ran.contacts["ada"].points == runs
    assert ran.stats["enrollments"] == {"finished": runs}


async def test_15_a_step_run_twice_has_one_effect_and_a_failed_one_runs_again(
    world: World,
) -> None:
    await world.people("ada", segment="Leads")
    await alter(world, "alter table contact add constraint no_points check (points < 5)")
    with pytest.raises(Exception, match="no_points"):
        await world.start("from segment Leads add points 10 send email X wait 1d")
    assert (await world.points("ada"), await world.mails("ada")) == (0, [])
    await alter(world, "alter table contact drop constraint no_points")
    await world.settle()
    assert (await world.points("ada"), await world.mails("ada")) == (10, ["X"])
    await world.rows("update position set step = 0, due_at = arrived_at returning 1")
    await world.settle()
    assert (await world.points("ada"), await world.mails("ada")) == (10, ["X"])


async def test_16_what_cannot_be_sent_has_its_reason_and_the_path_goes_on(room: Database) -> None:
    told = "from segment F send email A add tag later"
    nowhere = await one(room, told, email="")
    refused = await one(
        room, f"from segment F wait 1d {told.removeprefix('from segment F')}",
        {"at": "+1h", "contact": "ada", "did": "unsubscribed from email"},
    )  # fmt: skip
    for ran, reason in ((nowhere, "no address"), (refused, "unsubscribed")):
        (line,) = [line for line in ran.journal if line.step == "send email A"]
        assert (line.outcome, line.reason) == ("skipped", reason)
        assert ran.contacts["ada"].tags == ("later",)
        assert ran.contacts["ada"].messages == ()


async def test_17_nine_in_the_morning_stays_nine(room: Database) -> None:
    ran = await one(
        room, "from segment F every week on sunday at 09:00 for 10mo do send email A end",
        timezone="Europe/Paris", start="2026-03-16 09:00", until="2026-11-20 00:00",
    )  # fmt: skip
    times = sent(ran.contacts["ada"])
    assert times[:2] == ["Sun 2026-03-22 08:00", "Sun 2026-03-29 07:00"]
    around = times.index("Sun 2026-10-25 08:00")
    assert times[around - 1 : around + 2] == [
        "Sun 2026-10-18 07:00", "Sun 2026-10-25 08:00", "Sun 2026-11-01 08:00",
    ]  # fmt: skip
    assert len(times) == 35


async def test_18_a_reply_from_before_the_path_asks_for_it(room: Database) -> None:
    told = """from segment F
    wait 1d
    send email A
    wait 2d
    when replied to email A within 5d then add tag answered else add tag silent"""
    reply = {"contact": "ada", "did": "replied to email A"}
    after = await one(room, told, {"at": "+1d1h", **reply})
    assert after.contacts["ada"].tags == ("answered",)
    before = await one(room, told, {"at": "+1h", **reply})
    assert before.contacts["ada"].tags == ("silent",)
