"""All that the processes log while a mail is refused and the database complains: nobody's name."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from integration.operation.processes import House, answering, furnish, post, until, value
from mail_double import MailDouble
from sqlalchemy import text

from headless.storage.codes import MessageState
from headless.storage.database import Database, connect

ADA = "ada.lovelace@people.test"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = connect(database_url, pool_size=2)
    yield database
    await database.close()


async def test_no_log_names_anybody(
    database: Database, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    written, log = await furnish(database), tmp_path / "log"
    message = await post(database, written, "ada")
    async with database.transaction() as tx:  # so that an insert fails with the row in its detail
        await tx.execute(text("alter table contact add constraint none check (phone is null)"))
    async with MailDouble() as world:
        world.rcpt[ADA] = [f"550 5.1.1 <{ADA}> is unknown here"]
        house = House(
            database_url, redis_url, tmp_path, HEADLESS_SMTP_URL=world.url,
            HEADLESS_LOG_LEVEL="debug",
        )  # fmt: skip
        async with house.process("serve", log=log), house.process("work", log=log):
            await answering(house.url)
            headers = {"Authorization": f"Bearer {written.token}"}
            async with httpx.AsyncClient(base_url=house.url, headers=headers) as client:
                new = {"email": "byron.lovelace@people.test", "phone": "+491701234567"}
                broken = await client.post("/v1/contacts", json=new)
                assert broken.status_code == 500
                assert (await client.get("/u/" + "A" * 40)).status_code == 404
                assert (await client.get(f"/v1/emails?{ADA}")).status_code == 400
            state = "select state from message where id = :id"
            skipped = MessageState.SKIPPED

            async def is_skipped() -> bool:
                return bool(await value(database, state, id=message) == skipped)

            await until(is_skipped, "the mail was refused")
    said = log.read_text()
    assert 'constraint \\"none\\"' in said  # the complaint itself is there
    for personal in ("lovelace", "1701234567", written.token, "A" * 12, "k" * 40):
        assert personal.lower() not in said.lower(), personal
