"""The development mail server: takes every mail, keeps it, sends nothing on.

A mail is in the database before its 250 is answered; what arrives in the same moment is written in
one COPY, so that keeping them costs less than receiving them. The only user of aiosmtpd. Imports
storage and `clock`.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Any, Final

from aiosmtpd.smtp import SMTP, Envelope, Session

from headless.clock import Clock, SystemClock
from headless.storage.database import Database

SIZE_LIMIT: Final = 25 * 1024 * 1024
_TOGETHER: Final = 500
_COLUMNS: Final = ("received_at", "sender", "recipient", "subject", "message_id", "raw")
_SUBJECT: Final = re.compile(rb"^subject:[ \t]*(.*(?:\r?\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE)
_OURS: Final = re.compile(rb"^message-id:[ \t]*<(msg_[0-9a-z]{13})@", re.IGNORECASE | re.MULTILINE)
_ADDRESS: Final = re.compile(r"<([A-Za-z0-9._+=-]+@[A-Za-z0-9.-]+)>(?: +(\S.*))?")
_SENDER: Final = re.compile(r"FROM:<([A-Za-z0-9._+=-]+@[A-Za-z0-9.-]+)>", re.IGNORECASE)
_BREATH: Final = re.compile(
    rb"RCPT TO:<([A-Za-z0-9._+=-]+@[A-Za-z0-9.-]+)>\r\nDATA\r\n", re.IGNORECASE
)
_GO_ON: Final = "354 End data with <CR><LF>.<CR><LF>"
_Record = tuple[Any, ...]


class _Conversation(SMTP):
    """aiosmtpd's, but a mail is read in one piece and plain addresses are seen at a glance.

    aiosmtpd reads line by line and parses addresses with the whole grammar of RFC 5322, which is
    half of its time. Commands that came in one breath (RFC 2920) are answered in one, too.
    """

    line_length_limit = SIZE_LIMIT  # also what its reader may hold

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        match = _ADDRESS.fullmatch(arg or "")
        if match:
            return match[1], match[2] or ""
        found: tuple[str | None, str | None] = super()._getaddr(arg)
        return found

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name for it
        """Begin a mail; with its one recipient and DATA where they are here already."""
        ahead = _BREATH.match(self._reader._buffer)  # type: ignore[attr-defined]  # the one way to look ahead
        sender = _SENDER.fullmatch(arg or "")
        session, envelope = self.session, self.envelope
        ready = session and session.host_name and envelope and not envelope.mail_from
        if not (ahead and sender and session and envelope and ready):
            await super().smtp_MAIL(arg)
            return
        envelope.mail_from = sender[1]
        envelope.rcpt_tos.append(ahead[1].decode())
        await self._reader.readexactly(ahead.end())
        await self._take(f"250 OK\r\n250 OK\r\n{_GO_ON}", session, envelope)

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name for it
        """Read a mail to its final dot, then let the handler keep it."""
        if arg or self.session is None or self.envelope is None or not self.envelope.rcpt_tos:
            await super().smtp_DATA(arg)  # refuses
            return
        await self._take(_GO_ON, self.session, self.envelope)

    async def _take(self, words: str, session: Session, envelope: Envelope) -> None:
        await self.push(words)
        data = b""
        while not (data == b".\r\n" or data.endswith(b"\r\n.\r\n")):
            try:
                data += await self._reader.readuntil(b".\r\n")
            except asyncio.LimitOverrunError:
                data = b" " * (SIZE_LIMIT + 1)
            if len(data) > SIZE_LIMIT:
                await self.push("552 5.3.4 the mail is too large")
                self._writer.close()
                return
        envelope.content = _without_dots(data)
        answer = await self.event_handler.handle_DATA(self, session, envelope)
        self._set_post_data_state()  # type: ignore[no-untyped-call]  # aiosmtpd leaves it untyped
        await self.push(answer)


def _without_dots(data: bytes) -> bytes:
    """A mail without its final dot and without those that hid a line's first one."""
    return (b"\r\n" + data[:-3]).replace(b"\r\n.", b"\r\n")[2:]


