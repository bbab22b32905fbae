"""What the asker sees alone is whole; what is shared, and where strangers read, is masked."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from desk_world import DeskWorld, made_world, presses, words
from servers import TestServers
from sqlalchemy import select

from headless.slack.kit.reply import Reply
from headless.slack.people.asker import Role
from headless.slack.tasks import Task
from headless.storage.tables import audit

PERSONAL = (
    "why bob@example.org in Welcome",
    "where bob@example.org",
    "preview Welcome for bob@example.org",
    "log Welcome",
)


@pytest.fixture(scope="module")
async def desk(
    servers: TestServers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[DeskWorld]:
    async with made_world(servers, tmp_path_factory.mktemp("data")) as made:
        yield made


async def press(desk: DeskWorld, name: str, value: str, role: Role = "viewer") -> Reply | None:
    task = Task(kind="action", asker=desk.asker(role), name=name, value=value, at=datetime.now(UTC))
    return await desk.desk.run(task)


@pytest.mark.parametrize("command", PERSONAL)
async def test_a_shared_answer_says_no_address(desk: DeskWorld, command: str) -> None:
    alone = await desk.say(command)
    assert "bob@example.org" in words(alone)
    assert not alone.in_channel
    shared = await press(desk, "share", presses(alone)["Share"])
    assert shared is not None
    assert shared.in_channel
    told = json.dumps([shared.text, shared.alt, shared.blocks])
    assert "b…@example.org" in json.loads(json.dumps(words(shared)))
    assert "bob" not in told
    assert "FR" not in told
    assert "Share" not in presses(shared)


@pytest.mark.parametrize("command", PERSONAL)
async def test_where_another_company_reads_nothing_personal_is_said(
    desk: DeskWorld, command: str
) -> None:
    told = words(await desk.say(command, "admin", shared=True))
    assert "shared with another company" in told
    assert "bob" not in told


async def test_looking_at_a_contact_is_audited(desk: DeskWorld) -> None:
    await desk.say("why ada@example.org")
    async with desk.world.database.transaction() as tx:
        rows = (await tx.execute(select(audit).order_by(audit.c.id.desc()))).mappings().all()
    assert rows[0]["act"] == "look_at_contact"
    assert rows[0]["actor"] == "slack:T0ACME/U0VIEWER"
    assert rows[0]["subject"].startswith("con_")
    assert "ada" not in json.dumps(rows[0]["detail"])


async def test_times_are_the_readers_own(desk: DeskWorld) -> None:
    here = words(await desk.say("why bob@example.org in Welcome"))
    assert "10:00:00  entry" in here
    there = words(await desk.say("why bob@example.org in Welcome", zone="Asia/Tokyo"))
    assert "18:00:00  entry" in there
    assert "the contact's is Europe/Paris" in there


async def test_a_suggestion_is_pressed_where_that_is_safe(desk: DeskWorld) -> None:
    safe = await desk.say("shw Welcome")
    assert presses(safe) == {"show Welcome": "show Welcome"}
    pressed = await press(desk, "say:0", "show Welcome")
    assert pressed is not None
    assert "send Welcome" in words(pressed)
    risky = await desk.say("paus Welcome", "editor")
    assert presses(risky) == {}
    assert "`/campaign pause Welcome`" in words(risky)


async def test_the_nearest_names_are_offered(desk: DeskWorld) -> None:
    told = await desk.say("check when opened email Tipps within 3d then add points 10")
    assert 'when opened email "Tips"' in presses(told)["Use the mended text"]
    none = await desk.say("check when opened email Zzz within 3d then add points 10")
    assert presses(none)["Show all 4"] == "emails"
    assert 'check: when opened email "Reminder" within 3d' in presses(none)["Use Reminder"]
