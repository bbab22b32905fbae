"""A backup that is restored comes up held, a copy hands nothing over: with real processes."""

import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from integration.operation.processes import House, Written, answering, furnish, post, until, value
from mail_double import MailDouble
from servers import TestServers
from sqlalchemy import text

from headless.channels.restored import Gate, arrive
from headless.channels.suppressions import Suppress, suppress
from headless.storage import dumps
from headless.storage.codes import Channel, MessageState
from headless.storage.database import Database, connect
from headless.storage.diary import Diary

ADA, BOB = "ada.lovelace@people.test", "bob.lovelace@people.test"
STATE = "select state from message where id = :id"


@pytest.fixture
async def origin(database_url: str) -> AsyncIterator[Database]:
    database = connect(database_url, pool_size=2)
    yield database
    await database.close()


async def state(database: Database, message: int) -> MessageState:
    return MessageState(await value(database, STATE, id=message))


async def furnished(origin: Database, url: str = "https://c.acme.test") -> Written:
    written = await furnish(origin)
    await arrive(origin, url, now=await origin.now())
    return written


async def test_a_restored_backup_comes_up_held(
    origin: Database, database_url: str, redis_url: str, servers: TestServers, tmp_path: Path
) -> None:
    written = await furnished(origin)
    waiting = await post(origin, written, "ada")
    dump = tmp_path / "h.dump"
    async with MailDouble() as world:
        house = House(database_url, redis_url, tmp_path, HEADLESS_SMTP_URL=world.url)
        await house.run("backup", str(dump))
        async with house.process("work"):
            await until(lambda: _taken(world, ADA), "the mail went out after the backup")
        origin.diary = Diary(tmp_path / "suppressions.log")
        async with origin.transaction() as tx:  # as an unsubscription does, after the backup
            gone = Suppress(
                contact_id=written.contacts["bob"], reason="unsubscribed", source="x",
                at=await origin.now(),
            )  # fmt: skip
            await suppress(tx, written.workspace, Channel.EMAIL, [gone], now=gone.at)
        with servers.database("template0") as second_url:
            again = House(second_url, redis_url, tmp_path, HEADLESS_SMTP_URL=world.url)
            told = json.loads((await again.run("restore", str(dump), "--json")).stdout)
            assert (told["held"], told["suppressions"]) == (True, 1)
            assert [row["messages"] for row in told["uncertain"]] == [1]
            second = connect(second_url, pool_size=2)
            async with again.process("work"):
                later = await post(second, written, "ada")
                await until(lambda: _is(second, later, MessageState.UNCERTAIN), "set aside")
                assert await state(second, waiting) is MessageState.UNCERTAIN
                assert world.taken == {ADA: 1}
                await again.run("release", "--drop")
                assert later > waiting + 1_000_000  # no number means two messages
                to_ada, to_bob = [await post(second, written, who) for who in ("ada", "bob")]
                await until(
                    lambda: _is(second, to_ada, MessageState.SENT), "sent after the release"
                )
                await until(lambda: _is(second, to_bob, MessageState.SKIPPED), "held for Bob")
                assert world.taken == {ADA: 2}
                assert await state(second, waiting) is MessageState.SKIPPED
            await second.close()


async def test_a_dump_that_others_restored_is_held_as_well(
    origin: Database, database_url: str, servers: TestServers, tmp_path: Path
) -> None:
    written = await furnished(origin)
    waiting = await post(origin, written, "ada")
    dump = tmp_path / "h.dump"
    dumps.dump(database_url, dump)
    assert dump.stat().st_mode & 0o777 == 0o600
    now = await origin.now()
    assert await Gate(origin, "https://c.acme.test", lambda: now).open()
    with servers.database("template0") as second_url:
        dumps.restore(second_url, dump)
        second = connect(second_url, pool_size=2)
        gate = Gate(second, "https://c.acme.test", lambda: now)
        assert not await gate.open()
        assert await state(second, waiting) is MessageState.UNCERTAIN
        held = "select count(*) from hold where actor = 'restore' and scope = 'workspace'"
        assert await value(second, held) == 1
        async with second.transaction() as tx:  # as `headless hold off` does
            await tx.execute(text("delete from hold"))
        assert not await gate.open()  # what became due until now is set aside once more
        assert await gate.open()
        await second.close()