class Sink:
    """A mail server that listens from `start` to `stop`."""

    def __init__(
        self,
        database: Database,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock | None = None,
    ) -> None:
        """`port` 0 takes a free one."""
        self._database = database
        self._host = host
        self._port = port
        self._clock = clock or SystemClock()
        self._waiting: list[tuple[_Record, asyncio.Future[None]]] = []
        self._arrived = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._writer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen; raises OSError when the port is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._conversation, self._host, self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        self._writer = loop.create_task(self._write())

    async def stop(self) -> None:
        """Listen no more; mails that were answered are kept."""
        if self._server is not None:
            self._server.close()
        if self._writer is not None:
            self._writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writer

    @property
    def url(self) -> str:
        """What a sender is given to reach it."""
        return f"smtp://{self._host}:{self._port}"

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    def _conversation(self) -> SMTP:
        return _Conversation(
            self,
            hostname="sink.headless",
            ident="headless inbox",
            data_size_limit=SIZE_LIMIT,
            enable_SMTPUTF8=False,
            loop=asyncio.get_running_loop(),
        )

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name for it
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, answers: list[str]
    ) -> list[str]:
        """What we offer: commands may come several at once."""
        session.host_name = hostname
        return [answers[0], "250-PIPELINING", *answers[1:]]

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name for it
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep one mail, for each of its recipients."""
        raw = envelope.content
        if not isinstance(raw, bytes):
            return "451 4.3.0 the mail did not come as bytes"
        written = [self._put(raw, envelope.mail_from or "", to) for to in envelope.rcpt_tos]
        self._arrived.set()
        try:
            await (written[0] if len(written) == 1 else asyncio.gather(*written))
        except Exception as error:  # the database's trouble is the sender's reason to try again
            return f"451 4.3.0 not kept: {type(error).__name__}"
        return "250 2.0.0 kept"

    def _put(self, raw: bytes, sender: str, recipient: str) -> asyncio.Future[None]:
        done = asyncio.get_running_loop().create_future()
        record = (self._clock.now(), sender, recipient, *headline(raw), raw)
        self._waiting.append((record, done))
        return done

    async def _write(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                now, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
                await self._keep(now)

    async def _keep(self, mails: list[tuple[_Record, asyncio.Future[None]]]) -> None:
        failure: Exception | None = None
        try:
            async with self._database.transaction() as transaction:
                await transaction.copy_in("inbox_mail", _COLUMNS, [record for record, _ in mails])
        except Exception as error:  # each of these mails is answered with it
            failure = error
        for _, done in mails:
            if done.cancelled():
                continue
            if failure is None:
                done.set_result(None)
            else:
                done.set_exception(failure)


def headline(raw: bytes) -> tuple[str, str | None]:
    """A mail's subject as a person reads it, and our own id from its Message-ID."""
    end = raw.find(b"\r\n\r\n")
    head = raw if end < 0 else raw[:end]
    subject = _SUBJECT.search(head)
    ours = _OURS.search(head)
    text = subject[1].decode("utf-8", "replace") if subject else ""
    text = re.sub(r"\r?\n(?=[ \t])", "", text).strip()
    if "=?" in text:
        with contextlib.suppress(HeaderParseError, LookupError, UnicodeError, ValueError):
            text = str(make_header(decode_header(text)))
    return text.replace("\x00", ""), ours[1].decode() if ours else None


@contextlib.asynccontextmanager
async def run_sink(
    database: Database, *, host: str = "127.0.0.1", port: int = 0, clock: Clock | None = None
) -> AsyncIterator[Sink]:
    """A sink that listens inside the block."""
    sink = Sink(database, host=host, port=port, clock=clock)
    await sink.start()
    try:
        yield sink
    finally:
        await sink.stop()
