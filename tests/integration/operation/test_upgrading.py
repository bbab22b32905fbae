"""The command lines of an operator: up under a service manager, migrate, keys that change."""

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from integration.operation.processes import START, House, answering, furnish, post, value
from sqlalchemy import insert, text

from headless.channels.links import Links
from headless.cli.ports import any_free
from headless.seals import SealError, Seals
from headless.storage import migrate, revisions, tables
from headless.storage.codes import Channel
from headless.storage.database import Database, connect

OLD, NEW = "o" * 40, "n" * 40


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = connect(database_url, pool_size=2)
    yield database
    await database.close()


async def test_up_tells_the_service_manager(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    place = tmp_path / "notify"
    port = any_free("127.0.0.1")
    url = f"http://127.0.0.1:{port}"
    house = House(database_url, redis_url, tmp_path / "data", NOTIFY_SOCKET=str(place))
    words = ("up", "--url", url, "--port", str(port), "--data-dir", str(tmp_path / "data"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(place))
        line.settimeout(90)
        async with house.process(*words) as running:
            told = await asyncio.to_thread(line.recv, 1000)
            assert told.startswith(b"READY=1")
            async with httpx.AsyncClient(base_url=url) as client:
                assert (await client.get("/readyz")).json()["ready"] is True
                assert (await client.get("/dev/inbox")).status_code == 404
            made = await house.run("tokens", "create", "--admin")
            assert made.stdout.startswith("hk_test_")
            running.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(line.recv, 1000) == b"STOPPING=1"
            async with asyncio.timeout(60):
                assert await running.wait() == 0


async def test_migrate_says_what_it_would_do_and_waits_for_nobody_long(
    empty_database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(empty_database_url, redis_url, tmp_path)
    planned = json.loads((await house.run("migrate", "--plan", "--json")).stdout)
    assert planned["schema"] is None
    assert [change["revision"] for change in planned["changes"]] == ["0001"]
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 1)
    empty = connect(empty_database_url, pool_size=1)
    other = connect(empty_database_url, pool_size=1)
    async with other.transaction() as tx:
        await tx.execute(text(f"select pg_advisory_xact_lock({migrate._LOCK})"))
        with pytest.raises(migrate.BusyError):
            await migrate.migrate(empty, tries=1)
    await migrate.migrate(empty, tries=1)
    assert revisions.standing(await revisions.current(empty)) == "current"
    async with empty.transaction() as tx:
        await tx.execute(text("update alembic_version set version_num = '9999'"))
    assert revisions.standing(await revisions.current(empty)) == "newer"
    await migrate.migrate(empty, tries=1)  # a later release's: left as it is
    assert await revisions.current(empty) == "9999"
    for each in (empty, other):
        await each.close()


async def test_secrets_go_under_the_newest_key(
    database: Database, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    written = await furnish(database)
    sealed = Seals([OLD.encode()]).seal(written.workspace, b"{}")
    async with database.transaction() as tx:
        await tx.execute(
            insert(tables.channel).values(
                workspace_id=written.workspace, name="Own", kind=int(Channel.EMAIL),
                provider="smtp", settings={}, secrets=sealed, created_at=START, updated_at=START,
            )
        )  # fmt: skip
    house = House(database_url, redis_url, tmp_path, HEADLESS_SECRET_KEYS=f"{NEW} {OLD}")
    told = await house.run("doctor", "--json", code=1)
    found = {finding["about"]: finding for finding in json.loads(told.stdout)}
    assert found["secrets"]["fix"] == "headless secrets rewrap"
    done = json.loads((await house.run("secrets", "rewrap", "--json")).stdout)
    assert done == {"newest": 0, "older": 1, "lost": 0}
    kept = await value(database, "select secrets from channel")
    assert Seals([NEW.encode()]).open(written.workspace, kept) == b"{}"
    with pytest.raises(SealError):
        Seals([OLD.encode()]).open(written.workspace, kept)
    message = await post(database, written, "ada")
    links = Links((OLD.encode(),), house.url)
    last_year = links.url(
        "unsubscribe", workspace_id=written.workspace, message_id=message, made=START
    )
    async with house.process("serve"):
        path = last_year.removeprefix(house.url)
        assert (await answering(house.url, path)).status_code == 200
    house.environ["HEADLESS_SECRET_KEYS"] = "x" * 40
    lost = await house.run("secrets", "rewrap", code=1)
    assert "put the key back" in lost.stderr
