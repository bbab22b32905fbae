"""An installation as an operator has it: commands and processes over a database, and a mailbox."""

import asyncio
import io
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from forker import start
from sqlalchemy import insert, text

from headless.cli import main
from headless.cli.ports import any_free
from headless.storage import tables
from headless.storage.codes import Channel
from headless.storage.database import Database
from headless.workspace import tokens, workspaces

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ENDS = 60


class Done(NamedTuple):
    """What a command ended with and said."""

    code: int
    stdout: str
    stderr: str


class House:
    """The environment of an installation and its commands."""

    def __init__(self, database_url: str, redis_url: str, place: Path, **more: str) -> None:
        kept = {n: t for n, t in os.environ.items() if not n.startswith("HEADLESS_")}
        port = any_free("127.0.0.1")
        self.url = f"http://127.0.0.1:{port}"
        self.environ = kept | {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "HEADLESS_SECRET_KEYS": "k" * 40,
            "HEADLESS_DATA_DIR": str(place),
            "HEADLESS_PORT": str(port),
            "HEADLESS_URL": "https://c.acme.test",
            **more,
        }

    async def run(self, *words: str, code: int = 0) -> Done:
        """A command that ends, in a thread of this process: the imports are paid for once."""
        done = await asyncio.to_thread(self._run, list(words))
        assert done.code == code, done.stderr + done.stdout
        return done

    def _run(self, words: list[str]) -> Done:
        out, err, kept, code = io.StringIO(), io.StringIO(), dict(os.environ), 0
        os.environ.clear()
        os.environ.update(self.environ)
        try:
            with redirect_stdout(out), redirect_stderr(err):
                main(words)
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            os.environ.clear()
            os.environ.update(kept)
        return Done(code, out.getvalue(), err.getvalue())

    @asynccontextmanager
    async def process(self, *words: str, log: Path | None = None) -> AsyncIterator[Any]:
        """A process for the length of the block; stopped as an operator stops it."""
        running = await asyncio.to_thread(start, words, self.environ, log or Path(os.devnull))
        try:
            yield running
        finally:
            if running.returncode is None:
                running.terminate()
            async with asyncio.timeout(ENDS):
                await running.wait()


async def until(true: Callable[[], Awaitable[Any]], what: str) -> Any:
    """What `true` answers once it is true."""
    try:
        async with asyncio.timeout(ENDS):
            while not (answer := await true()):
                await asyncio.sleep(0.05)
            return answer
    except TimeoutError as error:
        raise AssertionError(f"never {what}") from error


async def answering(url: str, path: str = "/healthz", token: str = "") -> httpx.Response:
    """The answer of a server, as soon as it gives one."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(base_url=url, timeout=10, headers=headers) as client:

        async def ask() -> httpx.Response | None:
            try:
                return await client.get(path)
            except httpx.TransportError:
                return None

        answer: httpx.Response = await until(ask, f"{url} answered")
        return answer


class Written:
    """A live workspace with one email, two contacts and a token, written into a database."""

    def __init__(self, workspace: int, email: int, token: str, contacts: dict[str, int]) -> None:
        self.workspace, self.email, self.token = workspace, email, token
        self.contacts = contacts


async def furnish(database: Database) -> Written:
    async with database.transaction() as tx:
        house = await workspaces.create(tx, "Acme", now=START, mode="live")
        own = {"workspace_id": house.id}
        _, token = await tokens.make(tx, house.id, "ops", ["admin"], kind="live", now=START)
        email = await tx.scalar(
            insert(tables.email)
            .values(**own, name="Hello", created_at=START, updated_at=START)
            .returning(tables.email.c.id)
        )
        await tx.execute(
            insert(tables.email_version).values(
                **own, email_id=email, version=1, created_at=START, subject="Hello",
                html="<p>Hello</p>", sender="Acme <hello@acme.test>",
            )
        )  # fmt: skip
        contacts = {}
        for name in ("ada", "bob"):
            contacts[name] = await tx.scalar(
                insert(tables.contact)
                .values(
                    **own, email=f"{name}.lovelace@people.test", created_at=START, updated_at=START,
                    fields={"last_name": "Lovelace", "age": 36},
                )
                .returning(tables.contact.c.id)
            )  # fmt: skip
    return Written(house.id, email, token, contacts)


async def post(database: Database, written: Written, name: str) -> int:
    """A message to a contact that is due at once."""
    async with database.transaction() as tx:
        made: int = await tx.scalar(
            insert(tables.message)
            .values(
                workspace_id=written.workspace, contact_id=written.contacts[name],
                channel=int(Channel.EMAIL), ref=written.email, created_at=START, due_at=START,
            )
            .returning(tables.message.c.id)
        )  # fmt: skip
    return made


async def value(database: Database, sql: str, **parameters: object) -> Any:
    async with database.transaction() as tx:
        return await tx.scalar(text(sql), parameters)
