"""Three people about whom everything is known, and a question that is put to all of them."""

from datetime import timedelta
from typing import Any

from sqlalchemy import insert, literal, select, text, update
from world import World

from headless.audience.activities import Activity, record
from headless.audience.conditions import holds
from headless.audience.values import Scope
from headless.dsl.parser import parse_condition
from headless.storage import tables
from headless.storage.codes import ActivityKind as Kind
from headless.storage.tables import Instant
from headless.workspace.names import resolve

DAY = timedelta(days=1)


async def settle_in(world: World) -> None:
    """Ada, Bob and Cyd: Ada has everything, Bob has other things, Cyd has nothing at all."""
    await world.people(
        "ada",
        country="FR",
        age=40,
        birthday="1986-01-05",
        trial="2026-01-10",
        plan="pro plus",
        time_zone="Europe/Paris",
        points=60,
        stage="Customer",
    )
    await world.people(
        "bob",
        country="de",
        age=20,
        birthday="2000-06-01",
        trial="2025-12-01",
        plan="free",
        points=5,
        stage="Lead",
    )
    await world.people("cyd")
    (group,) = await world.things("group", "Loyalty")
    (acme,) = await world.things("company", "Acme")
    (globex,) = await world.things("company", "Globex")
    (form,) = await world.things("form", "Demo")
    await world.things("slot", "Top")
    ada, bob, cyd = (world.ids[name] for name in ("ada", "bob", "cyd"))
    one, now = {"workspace_id": 1}, world.now
    async with world.database.transaction() as tx:
        await tx.execute(update(tables.form).values(fields={"budget": "number", "role": "text"}))
        c = tables.contact
        await tx.execute(
            update(c)
            .where(c.c.id == ada)
            .values(
                owner="anna",
                phone="+4915112345678",
                preferred_channel="sms",
                utm={"source": "Google", "campaign": "spring"},
            )
        )
        await tx.execute(
            update(c)
            .where(c.c.id == bob)
            .values(owner="ben", utm={"source": "mail"}, device={"kind": "desktop", "os": "Linux"})
        )
        await tx.execute(update(c).where(c.c.id == cyd).values(email=None))
        await tx.execute(
            insert(tables.company_field).values(name="size", type="number", created_at=now, **one)
        )
        await tx.execute(
            update(tables.company)
            .where(tables.company.c.id == acme)
            .values(fields={"size": 500}, points=9)
        )
        for who, company, days in ((ada, globex, 9), (ada, acme, 1), (bob, globex, 1)):
            await tx.execute(
                insert(tables.company_member).values(
                    contact_id=who, company_id=company, since=now - days * DAY, **one
                )
            )
        await tx.execute(
            insert(tables.contact_points).values(contact_id=ada, group_id=group, points=70, **one)
        )
        await tx.execute(
            insert(tables.push_device).values(
                contact_id=bob, token="t", platform="ios", seen_at=now, created_at=now, **one
            )
        )
        await tx.execute(
            insert(tables.suppression).values(
                contact_id=bob,
                channel=1,
                reason="unsubscribed",
                source="link",
                at=now - 2 * DAY,
                **one,
            )
        )
        (tag,) = await world.things("tag", "vip")
        await tx.execute(
            insert(tables.contact_tag).values(contact_id=ada, tag_id=tag, at=now - 40 * DAY, **one)
        )
    await world.joins("Leads", "ada")
    await _history(world, ada, bob, form)


async def _history(world: World, ada: int, bob: int, form: int) -> None:
    (page,) = await world.things("page", "Pricing")
    (asset,) = await world.things("asset", "Guide")
    (slot,) = await world.things("slot", "Top")
    (sms,) = await world.things("sms", "Ping")
    (event,) = await world.things("event", "order placed")
    welcome = world.emails["Welcome"]

    def did(who: int, kind: Kind, ref: int, days: float, **properties: Any) -> Activity:
        return Activity(
            contact_id=who,
            kind=kind,
            ref=ref,
            occurred_at=world.now - days * DAY,
            properties=properties or None,
        )

    url = "https://acme.io/pricing?x=1"
    rows = [
        did(ada, Kind.OPENED, welcome, 40),
        did(ada, Kind.OPENED, welcome, 5),
        did(bob, Kind.OPENED, welcome, 40),
        did(ada, Kind.CLICKED, welcome, 5, url="https://acme.io/offer/1?utm=x"),
        did(bob, Kind.BOUNCED, welcome, 5),
        did(ada, Kind.REPLIED, welcome, 5, text="Yes, please"),
        did(ada, Kind.REPLIED_SMS, sms, 5, text="stop"),
        did(
            ada,
            Kind.VISITED,
            page,
            5,
            url=url,
            referrer="https://news.io/a",
            device="mobile",
            brand="Apple",
            os="iOS 19",
        ),
        did(bob, Kind.VISITED, 0, 5, url="https://acme.io/about", device="desktop"),
        did(ada, Kind.SPENT, page, 5, seconds=200),
        did(ada, Kind.SPENT, page, 4, seconds=150),
        did(bob, Kind.SPENT, 0, 4, seconds=100),
        did(ada, Kind.SUBMITTED, form, 5, budget=100, role="boss"),
        did(bob, Kind.SUBMITTED, form, 5, budget="a lot", role="intern"),
        did(ada, Kind.DOWNLOADED, asset, 5),
        did(ada, Kind.REQUESTED, slot, 5),
        did(ada, Kind.DID, event, 5, total=80, items=["hat"]),
        did(bob, Kind.DID, event, 5, total={"amount": "20.00", "currency": "EUR"}),
        did(bob, Kind.UNSUBSCRIBED, 1, 2),
    ]
    async with world.database.transaction() as tx:
        await record(tx, 1, rows, now=world.now)


async def who(world: World, condition: str) -> str:
    """The first letters of those for whom a condition holds, in order."""
    parsed = parse_condition(condition)
    assert parsed.condition is not None, parsed.diagnostics
    c = tables.contact
    async with world.database.transaction() as tx:
        names = await resolve(tx, 1, [parsed.condition], now=world.now)
        scope = Scope(
            workspace_id=1,
            contact=c,
            now=literal(world.now, Instant),
            zone=text("coalesce(contact.time_zone, 'UTC')"),
            names=names,
        )
        rows = await tx.execute(select(c.c.external_id).where(holds(parsed.condition, scope)))
        return "".join(sorted(row[0][0] for row in rows))
