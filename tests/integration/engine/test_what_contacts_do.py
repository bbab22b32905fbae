"""What contacts do, as `when` hears it and `if` looks back at it."""

import pytest
from world import World

from headless.audience import saving
from headless.audience.writes import Write
from headless.storage.codes import ActivityKind as Kind


async def put(world: World, name: str, **values: object) -> None:
    write = Write(external_id=name, **values)  # type: ignore[arg-type]  # columns by name
    (saved,) = await saving.save(world.database, 1, [write], now=world.now)
    assert saved.problem is None, saved.problem
    await world.settle()


async def test_the_time_spent_adds_up_from_the_arrival(world: World) -> None:
    (page,) = await world.things("page", "Pricing")
    await world.people("ada", "bob")
    await world._happens(Kind.SPENT, page, ["ada", "bob"], seconds=200)
    await world.joins("Leads", "ada", "bob")
    await world.wait(hours=1)
    await world.start(
        "from segment Leads\nwhen spent 5m on page Pricing within 3d then add tag keen"
    )
    await world.wait(hours=1)
    await world._happens(Kind.SPENT, page, ["ada", "bob"], seconds=200)
    await world._happens(Kind.SPENT, 0, ["bob"], seconds=200)
    assert await world.tags("ada") == []
    await world._happens(Kind.SPENT, page, ["ada"], seconds=100)
    await world.wait(days=4)
    assert await world.tags("ada") == ["keen"]
    assert await world.tags("bob") == []


HAPPENINGS = [
    ('visited page "/pricing*" from "https://news.io*" on mobile', Kind.VISITED, "",
     {"url": "https://acme.io/pricing?a=1", "referrer": "https://news.io/x", "device": "Mobile"},
     {"url": "https://acme.io/pricing?a=1", "referrer": "https://news.io/x", "device": "tablet"}),
    ("visited site on desktop", Kind.VISITED, "", {"device": "desktop"}, {"device": "mobile"}),
    ('replied to email Welcome with "yes*"', Kind.REPLIED, "email:Welcome",
     {"text": "Yes, do"}, {"text": "no"}),
    ("replied to sms Ping", Kind.REPLIED_SMS, "sms:Ping", {"text": "x"}, None),
    ("requested slot Top", Kind.REQUESTED, "slot:Top", {}, None),
    ("downloaded asset Guide", Kind.DOWNLOADED, "asset:Guide", {}, None),
    ("submitted form Demo", Kind.SUBMITTED, "form:Demo", {"budget": 5}, None),
    ('clicked link "*/offer*" in email Welcome', Kind.CLICKED, "email:Welcome",
     {"url": "https://acme.io/offer"}, {"url": "https://acme.io/other"}),
]  # fmt: skip


@pytest.mark.parametrize(("event", "kind", "about", "fits", "fails"), HAPPENINGS)
async def test_what_is_done_elsewhere_is_heard(
    world: World, event: str, kind: Kind, about: str, fits: dict[str, object],
    fails: dict[str, object] | None,
) -> None:  # fmt: skip
    sort, _, name = about.partition(":")
    ref = world.emails[name] if sort == "email" else 0
    if sort and sort != "email":
        (ref,) = await world.things(sort, name)
    await world.people("ada", "bob", segment="Leads")
    await world.start(
        f"from segment Leads\nwhen {event} within 3d then add tag yes_ else add tag no_"
    )
    await world.wait(hours=1)
    if fails is not None:
        await world._happens(kind, ref, ["bob"], **fails)
    await world._happens(kind, ref, ["ada"], **fits)
    assert await world.tags("ada") == ["yes_"]
    await world.wait(days=4)
    assert await world.tags("bob") == ["no_"]


