"""Mails a second: claimed, composed for each contact, handed over by SMTP, settled, and kept.

The sink is the development mail server in a process of its own; it writes every mail to the same
PostgreSQL before it answers. The floor is what that sink takes when the very same bytes are thrown
at it over the same number of connections, with nothing claimed, composed or settled.
"""

import asyncio
import contextlib
import itertools
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import uvloop
from sqlalchemy import func, insert, select, text, update

from benchmarks.results import Result, show
from headless.channels import outbox
from headless.channels.email import EmailCourier
from headless.channels.links import Links
from headless.channels.ports import NullSender, Sender
from headless.channels.smtp import SmtpSender, parse_url
from headless.content import emails
from headless.content.drafts import Draft
from headless.storage import migrate, tables
from headless.storage.codes import MessageState
from headless.storage.database import Database, connect
from headless.storage.embedded import embedded

START: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)
COUNT: Final = 10_000
WIDTH: Final = 48
TARGET: Final = 2_000
LINKS: Final = Links((b"a key of thirty-two bytes, or so",), "https://c.example.com")
HTML: Final = """<html><body style="font-family:sans-serif">
<h1>Hello {{ contact.first_name | default: "there" }},</h1>
<p>Good that you are here in {{ contact.city }}. You have {{ contact.points }} points by now,
{% if contact.points > 50 %}which is a lot{% else %}and more to come{% endif %}.</p>
<p><a href="https://shop.example.com/new">What is new</a>,
<a href="https://shop.example.com/sale?from=mail&amp;week=2">what is on sale</a>, and
<a href="https://shop.example.com/account">your account</a>.</p>
<p>Yours, {{ workspace.name }}</p></body></html>"""

_SINK: Final = """
import asyncio, sys
import uvloop
from headless.channels.sink import run_sink
from headless.storage.database import connect

async def main(url):
    async with run_sink(connect(url)) as sink:
        print(sink.url, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

uvloop.run(main(sys.argv[1]))
"""


@contextlib.asynccontextmanager
async def _sink(database: Database) -> AsyncIterator[str]:
    address = database.engine.url.set(drivername="postgresql")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SINK, address.render_as_string(hide_password=False),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        await process.wait()


async def _prepare(database: Database, count: int) -> int:
    async with database.transaction() as tx:
        workspace_id = await tx.scalar(
            insert(tables.workspace)
            .values(name="Bench mail", created_at=START, postal_address="1 Long Street")
            .returning(tables.workspace.c.id)
        )
        saved = await emails.create(
            tx,
            workspace_id=workspace_id,
            draft=Draft(name="Bench", subject="Hello {{ contact.first_name }}", html=HTML),
            now=START,
        )
        values = {"w": workspace_id, "e": saved.email.id, "now": START, "n": count}
        await tx.execute(
            text("""
                with people as (
                  insert into contact (workspace_id, email, points, fields, created_at, updated_at)
                  select :w, 'user' || g || '@example.org', g % 100,
                         jsonb_build_object('first_name', 'Name' || g, 'city', 'Zürich'), :now, :now
                    from generate_series(1, :n) g
                  returning id)
                insert into message (workspace_id, contact_id, channel, ref, created_at, due_at)
                select :w, id, 1, :e, :now, :now from people"""),
            values,
        )
    async with database.engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("vacuum analyze contact, message, email, email_version"))
    return int(workspace_id)


async def _deliver(database: Database, workspace_id: int, sender: Sender, count: int) -> float:
    courier = EmailCourier(LINKS, sender)
    began = time.perf_counter()
    sent = 0
    more = True
    while more:
        done = await outbox.deliver(
            database, courier, workspace_id=workspace_id, now=START, batch=2_000
        )
        sent, more = sent + done.sent, done.more
    took = time.perf_counter() - began
    assert sent == count, f"{sent} of {count} were sent"
    return took


async def _again(database: Database, workspace_id: int) -> None:
    async with database.transaction() as tx:
        await tx.execute(
            update(tables.message)
            .where(tables.message.c.workspace_id == workspace_id)
            .values(state=int(MessageState.PENDING), attempts=0, sent_at=None, due_at=START)
        )
    async with database.engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("vacuum analyze message"))


async def _flood(sender: Sender, bodies: list[bytes]) -> float:
    """The sink's own limit: bytes that are ready, over connections that are always busy."""
    numbers = itertools.count()

    async def keep_busy() -> None:
        while (number := next(numbers)) < len(bodies):
            answer = await sender.send(
                "hello@example.com", f"user{number}@example.org", bodies[number]
            )
            assert answer.verdict.value == "sent", answer

    began = time.perf_counter()
    await asyncio.gather(*(keep_busy() for _ in range(sender.width)))
    return time.perf_counter() - began


async def _kept(database: Database) -> list[bytes]:
    async with database.transaction() as tx:
        mails = tables.inbox_mail.c
        bodies = (await tx.execute(select(mails.raw))).scalars().all()
        people = await tx.scalar(select(func.count(mails.recipient.distinct())))
        assert people == len(bodies), "a mail came twice"
        return [bytes(body) for body in bodies]


async def run(database: Database, count: int = COUNT) -> list[Result]:
    """The figures of sending."""
    workspace_id = await _prepare(database, count)
    address = database.engine.url.set(drivername="postgresql")
    workers = connect(address.render_as_string(hide_password=False))
    try:
        nowhere = await _deliver(workers, workspace_id, NullSender(WIDTH), count)
        await _again(database, workspace_id)
        async with _sink(database) as url:
            sender = SmtpSender(parse_url(url), width=WIDTH)
            took = await _deliver(workers, workspace_id, sender, count)
            floor = await _flood(sender, await _kept(database))
            await sender.close()
    finally:
        await workers.close()
    rate, limit = count / took, count / floor
    return [
        Result(
            name=f"personalised mails a second over SMTP, {WIDTH} connections",
            value=rate,
            unit="/s",
            floor=limit,
            ratio=took / floor,
            target=float(TARGET),
            reached=rate >= TARGET or took <= 1.25 * floor,
        ),
        Result(
            name="personalised mails a second, handed to nobody", value=count / nowhere, unit="/s"
        ),
    ]


async def _alone(url: str) -> list[Result]:
    database = connect(url)
    await migrate.migrate(database)
    try:
        return await run(database)
    finally:
        await database.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place, embedded(Path(place) / "data") as servers:
        show(uvloop.run(_alone(servers.database_url)))
