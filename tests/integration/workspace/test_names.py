"""Everything that a campaign can name is found, made by use, or refused by name."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from headless.campaigns.publish import create
from headless.dsl.parser import parse
from headless.problems import Problem
from headless.storage import tables
from headless.storage.database import Database, connect
from headless.workspace.catalogue import load
from headless.workspace.names import made, resolve

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
TEXT = """\
from form Demo, segment Leads
send sms Hello
send push message News
send message Offer
send email Welcome
send webhook Hook
push to CRM
show content Hero in slot Top
set stage to Customer
set owner to one of (anna, ben)
add to company Acme
add points 5 in group Loyalty
when visited page Pricing or downloaded asset Guide or requested slot Top within 3d do
  add tag hot
end
if answer Demo.budget > 10 and company.size > 5 and stage is Customer then exit
"""
MUST_EXIST = {
    "form": ["Demo"], "sms": ["Hello"], "push message": ["News"], "message": ["Offer"],
    "slot": ["Top"], "content": ["Hero"], "stage": ["Customer"], "owner": ["anna", "ben"],
    "page": ["Pricing"], "asset": ["Guide"],
}  # fmt: skip


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made_ = connect(database_url)
    common = {"workspace_id": 1, "created_at": NOW}
    both = {**common, "updated_at": NOW}
    async with made_.transaction() as tx:
        await tx.execute(insert(tables.workspace).values(name="A", created_at=NOW))
        for kind, names in MUST_EXIST.items():
            await made(tx, 1, kind, names, now=NOW)
        await tx.execute(tables.form.update().values(fields={"budget": "number"}))
        await tx.execute(insert(tables.company_field).values(name="size", type="number", **common))
        await tx.execute(insert(tables.segment).values(name="Leads", **common))
        await tx.execute(insert(tables.email).values(name="Welcome", **both))
        await tx.execute(
            insert(tables.email_version).values(
                email_id=1, version=1, subject="s", html="h", **common
            )
        )
        await tx.execute(insert(tables.webhook).values(name="Hook", url="https://x.io/", **both))
        await tx.execute(insert(tables.integration).values(name="CRM", provider="http", **both))
    yield made_
    await made_.close()


async def test_every_kind_of_name_is_resolved_and_typed(database: Database) -> None:
    tree = parse(TEXT).campaign
    assert tree is not None
    async with database.transaction() as tx:
        names = await resolve(tx, 1, [tree], now=NOW)
    assert {key.partition(":")[0] for key in names.ids} == {
        *MUST_EXIST, "segment", "email", "webhook", "integration", "company", "group", "tag",
    }  # fmt: skip
    assert names.answer("Demo", "budget") == "number"
    assert names.company_field("size") == "number"
    assert names.id("owner", "ben") != names.id("owner", "ANNA")


async def test_the_catalogue_knows_all_of_them(database: Database) -> None:
    async with database.transaction() as tx:
        known = await load(tx, 1)
    assert known.forms
    assert known.forms["Demo"].fields == {"budget": "number"}
    assert known.company_fields
    assert known.company_fields["size"] == "number"
    for place in ("stages", "owners", "pages", "slots", "sms", "push_messages", "webhooks"):
        assert getattr(known, place), place


@pytest.mark.parametrize(
    "step",
    [
        "send sms Nope", "send push message Nope", "send message Nope", "send webhook Nope",
        "push to Nope", "show content Nope in slot Top", "set stage to Nope",
        "set owner to Nope", "when downloaded asset Nope within 1d then exit",
        "when requested slot Nope within 1d then exit", "if stage is Nope then exit",
        "when visited page Nope within 1d then exit",
        "when submitted form Nope within 1d then exit",
    ],
)  # fmt: skip
async def test_a_name_that_is_not_there_is_refused(database: Database, step: str) -> None:
    async with database.transaction() as tx:
        with pytest.raises(Problem) as refused:
            await create(tx, 1, step, name="x", now=NOW)
    assert refused.value.code == "invalid_text"
    assert [fault.code for fault in refused.value.extra["faults"]][:1] == ["E200"]