async def test_changes_of_a_contact_are_heard(world: World) -> None:
    await put(world, "ada", stage="Lead", phone="+4915112345678")
    await world.people("bob", segment="Leads")
    await world.start("start when entered stage Customer\nadd tag customer", name="one")
    await world.start("start when changed phone\nadd tag renumbered", name="two")
    await world.start("start when changed plan\nadd tag switched", name="three")
    await put(world, "ada", stage="customer", phone="+4915112345678", fields={"plan": "pro"})
    await put(world, "cyd", stage="Customer", phone="+4915112345670")
    ids = dict(await world.rows("select external_id, id from contact"))
    world.ids |= ids
    assert await world.tags("ada") == ["customer", "switched"]
    assert await world.tags("cyd") == ["customer"]
    await put(world, "ada", phone="+4915112345679")
    assert await world.tags("ada") == ["customer", "renumbered", "switched"]


async def test_one_campaign_hears_of_another(world: World) -> None:
    await world.people("ada")
    await world.start("from segment Leads\nwait 2d", name="First")
    await world.start("start when joined campaign First\nadd tag inside", name="hears in")
    await world.start("start when left campaign First\nadd tag outside", name="hears out")
    await world.joins("Leads", "ada")
    await world.settle()
    assert await world.tags("ada") == ["inside"]
    await world.wait(days=3)
    assert await world.tags("ada") == ["inside", "outside"]


async def test_a_condition_looks_back_at_changes_from_the_start_on(world: World) -> None:
    await world.people("ada", "bob", plan="free", segment="Leads")
    await world.start(
        "from segment Leads\nwait 2d\n"
        "if changed plan then add tag switched\n"
        "if changed plan in last 1d then add tag lately"
    )
    await put(world, "ada", fields={"plan": "pro"})
    await world.wait(days=1, hours=12)
    await put(world, "bob", fields={"plan": "pro"})
    await world.wait(days=1)
    assert await world.tags("ada") == ["switched"]
    assert await world.tags("bob") == ["lately", "switched"]


async def test_facts_around_the_contact_in_a_campaign(world: World) -> None:
    await world.people("ada", segment="Leads")
    (form,) = await world.things("form", "Demo")
    await world.rows(
        "update form set fields = cast(:f as jsonb) returning 1", f='{"budget": "number"}'
    )
    await world._happens(Kind.SUBMITTED, form, ["ada"], budget=80)
    await world._happens(
        Kind.VISITED, 0, ["ada"], url="https://a.io/", device="mobile", os="iOS",
        utm={"source": "Google"},
    )  # fmt: skip
    await world.start(
        "from segment Leads\n"
        "if answer Demo.budget > 50 and utm.source is google and device is mobile "
        "and device.os is iOS and not reachable by sms do add tag all end\n"
        "if anniversary of birthday is today then add tag born else add tag unborn"
    )
    assert await world.tags("ada") == ["all", "unborn"]


async def test_a_visit_by_its_address_is_one_of_the_named_page(world: World) -> None:
    pages = {"Pricing": "https://acme.io/pricing/", "Docs": "https://acme.io/docs*",
             "Api": "https://acme.io/docs/api", "Tab": "https://acme.io/x?tab=1"}  # fmt: skip
    await world.things("page", *pages)
    for name, url in pages.items():
        await world.rows("update page set url = :u where name = :n returning 1", u=url, n=name)
    await world.people("ada", "bob", segment="Leads")
    await world.start("from segment Leads when visited page Pricing within 1d then add tag keen")
    await world._happens(Kind.VISITED, 0, ["ada"], url="https://ACME.io/pricing?a=1#top")
    await world._happens(Kind.VISITED, 0, ["bob"], url="https://acme.io/pricingx")
    assert (await world.tags("ada"), await world.tags("bob")) == (["keen"], [])
    for end in ("docs/start", "docs/api", "x?tab=1", "x?tab=2"):
        await world._happens(Kind.SPENT, 0, ["bob"], url=f"https://acme.io/{end}", seconds=1)
    rows = await world.rows(
        "select p.name from activity a left join page p on p.id = a.ref"
        " where a.kind = :kind order by a.id",
        kind=int(Kind.SPENT),
    )
    assert [row[0] for row in rows] == ["Docs", "Api", "Tab", None]
