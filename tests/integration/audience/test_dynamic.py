"""Dynamic segments: kept up to date after changes, by the passing of days, and in full."""

import pytest
from sqlalchemy import select
from world import World

from headless.audience import saving, segments
from headless.audience.contacts import changed
from headless.audience.membership import refresh
from headless.audience.writes import Write
from headless.problems import Problem
from headless.storage import tables


async def make(world: World, name: str, condition: str) -> int:
    async with world.database.transaction() as tx:
        made = await segments.create(tx, 1, name, condition, now=world.now)
    world.segments[name] = made.id
    return made.id


async def inside(world: World, name: str) -> list[str]:
    await world.settle()
    m, c = tables.segment_member, tables.contact
    async with world.database.transaction() as tx:
        rows = await tx.execute(
            select(c.c.external_id)
            .join(m, m.c.contact_id == c.c.id)
            .where(m.c.segment_id == world.segments[name])
            .order_by(c.c.external_id)
        )
        return list(rows.scalars())


async def put(world: World, name: str, **values: object) -> None:
    write = Write(external_id=name, **values)  # type: ignore[arg-type]  # columns by name
    (saved,) = await saving.save(world.database, 1, [write], now=world.now)
    assert saved.problem is None, saved.problem


async def test_a_change_of_the_contact_is_enough(world: World) -> None:
    await world.people("ada", country="FR")
    await world.people("bob", country="DE")
    await make(world, "French", "country is FR and not has tag nope")
    assert await inside(world, "French") == ["ada"]
    await put(world, "bob", fields={"country": "fr"})
    await put(world, "cyd", fields={"country": "FR"})
    assert await inside(world, "French") == ["ada", "bob", "cyd"]
    await put(world, "ada", add_tags=["nope"])
    assert await inside(world, "French") == ["bob", "cyd"]


async def test_what_contacts_do_is_asked_about(world: World) -> None:
    await world.people("ada", "bob")
    await make(world, "Readers", "opened email Welcome 2 times")
    await world.opens("Welcome", "ada", "bob")
    assert await inside(world, "Readers") == []
    await world.opens("Welcome", "ada")
    assert await inside(world, "Readers") == ["ada"]


async def test_one_segment_follows_another(world: World) -> None:
    await world.people("ada", "bob", country="FR")
    await make(world, "French", "country is FR")
    await make(world, "French leads", "in segment French and in segment Leads")
    await world.joins("Leads", "ada")
    assert await inside(world, "French leads") == ["ada"]
    await put(world, "ada", fields={"country": "DE"})
    assert await inside(world, "French leads") == []


async def test_runs_through_a_campaign_are_asked_about(world: World) -> None:
    await world.people("ada", "bob")
    campaign = await world.start("from segment Leads\nwait 2d", name="Onboarding")
    assert campaign
    await make(world, "Now in it", "in campaign Onboarding")
    await make(world, "Were in it", "left campaign Onboarding")
    await world.joins("Leads", "ada")
    await world.settle()
    assert await inside(world, "Now in it") == ["ada"]
    await world.wait(days=3)
    assert await inside(world, "Now in it") == []
    assert await inside(world, "Were in it") == ["ada"]


async def test_a_birthday_is_noticed_when_its_day_begins_there(world: World) -> None:
    await world.people("ada", birthday="1990-01-07", time_zone="Asia/Tokyo")
    await world.people("bob", birthday="1990-01-07", time_zone="America/New_York")
    await world.people("cyd", birthday="1990-01-07")
    await make(world, "Today", "anniversary of birthday is today")
    await world.wait(hours=29, minutes=59)  # Tuesday 14:59 UTC
    assert await inside(world, "Today") == []
    await world.wait(minutes=2)
    assert await inside(world, "Today") == ["ada"]
    await world.wait(hours=10)  # Wednesday 01:01 UTC
    assert await inside(world, "Today") == ["ada", "cyd"]
    await world.wait(hours=5)
    assert await inside(world, "Today") == ["ada", "bob", "cyd"]
    await world.wait(hours=9, minutes=30)  # the 8th in Tokyo
    assert await inside(world, "Today") == ["bob", "cyd"]
    await world.jump(days=2)  # an outage over several days
    assert await inside(world, "Today") == []


async def test_whoever_comes_from_an_earlier_zone_is_asked_sooner(world: World) -> None:
    await make(world, "Today", "anniversary of birthday is today")
    await put(world, "kim", time_zone="Pacific/Kiritimati", fields={"birthday": "1990-01-06"})
    assert await inside(world, "Today") == []  # Monday 23:00 there
    await world.wait(hours=1, minutes=1)
    assert await inside(world, "Today") == ["kim"]


