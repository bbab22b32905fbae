"""A text is held against what a workspace has seen: emails as saved, events as they came."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.dialects.postgresql import insert as upsert

from headless.campaigns import ingest, publish
from headless.content import emails
from headless.content.drafts import Draft
from headless.runtime.versions import Versions
from headless.storage import tables
from headless.storage.database import Database, connect
from headless.workspace.catalogue import load

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
LINK = '<a href="{{ links.unsubscribe }}">no more</a>'


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = connect(database_url)
    async with made.transaction() as tx:
        await tx.execute(insert(tables.workspace).values(name="A", created_at=NOW))
    yield made
    await made.close()


async def save(database: Database, name: str, html: str) -> None:
    async with database.transaction() as tx:
        draft = Draft(name=name, subject="s", html=html)
        await emails.put(tx, workspace_id=1, draft=draft, now=NOW)


async def told(database: Database, text: str) -> list[tuple[str, str]]:
    async with database.transaction() as tx:
        found = (await publish.check(tx, 1, text)).diagnostics
    return [(d.code, text[d.span.start : d.span.end]) for d in found]


async def test_an_email_without_an_unsubscribe_link_is_told_until_it_has_one(
    database: Database,
) -> None:
    await save(database, "Bare", "<p>Hi {{ offer }}</p>")
    await save(database, "Linked", f"<p>Hi</p>{LINK}")
    text = "send email Bare with (offer = 1) send email Linked send transactional email Bare"
    assert await told(database, text) == [("W410", "Bare"), ("W411", "Bare")]
    await save(database, "Bare", f"<p>Hi</p>{LINK}")
    assert await told(database, text) == []


ODD = """\
start when did "order placed"
if entry.total > 50 then add tag big
if entry.total contains "x" then add tag odd
if entry.totl > 5 then add tag typo
set company.points to event.shop
if did "Order Placed" where (shop > 5) then add tag shop
"""


async def test_a_property_has_the_type_that_it_has_come_with(database: Database) -> None:
    assert await told(database, ODD) == []
    await happened(database, "order placed", {"total": 60, "shop": "Paris", "gift": None})
    async with database.transaction() as tx:
        known = await load(tx, 1)
    assert known.events == {"order placed": {"total": "number", "shop": "text"}}
    assert await told(database, ODD) == [
        ("E223", 'entry.total contains "x"'),
        ("W203", "entry.totl"),
        ("E224", "event.shop"),
        ("W201", '"Order Placed"'),
        ("E220", "shop > 5"),
    ]


async def test_a_property_of_two_types_is_taken_as_it_comes(database: Database) -> None:
    await happened(database, "paid", {"value": 60})
    await happened(database, "rated", {"value": "good"})
    text = "start when {} if entry.value > 5 then add tag big"
    assert await told(database, text.format('did "paid"')) == []
    rated = await told(database, text.format('did "rated"'))
    assert rated == [("E220", "entry.value > 5")]
    assert await told(database, text.format('did "paid" or did "rated"')) == []


async def happened(database: Database, what: str, properties: dict[str, Any]) -> None:
    """An activity as an app reports it."""
    async with database.transaction() as tx:
        await tx.execute(
            upsert(tables.contact)
            .values(workspace_id=1, email="a@b.example", created_at=NOW, updated_at=NOW)
            .on_conflict_do_nothing()
        )
    item = ingest.ActivityIn(ingest.Who(email="a@b.example"), what, properties=properties)
    done = await ingest.ingest(database, Versions(), 1, [item], now=NOW)
    assert done.accepted == 1
