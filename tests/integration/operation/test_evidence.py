"""What is uncertain after a restore settles itself when the provider tells what came of it."""

from collections.abc import AsyncIterator

import pytest
from integration.operation.processes import Written, furnish, post, value
from sqlalchemy import text

from headless.channels.reports import taking
from headless.channels.reports.report import Fate, Report
from headless.storage.codes import Channel, MessageState
from headless.storage.database import Database, connect


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = connect(database_url, pool_size=2)
    yield database
    await database.close()


async def told(database: Database, written: Written, message: int, fate: Fate) -> MessageState:
    now = await database.now()
    async with database.transaction() as tx:
        report = Report(fate=fate, key=f"{fate.value}:{message}", message_id=message, at=now)
        own = (tx, written.workspace, Channel.EMAIL, [report])
        assert await taking.apply(*own, source="test", now=now) == 1
    return MessageState(await value(database, "select state from message where id = :m", m=message))


@pytest.mark.parametrize(
    ("fate", "state"),
    [
        (Fate.DELIVERED, MessageState.SENT),
        (Fate.OPENED, MessageState.SENT),
        (Fate.COMPLAINED, MessageState.SENT),
        (Fate.LATER, MessageState.UNCERTAIN),
        (Fate.DEAD, MessageState.SKIPPED),
        (Fate.REFUSED, MessageState.PARKED),
    ],
)
async def test_a_report_settles_what_is_uncertain(
    database: Database, fate: Fate, state: MessageState
) -> None:
    written = await furnish(database)
    message = await post(database, written, "ada")
    async with database.transaction() as tx:
        await tx.execute(text("update message set state = 5"))
    assert await told(database, written, message, fate) is state
    sent = await value(database, "select sent_at is not null from message where id = :m", m=message)
    assert sent is (fate is not Fate.LATER)


async def test_a_report_brings_back_nothing_that_was_dropped(database: Database) -> None:
    written = await furnish(database)
    message = await post(database, written, "ada")
    async with database.transaction() as tx:
        await tx.execute(text("update message set state = 3"))
    assert await told(database, written, message, Fate.DELIVERED) is MessageState.SKIPPED
