"""The development mail server, over real connections: everything kept, nothing changed."""

import asyncio
import smtplib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from headless.channels import inbox, sink
from headless.channels.sink import Sink, run_sink
from headless.clock import ManualClock
from headless.storage.database import Database, connect
from headless.storage.tables import inbox_mail

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = connect(database_url)
    yield made
    await made.close()


@pytest.fixture
async def server(database: Database) -> AsyncIterator[Sink]:
    async with run_sink(database, clock=ManualClock(NOW)) as made:
        yield made


async def raws(database: Database) -> list[tuple[str, bytes]]:
    async with database.transaction() as tx:
        rows = await tx.execute(
            select(inbox_mail.c.recipient, inbox_mail.c.raw).order_by(inbox_mail.c.id)
        )
        return [(row.recipient, bytes(row.raw)) for row in rows]


BODIES = [
    "Subject: x\r\n\r\n.\r\n..\r\n.dots\r\nend.\r\n",
    "Subject: x\r\n\r\nEnds with a dot.\r\n.\r\n",
    "\r\n",
    "Subject: long\r\n\r\n" + "x" * 70_000 + "\r\n" + "line.\r\n" * 3_000,
]


@pytest.mark.parametrize("body", BODIES)
async def test_mails_are_kept_as_they_were_sent(
    database: Database, server: Sink, body: str
) -> None:
    def send() -> None:
        with smtplib.SMTP("127.0.0.1", server.port) as client:
            client.sendmail("a@b.example", ['"odd one"@c.example', "x@c.example"], body)

    await asyncio.to_thread(send)
    assert await raws(database) == [
        ('"odd one"@c.example', body.encode()),
        ("x@c.example", body.encode()),
    ]


async def say(port: int, *lines: bytes) -> list[bytes]:
    """A conversation by hand; the answers' codes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    codes = [(await reader.readline())[:3]]
    for line in lines:
        writer.write(line)
        while True:
            answer = await reader.readline()
            if answer[3:4] != b"-":
                break
        codes.append(answer[:3])
    writer.close()
    await writer.wait_closed()
    return codes


async def test_a_conversation_out_of_turn_is_refused(database: Database, server: Sink) -> None:
    codes = await say(
        server.port,
        b"EHLO me\r\n",
        b"DATA\r\n",
        b"MAIL FROM:nonsense<\r\n",
        b"MAIL FROM:<a@b.example> SIZE=99999999999\r\n",
        b"MAIL FROM:<a@b.example> SIZE=10 BODY=8BITMIME\r\n",
        b"DATA\r\n",
        b"RCPT TO:<x@c.example>\r\n",
        b"DATA now\r\n",
        b"DATA\r\n",
        b".\r\n",
    )
    assert codes == [
        *(b"220", b"250", b"503", b"501", b"552", b"250", b"503", b"250", b"501", b"354", b"250")
    ]
    assert await raws(database) == [("x@c.example", b"")]


async def test_commands_in_one_breath_are_answered_in_their_order(
    database: Database, server: Sink
) -> None:
    """RFC 2920; and what is out of turn is refused in one breath as it is in several."""
    breath = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<%b@c.example>\r\nDATA\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)

    async def answers(to_say: bytes, count: int) -> list[bytes]:
        writer.write(to_say)
        return [(await reader.readline())[:3] for _ in range(count)]

    assert await answers(breath % b"early", 4) == [b"220", b"503", b"503", b"503"]
    assert await answers(b"HELO me\r\n", 1) == [b"250"]
    assert await answers(breath % b"x", 3) == [b"250", b"250", b"354"]
    assert await answers(b"one\r\n..\r\n.\r\n" + breath % b"y", 4) == [
        *(b"250", b"250", b"250", b"354")
    ]
    assert await answers(b"two\r\n.\r\nMAIL FROM:<a@b.example>\r\n" + breath % b"z", 5) == [
        *(b"250", b"250", b"503", b"250", b"354")
    ]
    assert await answers(b"three\r\n.\r\nQUIT\r\n", 2) == [b"250", b"221"]
    writer.close()
    assert await raws(database) == [
        ("x@c.example", b"one\r\n.\r\n"), ("y@c.example", b"two\r\n"),
        ("z@c.example", b"three\r\n"),
    ]  # fmt: skip


async def test_a_mail_that_is_too_large_is_refused(
    database: Database, server: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink, "SIZE_LIMIT", 1_000)
    codes = await say(
        server.port,
        b"EHLO me\r\n",
        b"MAIL FROM:<a@b.example>\r\n",
        b"RCPT TO:<x@c.example>\r\n",
        b"DATA\r\n",
        b"x" * 2_000 + b"\r\n.\r\n",
    )
    assert codes[-1] == b"552"
    assert await raws(database) == []


async def test_the_inbox_lists_waits_and_forgets(database: Database, server: Sink) -> None:
    def send(to: str, subject: str) -> None:
        with smtplib.SMTP("127.0.0.1", server.port) as client:
            client.sendmail("a@b.example", [to], f"Subject: {subject}\r\n\r\nhi\r\n")

    assert await inbox.wait_for(database, to="ada@c.example", seconds=0) == []
    await asyncio.to_thread(send, "Ada@c.example", "one")
    await asyncio.to_thread(send, "bob@c.example", "two")
    (one,) = await inbox.wait_for(database, to=" ada@C.example", seconds=5)
    assert (one.subject, one.received_at) == ("one", NOW)
    later = asyncio.create_task(
        inbox.wait_for(database, to="ada@c.example", after_id=one.id, seconds=20)
    )
    await asyncio.to_thread(send, "ada@c.example", "three")
    assert [mail.subject for mail in await later] == ["three"]
    async with database.transaction() as tx:
        newest = await inbox.listing(tx, limit=2)
        assert [mail.subject for mail in newest] == ["three", "two"]
        older = await inbox.listing(tx, before_id=newest[-1].id)
        assert [mail.subject for mail in older] == ["one"]
        (three, two) = await inbox.details(tx, [mail.id for mail in reversed(newest)])
        assert (two.text, three.html) == ("hi\n", "")
        assert await inbox.get(tx, 10**9) is None
        assert await inbox.clear(tx) == 3
        assert await inbox.listing(tx) == []


async def test_the_port_may_be_taken(database: Database, server: Sink) -> None:
    with pytest.raises(OSError, match="in use"):
        await Sink(database, port=server.port).start()