async def test_a_copy_cannot_mail(
    origin: Database, database_url: str, redis_url: str, servers: TestServers, tmp_path: Path
) -> None:
    written = await furnished(origin)
    waiting = await post(origin, written, "ada")
    dump = tmp_path / "h.dump"
    async with MailDouble() as world:
        house = House(database_url, redis_url, tmp_path)
        await house.run("backup", str(dump))
        with servers.database("template0") as copy_url:
            staging = House(
                copy_url, redis_url, tmp_path, HEADLESS_SMTP_URL=world.url,
                HEADLESS_URL="https://staging.acme.test",
            )  # fmt: skip
            await staging.run("restore", str(dump), "--same-installation")
            copy = connect(copy_url, pool_size=2)
            log = tmp_path / "worker.log"
            async with staging.process("serve", log=log), staging.process("work", log=log):
                answer = await answering(staging.url)
                assert answer.headers["headless-mode"] == "copy"
                bearer = {"Authorization": f"Bearer {written.token}"}
                async with httpx.AsyncClient(base_url=staging.url, headers=bearer) as client:
                    ping = await client.post("/v1/webhooks/whk_0000000000000/ping")
                assert (ping.status_code, ping.json()["code"]) == (409, "held")
                await until(lambda: _says(log, "nothing_is_sent"), "the worker said so")
                seen = "select max(seen_at) > :since from worker"
                now = await copy.now()
                await until(lambda: value(copy, seen, since=now), "it looked again")
                assert await state(copy, waiting) is MessageState.PENDING
                refused = await staging.run("anonymise", code=2)
                assert "--yes" in refused.stderr
            await staging.run("anonymise", "--yes")
            dumps.dump(copy_url, tmp_path / "anonymous.dump")
            plain = _plain(tmp_path / "anonymous.dump")
            assert "Lovelace" not in plain
            assert "people.test" not in plain
            assert written.token[:12] not in plain
            assert "example.invalid" in plain
            async with staging.process("work"):
                after = await post(copy, written, "ada")
                await until(lambda: _is(copy, after, MessageState.SENT), "it plays")
            assert world.taken == {f"c{written.contacts['ada']}@example.invalid": 1}
            await copy.close()


async def test_a_copy_that_is_adopted_speaks(
    origin: Database, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    written = await furnished(origin, "https://old.acme.test")
    waiting = await post(origin, written, "ada")
    async with MailDouble() as world:
        house = House(database_url, redis_url, tmp_path, HEADLESS_SMTP_URL=world.url)
        await house.run("adopt", "--yes")
        async with house.process("work"):
            await until(lambda: _is(origin, waiting, MessageState.SENT), "sent")
        assert world.taken == {ADA: 1}
    again = await house.run("adopt", "--yes")
    assert json.loads(again.stdout)["adopted"] is False


async def test_a_restore_throws_nothing_away_unasked(
    origin: Database, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    await furnished(origin)
    house = House(database_url, redis_url, tmp_path)
    dump = tmp_path / "h.dump"
    await house.run("backup", str(dump))
    refused = await house.run("restore", str(dump), code=5)
    assert "--replace" in refused.stderr
    (tmp_path / "no.dump").write_text("this is no dump")
    unread = await house.run("restore", str(tmp_path / "no.dump"), "--replace", code=1)
    assert "pg_restore" in unread.stderr
    assert await value(origin, "select count(*) from contact") == 2
    await house.run("restore", str(dump), "--replace")
    assert await value(origin, "select count(*) from hold") == 1


async def _taken(world: MailDouble, address: str) -> int:
    return world.taken[address]


async def _is(database: Database, message: int, wanted: MessageState) -> bool:
    return await state(database, message) is wanted


async def _says(log: Path, word: str) -> bool:
    return log.exists() and word in log.read_text()


def _plain(dump: Path) -> str:
    program = dumps.program("pg_restore")
    done = subprocess.run([program, "-f", "-", str(dump)], capture_output=True, check=True)
    return done.stdout.decode(errors="replace")
