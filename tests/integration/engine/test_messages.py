"""What the sends of all channels write into the outbox, and for whom they write nothing."""

from typing import Any

from sqlalchemy import insert, update
from world import World

from headless.storage import tables


async def _out(world: World, name: str) -> list[tuple[Any, ...]]:
    return await world.rows(
        "select channel, ref, data from message where contact_id = :id order by id",
        id=world.ids[name],
    )


async def _reasons(world: World, name: str) -> list[str]:
    rows = await world.rows(
        "select detail->>'reason' from journal"
        " where contact_id = :id and outcome = 5 order by step",
        id=world.ids[name],
    )
    return [row[0] for row in rows]


async def _device(world: World, name: str) -> None:
    row = {
        "workspace_id": 1, "contact_id": world.ids[name], "token": name, "platform": "ios",
        "seen_at": world.now, "created_at": world.now,
    }  # fmt: skip
    async with world.database.transaction() as tx:
        await tx.execute(insert(tables.push_device).values(row))


async def _multi(world: World, name: str, **parts: int) -> None:
    row = {"workspace_id": 1, "name": name, "created_at": world.now, "updated_at": world.now}
    async with world.database.transaction() as tx:
        await tx.execute(insert(tables.multi_message).values(**row, **parts))


async def test_texts_and_push_messages(world: World) -> None:
    (code,) = await world.things("sms", "Code")
    (news,) = await world.things("push message", "News")
    await world.people("ada", segment="Leads", phone="+491512345678")
    await world.people("bob", segment="Leads")
    await _device(world, "bob")
    await world.start(
        """from segment Leads
        send sms Code with (pin = 4711) send push message News unsubscribe from sms
        send sms Code send transactional sms Code"""
    )
    assert await _out(world, "ada") == [
        (2, code, {"with": {"pin": 4711}}),
        (2, code, {"transactional": True}),
    ]
    assert await _reasons(world, "ada") == ["no device", "unsubscribed"]
    assert await _out(world, "bob") == [(3, news, None)]
    assert await _reasons(world, "bob") == ["no phone number"] * 3


async def test_a_message_takes_the_channel_that_the_contact_prefers(world: World) -> None:
    (sms,) = await world.things("sms", "Short")
    name = "News, offers & more for everybody who has been with us for 10 years or longer"
    await _multi(world, name, email_id=world.emails["Tips"], sms_id=sms)
    await world.people("ada", segment="Leads", phone="+491512345678", preferred_channel="sms")
    await world.people("bob", segment="Leads", phone="+491512345679")
    await world.people("cyd", segment="Leads", preferred_channel="sms")
    await world.people("dan", segment="Leads", email=None)
    await _device(world, "dan")  # but the message has no words for a push
    await world.start(f'from segment Leads send message "{name}" unsubscribe send message "{name}"')
    tips = world.emails["Tips"]
    assert await _out(world, "ada") == [(2, sms, None), (2, sms, None)]
    assert await _out(world, "bob") == [(1, tips, None), (2, sms, None)]
    assert await _out(world, "cyd") == [(1, tips, None)]
    assert await _reasons(world, "cyd") == ["no channel reaches the contact"]
    assert await _reasons(world, "dan") == ["no channel reaches the contact"] * 2


async def test_slack_webhooks_and_integrations(world: World) -> None:
    (anna,) = await world.things("owner", "anna")
    async with world.database.transaction() as tx:
        given = update(tables.member).where(tables.member.c.id == anna)
        await tx.execute(given.values(slack_id="U7", email="anna@example.org"))
        row = {
            "workspace_id": 1, "name": "Orders", "url": "https://example.org", "method": "POST",
            "created_at": world.now, "updated_at": world.now,
        }  # fmt: skip
        hook = await tx.scalar(insert(tables.webhook).values(row).returning(tables.webhook.c.id))
        row = {
            "workspace_id": 1, "name": "crm", "provider": "hubspot", "created_at": world.now,
            "updated_at": world.now,
        }  # fmt: skip
        crm = await tx.scalar(
            insert(tables.integration).values(row).returning(tables.integration.c.id)
        )
    await world.people("ada", segment="Leads", owner="Anna", country="FR")
    await world.people("bob", segment="Leads")
    await world.start(
        """from segment Leads
        send slack "a lead" to "#sales" send slack "yours" to owner
        send webhook Orders with (land = field country)
        push to crm with (score = field points)
        send email Welcome to owner send email Welcome to "ops@example.org" """
    )
    body = {
        "campaign": "", "contact": {"external_id": "ada", "email": "ada@example.org"},
        "data": {"land": "FR"},
    }  # fmt: skip
    assert await _out(world, "ada") == [
        (5, 0, {"text": "a lead", "to": "#sales"}),
        (5, 0, {"text": "yours", "to": "U7"}),
        (4, hook, {"body": body}),
        (6, crm, {"with": {"score": 0}}),
        (1, world.emails["Welcome"], {"to": "anna@example.org"}),
        (1, world.emails["Welcome"], {"to": "ops@example.org"}),
    ]
    assert await _reasons(world, "bob") == ["no owner", "no owner"]
    assert [channel for channel, _, _ in await _out(world, "bob")] == [5, 4, 6, 1]


async def test_what_goes_to_others_is_neither_held_nor_counted(world: World) -> None:
    await world.people("ada", segment="Leads", email=None)
    await world.start(
        """from segment Leads quiet hours 00:00 to 23:00 limit 1 email per day
        send email Tips to "ops@example.org" send email Tips to "ops@example.org"
        send slack "twice" to "#sales" add tag through"""
    )
    assert await world.tags("ada") == ["through"]
    assert [channel for channel, _, _ in await _out(world, "ada")] == [1, 1, 5]


async def test_mail_to_others_is_no_sending_to_the_contact(world: World) -> None:
    await world.people("ada", segment="Leads")
    await world.start("campaign W when opened email Tips within 1h then add tag opened")
    await world.start(
        """campaign D from segment Leads
        send email Tips wait 1d send email Tips to "ops@example.org" wait 1h
        when opened email Tips within 2d then add tag sure else add tag never"""
    )
    await world.wait(days=2, minutes=11)  # two days after the contact's own
    assert await world.tags("ada") == ["never"]
    assert await world.one("select count(*) from enrollment where campaign_id = 1") == 1


async def test_values_of_the_event_the_entry_and_the_company(world: World) -> None:
    await world.people("ada")
    async with world.database.transaction() as tx:
        row = {
            "workspace_id": 1, "name": "Acme", "fields": {"plan": "pro"},
            "created_at": world.now, "updated_at": world.now,
        }  # fmt: skip
        company = await tx.scalar(insert(tables.company).values(row).returning(tables.company.c.id))
        field = {"workspace_id": 1, "name": "plan", "type": "text", "created_at": world.now}
        await tx.execute(insert(tables.company_field).values(field))
        member = {"workspace_id": 1, "contact_id": world.ids["ada"], "since": world.now}
        await tx.execute(insert(tables.company_member).values(company_id=company, **member))
    await world.start(
        """start when did ordered
        when did paid within 1d
          then send email Tips with (total = entry.total, how = event.how, plan = company.plan,
                                     ends = 3d from now, price = 5 EUR, ok = yes)"""
    )
    await world.does("ordered", "ada", total=80)
    await world.does("paid", "ada", how="card")
    ((_, _, data),) = await _out(world, "ada")
    assert data["with"] == {
        "total": 80, "how": "card", "plan": "pro", "ends": "2026-01-08 09:00",
        "price": {"amount": "5", "currency": "EUR"}, "ok": True,
    }  # fmt: skip
