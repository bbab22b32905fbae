"""Contacts that go in the middle of a run: erased, or merged into another."""

from hashlib import sha256

import pytest
from sqlalchemy import func, literal, select
from world import World

from headless.audience import saving
from headless.audience.erasing import erase, mark
from headless.audience.merging import merge
from headless.audience.remembered import Hashes
from headless.audience.writes import Write
from headless.storage import tables
from headless.storage.codes import EnrollmentState
from headless.storage.tables import Instant, metadata

STORY = """\
from segment Leads
re-entry always
add points 1
send email Welcome
wait 1d
add points 10
send email Tips
when opened email Tips within 3d then add tag reader else add tag silent
wait 1d
add points 100
"""


async def left_of(world: World, contact_id: int) -> dict[str, int]:
    """How many rows each table still has about a contact."""
    counts = {}
    async with world.database.transaction() as tx:
        for table in metadata.sorted_tables:
            if "contact_id" in table.c:
                found = select(func.count()).where(table.c.contact_id == contact_id)
                if n := await tx.scalar(found.select_from(table)):
                    counts[table.name] = n
    return counts


async def merged(world: World, kept: str, gone: str) -> None:
    async with world.database.transaction() as tx:
        await merge(tx, 1, [(world.ids[kept], world.ids[gone])], now=world.now)
    await world.settle()


# ---------------------------------------------------------------- erased