async def test_a_span_of_time_passes(world: World) -> None:
    await world.people("ada")
    await make(world, "Active", "opened any email in last 2d")
    await world.opens("Welcome", "ada")
    assert await inside(world, "Active") == ["ada"]
    await world.wait(days=3)
    assert await inside(world, "Active") == []


async def test_from_contacts_where_begins_to_be_true(world: World) -> None:
    await world.people("ada", trial="2026-01-08")
    await world.start(
        "from contacts where (trial before 2d from now and trial after today)\n"
        "re-entry always\nadd points 1"
    )
    assert await world.points("ada") == 0
    await world.wait(days=2)
    assert await world.points("ada") == 1
    await world.wait(days=3)
    await put(world, "ada", fields={"trial": "2026-01-11"})
    await world.settle()
    assert await world.points("ada") == 2
    await put(world, "ada", fields={"plan": "x"})  # true all along: no second time
    await world.settle()
    assert await world.points("ada") == 2


async def test_the_full_rebuild_agrees_with_the_increments(world: World) -> None:
    await world.people(*(f"p{n}" for n in range(20)), country="FR")
    await make(world, "French", "country is FR and points > 3")
    await put(world, "p3", fields={"country": "DE"})
    async with world.database.transaction() as tx:
        await tx.execute(tables.contact.update().values(points=5))
        change = await refresh(tx, 1, world.segments["French"], now=world.now)
    assert (change.joined, change.left) == (19, 0)
    async with world.database.transaction() as tx:
        await changed(tx, 1, world.ids.values())
    assert len(await inside(world, "French")) == 19


async def test_a_segment_cannot_depend_on_itself(world: World) -> None:
    one = await make(world, "One", "points > 1")
    await make(world, "Two", "in segment One")
    await make(world, "Three", "not in segment Two")
    async with world.database.transaction() as tx:
        with pytest.raises(Problem, match="depend on itself"):
            await segments.change(tx, 1, one, condition="in segment Three", now=world.now)
        with pytest.raises(Problem, match="depend on itself"):
            await segments.change(tx, 1, one, condition="in segment One", now=world.now)


async def test_a_list_again_is_asked_no_more(world: World) -> None:
    await world.people("ada", points=5)
    one = await make(world, "Rich", "points > 1 and created_at after 30d ago")
    async with world.database.transaction() as tx:
        await segments.change(tx, 1, one, condition=None, now=world.now)
    await put(world, "bob", fields={"country": "FR"})
    await world.wait(days=40)
    assert await inside(world, "Rich") == ["ada"]
    assert await world.rows("select 1 from segment_watch") == []


async def test_changes_of_fields_are_remembered_from_then_on(world: World) -> None:
    await put(world, "ada", fields={"plan": "free"}, stage="Lead", phone="+4915112345678")
    await make(world, "Switched", "changed plan in last 2d")
    await make(world, "Moved", "changed phone or entered stage Customer in last 2d")
    assert await inside(world, "Switched") == []
    await put(world, "ada", fields={"plan": "pro"})
    await put(world, "bob", stage="customer")
    assert await inside(world, "Switched") == ["ada"]
    assert await inside(world, "Moved") == ["bob"]
    await put(world, "ada", phone="+4915112345679")
    assert await inside(world, "Moved") == ["ada", "bob"]
    await world.wait(days=3)
    assert await inside(world, "Switched") == []


async def test_a_stage_and_a_colleague_come_into_being_by_use(world: World) -> None:
    await put(world, "ada", stage="Champion", owner="anna")
    await put(world, "bob", stage="champion", owner="Anna")
    assert await world.rows("select name from stage order by 1") == [
        ("Champion",), ("Customer",), ("Lead",),
    ]  # fmt: skip
    assert await world.rows("select name from member") == [("anna",)]


async def test_whom_a_step_takes_out_of_a_dynamic_segment_stays_out(world: World) -> None:
    await world.people("ada", "bob", "cyd", country="FR")
    await make(world, "French", "country is FR")
    await world.start("from segment Leads\nremove from segment French", name="out")
    await world.start("from segment VIP\nadd to segment French", name="into it")
    await world.people("dan", country="DE")
    await world.joins("Leads", "ada")
    await world.joins("VIP", "dan")
    assert await inside(world, "French") == ["bob", "cyd", "dan"]
    await put(world, "ada", fields={"plan": "x"})
    await put(world, "dan", fields={"plan": "x"})
    assert await inside(world, "French") == ["bob", "cyd", "dan"]
    async with world.database.transaction() as tx:
        change = await refresh(tx, 1, world.segments["French"], now=world.now)
    assert (change.joined, change.left) == (0, 0)
