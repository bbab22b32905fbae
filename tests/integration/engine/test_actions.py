"""What the actions do to a contact, its companies, its consent and its pages."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import insert
from world import World

from headless.audience import segments
from headless.runtime.advance import advance
from headless.storage import tables


async def _field(world: World, name: str, type_: str, *, company: bool = False) -> None:
    table = tables.company_field if company else tables.field
    row = {"workspace_id": 1, "name": name, "type": type_, "created_at": world.now}
    async with world.database.transaction() as tx:
        await tx.execute(insert(table).values(row))


async def _journal(world: World, name: str, outcome: int) -> list[Any]:
    rows = await world.rows(
        "select detail from journal where contact_id = :id and outcome = :o order by at, step",
        id=world.ids[name], o=outcome,
    )  # fmt: skip
    return [row[0] for row in rows]


async def test_points_in_groups_are_a_number_of_their_own(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.start("campaign W start when reached 15 points in group loyalty add tag loyal")
    await world.start(
        """campaign D from segment Leads
        add points 10 in group loyalty add points 10 in group loyalty
        remove points 5 in group loyalty add points 1
        if points in group loyalty >= 15 then add tag asked"""
    )
    assert await world.rows("select points from contact_points") == [(15,), (15,)]
    assert (await world.points("ada"), await world.tags("ada")) == (1, ["asked", "loyal"])
    assert {"from": 10, "to": 20} in await _journal(world, "ada", 1)


async def test_a_contact_joins_and_leaves_companies(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start(
        "from segment Leads add to company Acme add to company Beta remove from company Acme"
    )
    rows = await world.rows(
        "select name from company_member m join company c on c.id = m.company_id"
    )
    assert rows == [("Beta",)]


async def test_points_and_fields_of_the_company(world: World) -> None:
    await _field(world, "plan", "text", company=True)
    await _field(world, "seats", "number", company=True)
    await world.people("ada", "bob", "cyd", segment="Leads")
    await world.set("bob", country="FR")
    await world.start(
        """from segment Leads
        if external_id is not cyd then add to company Acme
        add points 5 to company add points 2 in group heat to company
        remove points 1 from company
        set company.plan to "pro" set company.seats to 7 set company.plan to field country"""
    )
    ((points, fields),) = await world.rows("select points, fields from company")
    assert (points, fields) == (8, {"seats": 7, "plan": "FR"})
    assert await world.rows("select points from company_points") == [(4,)]
    assert await _journal(world, "cyd", 5) == [{"reason": "no company"}] * 6


async def test_a_stage_is_entered_once(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.people("bob", segment="Leads", stage="Customer")
    await world.start("campaign W start when entered stage Customer add tag entered")
    await world.start("campaign D from segment Leads set stage to Customer")
    assert (await world.tags("ada"), await world.tags("bob")) == (["entered"], [])
    assert {"from": None, "to": "Customer"} in await _journal(world, "ada", 1)


async def test_a_field_that_is_set_to_what_it_was_has_not_changed(world: World) -> None:
    await world.people("ada", segment="Leads", country="FR")
    await world.people("bob", segment="Leads", country="DE")
    await world.start("campaign W start when changed country add tag heard")
    await world.start('campaign D from segment Leads set country to "FR"')
    assert (await world.tags("ada"), await world.tags("bob")) == ([], ["heard"])


async def test_owners_in_turn(world: World) -> None:
    await world.things("owner", "anna", "ben", "cleo")
    await world.people(*(f"p{n}" for n in range(8)), segment="Leads")
    await world.start("from segment Leads set owner to one of (anna, ben, cleo)")
    rows = await world.rows("select owner, count(*) from contact group by 1 order by 1")
    assert rows == [("anna", 3), ("ben", 3), ("cleo", 2)]
    await world.people("late")
    await world.joins("Leads", "late")
    await world.settle()
    rows = await world.rows("select owner, count(*) from contact group by 1 order by 1")
    assert rows == [("anna", 3), ("ben", 3), ("cleo", 3)]


async def test_two_workers_deal_in_turn_from_one_row(world: World) -> None:
    await world.things("owner", "anna", "ben")
    await world.people(*(f"p{n}" for n in range(40)), segment="Leads")
    await world.start("from segment Leads wait 1h set owner to one of (anna, ben)")
    world.now = await world.one("select max(due_at) from position")
    ((version, step),) = await world.rows("select distinct version_id, step from position")
    again: list[int] = []

    async def work() -> None:
        while True:
            done = await advance(
                world.database, world.engine.versions, version, step, now=world.now, most=7
            )
            again.append(done.claimed)
            if not done.claimed:
                return

    await asyncio.gather(work(), work())
    rows = await world.rows("select owner, count(*) from contact group by 1 order by 1")
    assert rows == [("anna", 20), ("ben", 20)]
    assert sum(again) == 40


async def test_unsubscribing_and_subscribing(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.rows(
        "insert into suppression (workspace_id, contact_id, channel, reason, source, at)"
        " values (1, :id, 1, 'hard_bounce', 'smtp', :now) returning 1",
        id=world.ids["bob"], now=world.now,
    )  # fmt: skip
    await world.start("campaign W start when unsubscribed from email add tag gone")
    await world.start(
        """campaign D from segment Leads
        unsubscribe because "asked by phone"
        send email Welcome
        send transactional email Tips
        unsubscribe from all"""
    )
    rows = await world.rows(
        "select channel, reason, source from suppression where contact_id = :id order by 1",
        id=world.ids["ada"],
    )
    assert rows == [
        (1, "unsubscribed", "campaign D: asked by phone"),
        (2, "unsubscribed", "campaign D"),
        (3, "unsubscribed", "campaign D"),
    ]
    assert (await world.mails("ada"), await world.mails("bob")) == (["Tips"], [])
    assert (await world.tags("ada"), await world.tags("bob")) == (["gone"], [])
    await world.start("campaign E from segment Leads subscribe to email send email Welcome")
    assert (await world.mails("ada"), await world.mails("bob")) == (["Tips", "Welcome"], [])
    rows = await world.rows("select reason from suppression where channel = 1")
    assert rows == [("hard_bounce",)]  # which no campaign takes away


async def test_what_a_slot_shows(world: World) -> None:
    await world.things("slot", "hero")
    await world.things("content", "Spring", "Summer")
    await world.people("ada", segment="Leads")
    await world.start(
        "from segment Leads show content Spring in slot hero show content Summer in slot hero"
    )
    rows = await world.rows(
        "select c.name from slot_content s join content c on c.id = s.content_id"
    )
    assert rows == [("Summer",)]


@pytest.mark.parametrize(
    ("step", "field", "kept"),
    [
        ("set renewal to 30d from now", "renewal", "2026-02-04"),
        ("set renewal to today", "renewal", "2026-01-05"),
        ("set seen to now", "seen", "2026-01-05T09:00:00+00:00"),
        ("set seen to 2026-03-01 12:00", "seen", "2026-03-01T12:00:00+00:00"),
        ("set budget to 100.50 EUR", "budget", 100.5),
        ("set plan to 100 EUR", "plan", "100 EUR"),
        ("set happy to yes", "happy", True),
        ("set plan to yes", "plan", "yes"),
        ("set age to 41", "age", 41),
        ("set plan to field age", "plan", "40"),
        ("clear age", "age", None),
    ],
)
async def test_values_are_kept_as_their_fields_keep_them(
    world: World, step: str, field: str, kept: Any
) -> None:
    for name, type_ in {
        "renewal": "date", "seen": "datetime", "budget": "number", "happy": "boolean",
    }.items():  # fmt: skip
        await _field(world, name, type_)
    await world.people("ada", segment="Leads", age=40)
    await world.start(f"from segment Leads {step}")
    fields = await world.one("select fields from contact")
    assert fields.get(field) == kept
    assert (field in fields) == (kept is not None)


async def test_days_are_those_of_the_contacts_zone(world: World) -> None:
    await _field(world, "renewal", "date")
    await world.people("ada", segment="Leads", time_zone="Pacific/Auckland")
    await world.wait(hours=5)
    await world.start("from segment Leads set renewal to 1d from now")
    assert await world.one("select fields->>'renewal' from contact") == "2026-01-07"


async def test_a_value_that_does_not_fit_changes_nothing(world: World) -> None:
    await world.people("ada", "bob", time_zone="Europe/Paris")
    await world.start(
        """start when did relocated re-entry always
        set timezone to "Asia/Tokyo" set phone to entry.phone set age to entry.age"""
    )
    await world.does("relocated", "ada", phone="+49 151 2345678", age="40")
    await world.does("relocated", "bob", phone="none", age="old")
    rows = await world.rows("select time_zone, phone, fields from contact order by id")
    assert rows == [
        ("Asia/Tokyo", "+491512345678", {"age": 40}),
        ("Asia/Tokyo", None, {}),
    ]


async def test_a_deleted_contact_is_gone_and_what_it_waited_for_too(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.start("campaign Other from segment Leads send email Welcome wait 3d add tag late")
    drop = await world.start(
        """campaign Drop from segment Leads wait 1d
        if external_id is ada then delete contact
        if external_id is cyd then delete contact
        add tag stayed"""
    )
    await world.wait(days=1)
    await world.settle()
    for table in ("contact", "enrollment", "position", "message", "journal", "segment_member"):
        column = "id" if table == "contact" else "contact_id"
        rows = await world.rows(f"select distinct {column} from {table}")
        assert rows == [(world.ids["bob"],)], table
    assert (await world.tags("bob"), (await world.outcomes(drop))[2, "yes"]) == (["stayed"], 1)


async def test_unsubscribing_from_all_is_heard_by_all_and_by_each_channel(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    for said in ("", " from all", " from email", " from sms", " from push message"):
        await world.start(f'start when unsubscribed{said} add tag "gone{said}"')
    await world.start(
        "from segment Leads if external_id is ada then unsubscribe from all else"
        " unsubscribe from sms"
    )
    assert await world.tags("bob") == ["gone from sms"]
    assert await world.tags("ada") == [
        "gone", "gone from all", "gone from email", "gone from push message", "gone from sms",
    ]  # fmt: skip


async def test_a_changed_company_asks_the_segments_about_all_its_members(world: World) -> None:
    await _field(world, "plan", "text", company=True)
    await world.people("ada", segment="Leads")
    await world.people("bob", "cyd")
    async with world.database.transaction() as tx:
        await segments.create(tx, 1, "Pro", 'company.plan is "pro"', now=world.now)
        await segments.create(tx, 1, "Hot", "company.points > 3", now=world.now)
    for name in ("ada", "bob"):
        await world.rows(
            "with c as (insert into company (workspace_id, name, created_at, updated_at)"
            " values (1, 'Acme', :now, :now) on conflict (workspace_id, lower(name)) do update"
            " set name = excluded.name returning id)"
            " insert into company_member (workspace_id, contact_id, company_id, since)"
            " select 1, :id, c.id, :now from c returning 1",
            id=world.ids[name], now=world.now,
        )  # fmt: skip
    await world.settle()
    await world.start('from segment Leads set company.plan to "pro" add points 5 to company')
    rows = await world.rows(
        "select s.name, m.contact_id from segment s join segment_member m on m.segment_id = s.id"
        " where s.condition is not null order by 1, 2"
    )
    assert rows == [(name, world.ids[who]) for name in ("Hot", "Pro") for who in ("ada", "bob")]
