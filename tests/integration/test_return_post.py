"""Bounces and replies that come by mail, over a real SMTP conversation."""

import smtplib
from asyncio import to_thread
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, text

from headless import ids
from headless.channels.returned import listening
from headless.channels.returns import Returns
from headless.clock import ManualClock
from headless.storage import tables
from headless.storage.codes import MessageState
from headless.storage.database import Database, connect

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
RETURNS = Returns((b"a key of thirty-two bytes, or so",))
DSN = """\
From: MAILER-DAEMON@mx.example.com
To: {to}
Subject: Undelivered
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="B"

--B
Content-Type: text/plain

It could not be delivered.
--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; x@example.com
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 {status} {words}
--B--
"""
ARF = """\
From: fbl@mailbox.example
To: fbl@bounce.acme.com
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="B"

--B
Content-Type: text/plain

A complaint.
--B
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: x/1
Original-Mail-From: <{path}>
--B--
"""
REPLY = """\
From: Ada <{sender}>
To: replies@bounce.acme.com
Subject: Re: Hello
In-Reply-To: <{token}@acme.com>
{extra}Content-Type: text/plain; charset=utf-8

Yes, please call me!

> what you wrote
> before
"""


class PostOffice:
    """The return post over a database with one mail that was handed over."""

    def __init__(self, database: Database, port: int, message_id: int) -> None:
        self.database = database
        self.port = port
        self.token = ids.encode("msg", message_id)
        self.path = f"{RETURNS.local_part(1, message_id)}@bounce.acme.com"

    async def post(self, mail: str, to: str, sender: str = "") -> str:
        def talk() -> str:
            with smtplib.SMTP("127.0.0.1", self.port) as server:
                try:
                    server.sendmail(sender, [to], mail.replace("\n", "\r\n").encode())
                except smtplib.SMTPDataError as error:
                    return str(error.smtp_code)
                return "250"

        return await to_thread(talk)

    async def bounce(self, status: str, words: str = "", action: str = "failed") -> str:
        mail = DSN.format(to=self.path, status=status, words=words, action=action)
        return await self.post(mail, self.path)

    async def all(self, query: str) -> list[tuple[object, ...]]:
        async with self.database.transaction() as tx:
            return [tuple(row) for row in await tx.execute(text(query))]

    async def state(self) -> tuple[list[object], str, int]:
        """Suppressions, the message's state, and how many activities there are."""
        suppressed = [row[0] for row in await self.all("select reason from suppression")]
        ((state,),) = await self.all("select state from message")
        ((count,),) = await self.all("select count(*) from activity")
        return suppressed, MessageState(int(str(state))).name.lower(), int(str(count))


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[PostOffice]:
    database = connect(database_url)
    async with database.transaction() as tx:
        await tx.execute(insert(tables.workspace).values(name="Acme", created_at=NOW))
        person = await tx.scalar(
            insert(tables.contact)
            .values(
                workspace_id=1, external_id="7", email="x@example.com",
                created_at=NOW, updated_at=NOW,
            )
            .returning(tables.contact.c.id)
        )  # fmt: skip
        message_id = await tx.scalar(
            insert(tables.message)
            .values(
                workspace_id=1, contact_id=person, channel=1, ref=3, created_at=NOW, due_at=NOW,
                sent_at=NOW, state=int(MessageState.SENT),
            )
            .returning(tables.message.c.id)
        )  # fmt: skip
    clock = ManualClock(NOW)
    async with listening(database, RETURNS, clock, host="127.0.0.1", port=0) as port:
        yield PostOffice(database, port, message_id)
    await database.close()


@pytest.mark.parametrize(
    ("status", "words", "suppressed", "state"),
    [
        ("5.1.1", "user unknown", ["hard_bounce"], "skipped"),
        ("5.7.1", "blocked by policy", [], "parked"),
        ("5.2.2", "mailbox full", [], "skipped"),
        ("4.4.1", "no answer from host", [], "skipped"),
    ],
)
async def test_a_bounce(
    office: PostOffice, status: str, words: str, suppressed: list[str], state: str
) -> None:
    for _ in range(2):
        assert await office.bounce(status, words) == "250"
    found, now, activities = await office.state()
    assert (found, now) == (suppressed, state)
    assert activities == len(suppressed), "told twice, counted once"


async def test_a_delay_is_no_bounce(office: PostOffice) -> None:
    assert await office.bounce("4.4.1", action="delayed") == "550"
    assert await office.state() == ([], "sent", 0)


async def test_a_path_that_we_did_not_make_is_refused(office: PostOffice) -> None:
    torn = office.path[:5] + ("a" if office.path[5] != "a" else "b") + office.path[6:]
    mail = DSN.format(to=torn, status="5.1.1", words="unknown", action="failed")
    assert await office.post(mail, torn) == "550"
    assert await office.post("Subject: spam\n\nbuy", "anybody@example.org") == "550"
    assert await office.state() == ([], "sent", 0)


async def test_a_complaint_suppresses(office: PostOffice) -> None:
    harmless = ARF.format(kind="not-spam", path=office.path)
    assert await office.post(harmless, "fbl@bounce.acme.com") == "550"
    complaint = ARF.format(kind="abuse", path=office.path)
    assert await office.post(complaint, "fbl@bounce.acme.com") == "250"
    assert (await office.state())[0] == ["complaint"]


async def test_a_reply_is_heard_with_its_words_once(office: PostOffice) -> None:
    mail = REPLY.format(sender="X@Example.com", token=office.token, extra="")
    for _ in range(2):
        assert await office.post(mail, "replies@bounce.acme.com", "x@example.com") == "250"
    rows = await office.all("select kind, ref, properties->>'text' from activity")
    assert rows == [(5, 3, "Yes, please call me!")]


@pytest.mark.parametrize(
    "extra",
    ["Auto-Submitted: auto-replied\n", "Precedence: bulk\n", "X-Auto-Response-Suppress: All\n"],
)
async def test_a_machines_answer_is_no_reply(office: PostOffice, extra: str) -> None:
    mail = REPLY.format(sender="x@example.com", token=office.token, extra=extra)
    assert await office.post(mail, "replies@bounce.acme.com", "x@example.com") == "550"
    assert (await office.state())[2] == 0


async def test_nobody_can_reply_for_another(office: PostOffice) -> None:
    mail = REPLY.format(sender="eve@example.com", token=office.token, extra="")
    assert await office.post(mail, "replies@bounce.acme.com", "eve@example.com") == "550"
    assert (await office.state())[2] == 0
