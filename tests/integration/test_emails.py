"""Emails in the database: versions that never change, names that are taken once."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import insert

from headless.content import emails
from headless.content.drafts import Draft
from headless.problems import Problem
from headless.storage.database import Database, connect
from headless.storage.tables import field, workspace

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
DRAFT = Draft(
    name="Welcome",
    subject="Hello {{ contact.first_name }}",
    html='<a href="https://a.example/">a</a>{{ contact.frist_name }}',
)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = connect(database_url)
    async with made.transaction() as tx:
        await tx.execute(
            insert(workspace).values([{"name": n, "created_at": NOW} for n in ("Acme", "Other")])
        )
        await tx.execute(
            insert(field).values(workspace_id=1, name="first_name", type="text", created_at=NOW)
        )
    yield made
    await made.close()


async def create(database: Database, draft: Draft = DRAFT, workspace_id: int = 1) -> emails.Saved:
    async with database.transaction() as tx:
        return await emails.create(tx, workspace_id=workspace_id, draft=draft, now=NOW)


async def test_an_email_is_stored_with_what_is_derived(database: Database) -> None:
    saved = await create(database)
    assert saved.created
    assert (saved.email.version, saved.email.links) == (1, ("https://a.example/",))
    assert saved.email.variables == ("contact.first_name", "contact.frist_name")
    assert [use.known for use in saved.variables] == [True, False]
    assert {remark.code for remark in saved.warnings} == {"W410", "W411", "W412"}
    async with database.transaction() as tx:
        found = await emails.find(tx, workspace_id=1, name="Welcome")
        assert found == saved.email
        assert await emails.find(tx, workspace_id=2, name="Welcome") is None
        with pytest.raises(Problem) as caught:
            await emails.get(tx, workspace_id=2, email_id=saved.email.id)
    assert caught.value.code == "not_found"


async def test_each_change_is_a_version_and_none_is_no_change(database: Database) -> None:
    first = (await create(database)).email
    other = msgspec.structs.replace(DRAFT, html="<p>new</p>", sender="Ann <ann@example.com>")
    async with database.transaction() as tx:
        second = (await emails.put(tx, workspace_id=1, draft=other, now=LATER)).email
        again = await emails.put(tx, workspace_id=1, draft=other, now=LATER)
        assert (second.id, second.version, second.sender) == (first.id, 2, "Ann <ann@example.com>")
        assert (again.email, again.created) == (second, False)
        old = await emails.get(tx, workspace_id=1, email_id=first.id, version=1)
        assert (old.html, old.links) == (DRAFT.html, first.links)
        assert (second.created_at, second.updated_at) == (NOW, LATER)
        with pytest.raises(Problem) as caught:
            await emails.get(tx, workspace_id=1, email_id=first.id, version=9)
    assert caught.value.code == "not_found"


async def test_a_name_is_taken_once(database: Database) -> None:
    first = (await create(database)).email
    await create(database, workspace_id=2)
    with pytest.raises(Problem) as caught:
        await create(database)
    assert caught.value.code == "name_taken"
    tips = (await create(database, msgspec.structs.replace(DRAFT, name="Tips"))).email
    async with database.transaction() as tx:
        with pytest.raises(Problem) as caught:
            await emails.replace(tx, workspace_id=1, email_id=tips.id, draft=DRAFT, now=LATER)
        assert caught.value.code == "name_taken"
        renamed = msgspec.structs.replace(DRAFT, name="Hints")
        saved = await emails.replace(
            tx, workspace_id=1, email_id=tips.id, draft=renamed, now=LATER, expected_version=1
        )
        assert (saved.email.name, saved.email.version) == ("Hints", 1)
        listed = await emails.listing(tx, workspace_id=1)
        assert [each.name for each in listed] == ["Welcome", "Hints"]
        assert await emails.listing(tx, workspace_id=1, after_id=first.id, limit=1) == listed[1:]


async def test_who_read_an_old_version_does_not_overwrite(database: Database) -> None:
    first = (await create(database)).email
    other = msgspec.structs.replace(DRAFT, html="<p>new</p>")
    async with database.transaction() as tx:
        await emails.put(tx, workspace_id=1, draft=other, now=LATER)
        with pytest.raises(Problem) as caught:
            await emails.replace(
                tx, workspace_id=1, email_id=first.id, draft=DRAFT, now=LATER, expected_version=1
            )
    assert caught.value.code == "stale_version"
    assert caught.value.extra["version"] == 2