async def test_nothing_is_left_of_an_erased_contact_but_numbers(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.start(STORY)
    await world.wait(days=1, hours=1)
    await world.opens("Welcome", "ada")
    async with world.database.transaction() as tx:
        gone = await erase(tx, 1, [world.ids["ada"]], now=world.now)
    assert gone == 1
    assert await left_of(world, world.ids["ada"]) == {"gone_contact": 1}
    await world.wait(days=10)
    assert await left_of(world, world.ids["ada"]) == {"gone_contact": 1}
    assert (
        await world.rows("select contact_id from message order by id") == [(world.ids["bob"],)] * 2
    )
    assert await world.points("bob") == 111
    stats = await world.outcomes()
    assert stats[1, "done"] == 2  # the count of the erased one stays


async def test_a_suppression_outlives_its_contact_as_a_hash(world: World) -> None:
    await world.people("ada", "bob")
    for name in ("ada", "bob"):
        await world.rows(
            "insert into suppression (workspace_id, contact_id, channel, reason, source, at)"
            " values (1, :id, 1, 'unsubscribed', 'link', :now) returning 1",
            id=world.ids[name], now=world.now,
        )  # fmt: skip
    async with world.database.transaction() as tx:
        hashed = lambda address: sha256(address.encode()).digest()  # noqa: E731
        await erase(tx, 1, [world.ids["ada"]], now=world.now, hashed=hashed)
        await erase(tx, 1, [world.ids["bob"]], now=world.now)
    assert await world.rows("select contact_id, address_hash from suppression") == [
        (world.ids["ada"], sha256(b"ada@example.org").digest())
    ]


async def test_a_mark_is_enough_and_latecomers_are_cleared(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    await world.start(STORY)
    ada = world.ids["ada"]
    c = tables.contact
    async with world.database.transaction() as tx:
        going = mark(
            1, select(c.c.id).where(c.c.external_id == "ada"), now=literal(world.now, Instant)
        )
        assert await tx.scalar(select(func.count()).select_from(going)) == 1
    await world.settle()
    assert await left_of(world, ada) == {"gone_contact": 1}
    await world.rows(
        "insert into activity (workspace_id, contact_id, kind, occurred_at, received_at)"
        " values (1, :id, 2, :now, :now) returning 1",
        id=ada, now=world.now,
    )  # fmt: skip
    await world.wait(minutes=2)
    assert await left_of(world, ada) == {"gone_contact": 1}
    await world.wait(days=9)
    assert await world.points("bob") == 111


# ---------------------------------------------------------------- merged


async def test_the_runs_waits_and_deeds_of_one_become_the_others(world: World) -> None:
    await world.people("ada", country="FR")
    await world.people("bob", plan="pro", segment="Leads")
    await world.start(STORY)
    await world.wait(days=1)
    assert await world.points("bob") == 11
    await merged(world, "ada", "bob")
    assert await left_of(world, world.ids["bob"]) == {"gone_contact": 1}
    assert await world.one("select into_id from gone_contact") == world.ids["ada"]
    assert await world.points("ada") == 11
    assert await world.one("select fields from contact") == {"country": "FR", "plan": "pro"}
    await world.opens("Tips", "ada")
    await world.wait(days=2)
    assert await world.tags("ada") == ["reader"]
    assert await world.points("ada") == 111
    assert await world.mails("ada") == ["Welcome", "Tips"]


@pytest.mark.parametrize("kept", ["ada", "bob"])
async def test_of_two_runs_the_first_goes_on_and_no_step_is_taken_twice(
    world: World, kept: str
) -> None:
    await world.people("ada", segment="Leads")
    await world.start(STORY)
    await world.wait(hours=12)
    await world.people("bob", segment="Leads")
    await world.settle()
    await world.wait(hours=13)  # Ada has got Tips, Bob waits for it
    gone = "bob" if kept == "ada" else "ada"
    assert await world.mails("ada") == ["Welcome", "Tips"]
    await merged(world, kept, gone)
    assert sorted(await world.runs(kept)) == ["merged", "running"]
    await world.wait(days=9)
    assert sorted(await world.mails(kept)) == ["Tips", "Welcome", "Welcome"]
    assert await world.tags(kept) == ["silent"]
    assert await world.points(kept) == 1 + 1 + 10 + 100
    assert sorted(await world.runs(kept)) == ["finished", "merged"]
    assert await world.rows("select rotation from enrollment order by 1") == [(1,), (2,)]


async def test_what_the_ending_run_has_done_is_not_done_again(world: World) -> None:
    """The run that began first stands behind: what the other did already counts."""
    await world.people("ada", "bob", trial="2026-02-01")
    await world.set("bob", trial="2026-01-06")
    await world.start(
        "from segment Leads\nwait until trial\nsend email Welcome\nadd points 5\nwait 30d\nexit"
    )
    await world.joins("Leads", "ada")
    await world.wait(hours=1)
    await world.joins("Leads", "bob")
    await world.wait(days=2)
    assert await world.mails("bob") == ["Welcome"]
    await merged(world, "ada", "bob")
    await world.wait(days=40)
    assert await world.mails("ada") == ["Welcome"]
    assert await world.points("ada") == 5


async def test_who_was_taken_out_by_hand_stays_out(world: World) -> None:
    from headless.campaigns import enroll

    await world.people("ada", "bob", segment="Leads")
    campaign = await world.start(STORY)
    async with world.database.transaction() as tx:
        await enroll.remove(tx, 1, campaign, [world.ids["bob"]], now=world.now)
    await merged(world, "ada", "bob")
    assert set(await world.runs("ada")) == {"removed"}
    await world.wait(days=9)
    await world.leaves("Leads", "ada")
    await world.joins("Leads", "ada")
    await world.settle()
    assert await world.points("ada") == 2
    assert EnrollmentState.REMOVED in [r[0] for r in await world.rows(
        "select state from enrollment order by rotation desc limit 1")]  # fmt: skip


async def test_what_both_have_becomes_one(world: World) -> None:
    await world.people("ada", "bob", segment="Leads")
    (group,) = await world.things("group", "G")
    (form,) = await world.things("form", "Demo")
    (tag,) = await world.things("tag", "vip")
    for name, points in (("ada", 3), ("bob", 4)):
        await world.rows(
            "insert into contact_points values (1, :id, :g, :p) returning 1",
            id=world.ids[name], g=group, p=points,
        )  # fmt: skip
        await world.rows(
            "insert into contact_tag values (1, :id, :t, :now) returning 1",
            id=world.ids[name], t=tag, now=world.now,
        )  # fmt: skip
        await world.rows(
            "insert into form_answer values (1, :id, :f, cast(:a as jsonb), :now) returning 1",
            id=world.ids[name], f=form, now=world.now,
            a='{"role": "boss"}' if name == "ada" else '{"role": "x", "size": 4}',
        )  # fmt: skip
    await merged(world, "ada", "bob")
    assert await world.rows("select points from contact_points") == [(7,)]
    assert await world.tags("ada") == ["vip"]
    assert await world.rows("select answers from form_answer") == [({"role": "boss", "size": 4},)]
    assert await world.rows("select contact_id from segment_member") == [(world.ids["ada"],)]


async def test_a_contact_is_in_one_pair_only(world: World) -> None:
    await world.people("ada", "bob", "cyd")
    a, b, c = (world.ids[n] for n in ("ada", "bob", "cyd"))
    async with world.database.transaction() as tx:
        with pytest.raises(ValueError, match="one pair"):
            await merge(tx, 1, [(a, b), (b, c)], now=world.now)


# ---------------------------------------------------------------- suppressions that outlive


async def _suppress(world: World, name: str, channel: int) -> None:
    await world.rows(
        "insert into suppression (workspace_id, contact_id, channel, reason, source, at)"
        " values (1, :id, :channel, 'unsubscribed', 'link', :now) returning 1",
        id=world.ids[name], channel=channel, now=world.now,
    )  # fmt: skip


async def test_an_address_that_comes_back_is_suppressed_again_and_that_is_said(
    world: World,
) -> None:
    old, new = Hashes([b"o" * 40]), Hashes([b"n" * 40, b"o" * 40])
    world.engine.hashes = old
    await world.people("ada", "bob", segment="Leads")
    await _suppress(world, "ada", 1)
    await _suppress(world, "ada", 2)
    await world.start("from segment Leads delete contact")
    assert await world.one("select count(*) from contact") == 0
    writes = [Write(email=f"{name}@example.org".upper()) for name in ("ada", "bob")]
    ada, bob = await saving.save(world.database, 1, writes, now=world.now, hashes=new)
    assert (ada.suppressed, bob.suppressed) == (("email", "sms"), ())
    rows = await world.rows(
        "select contact_id, channel, reason, source from suppression order by 2"
    )
    assert rows == [(ada.contact_id, n, "unsubscribed", "link") for n in (1, 2)]
    (again,) = await saving.save(
        world.database, 1, [Write(email="ada@example.org", stage="Lead")], now=world.now, hashes=new
    )
    assert again.suppressed == ("email", "sms")


async def test_other_keys_and_other_workspaces_know_nothing(world: World) -> None:
    await world.people("ada")
    await _suppress(world, "ada", 1)
    hashes = Hashes([b"o" * 40])
    async with world.database.transaction() as tx:
        await erase(tx, 1, [world.ids["ada"]], now=world.now, hashed=hashes.of(1))
    write = [Write(email="ada@example.org")]
    stranger = Hashes([b"x" * 40])
    (made,) = await saving.save(world.database, 1, write, now=world.now, hashes=stranger)
    assert made.suppressed == ()
    assert hashes.of(1)("a@b.c") != hashes.of(2)("a@b.c")
