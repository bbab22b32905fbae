"""SMTP: a pool of connections to one server, many mails through each.

aiosmtplib greets, encrypts and logs in; then the conversation is our own, because it names sender
and recipient in one breath (RFC 2920) where the server allows that. TLS by `smtps://`, by STARTTLS
where it is offered and the server is not this machine, by force with `?tls=required`. Imports
`answers` and `ports`; nothing here raises for what a server says.
"""

import asyncio
import contextlib
import ipaddress
import re
from typing import Final, Literal, cast
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib
import msgspec

from headless.channels.answers import SENT, Answer, Stage, Verdict, classify, lost
from headless.channels.providers import Smtp, SmtpSecrets

COMMAND_SECONDS: Final = 30.0
BODY_SECONDS: Final = 60.0  # for the answer after the final dot; with the rest below the lease
_REPLY_LIMIT: Final = 32 * 1024
_UNFIT: Final = re.compile(r"[\r\n\0<> ]")


Tls = Literal["implicit", "required", "offered", "never"]


class Server(msgspec.Struct, frozen=True):
    """An SMTP server as a URL names it; `local` when it is this machine."""

    host: str
    port: int
    username: str | None
    password: str | None
    tls: Tls
    local: bool


def parse_url(url: str) -> Server:
    """`smtp[s]://[user:password@]host[:port][?tls=required|never]`; raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("a mail server is named like `smtp://user:password@host:587`")
    local = _loopback(parts.hostname)
    tls: Tls = "never" if local else "offered"
    match parse_qs(parts.query).get("tls", []):
        case ["required"]:
            tls = "required"
        case ["never"]:
            tls = "never"
        case [_, *_]:
            raise ValueError("`tls` is `required` or `never`")
    if parts.scheme == "smtps":
        tls = "implicit"
    return Server(
        parts.hostname,
        parts.port or {"implicit": 465}.get(tls, 587 if parts.username else 25),
        unquote(parts.username) if parts.username else None,
        unquote(parts.password or "") if parts.username else None,
        tls,
        local,
    )


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def server_of(settings: Smtp, secrets: SmtpSecrets) -> Server:
    """The server of a workspace's own channel."""
    return Server(
        settings.host,
        settings.port,
        settings.username,
        secrets.password if settings.username else None,
        settings.tls,
        _loopback(settings.host.strip("[]")),
    )


_Reply = tuple[int, str]


class _LostError(Exception):
    """The connection ended."""


class _Conversation(asyncio.Protocol):
    """A connection that is logged in: lines out, replies in, in their order."""

    def __init__(self, transport: asyncio.Transport, *, pipelining: bool) -> None:
        self.transport = transport
        self.pipelining = pipelining
        self.open = True
        self.reset_needed = False
        self._buffer = b""
        self._words: list[str] = []
        self._replies: list[_Reply] = []
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._wanted = 0
        self._until = 0.0
        self._clock: asyncio.TimerHandle | None = None
        self._why = "the server closed it"
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """Cut what came into replies; the last line of one has a space after its code."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if len(self._buffer) > _REPLY_LIMIT or len(self._words) > 200:
            self._end("its answer has no end")
            return
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip("\r")
            if not text[:3].isdigit() or text[3:4] not in ("", " ", "-"):
                self._end("its answer is not SMTP")
                return
            self._words.append(text[4:])
            if text[3:4] != "-":
                self._replies.append((int(text[:3]), "\n".join(self._words)))
                self._words = []
        self._wake()

    def eof_received(self) -> bool:
        """The server has said its last word."""
        self._end("the server closed it")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more will come."""
        self._end(str(exc) if exc else self._why)

    def _end(self, why: str) -> None:
        if self.open:
            self._why = why
        self._leave()
        self._wake()

    def _wake(self) -> None:
        enough = len(self._replies) >= self._wanted or not self.open
        if enough and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def write(self, data: bytes) -> None:
        if not self.open:
            raise _LostError(self._why)
        self.transport.write(data)

    async def reply(self, until: float) -> _Reply:
        """The next reply; as `replies`."""
        return (await self.replies(1, until))[0]

    async def replies(self, count: int, until: float) -> list[_Reply]:
        """The next replies, all of them; raises _LostError, and TimeoutError after `until`."""
        while len(self._replies) < count:
            if not self.open:
                raise _LostError(self._why)
            self._wanted = count
            self._waiter = self._loop.create_future()
            self._watch(until)
            await self._waiter
        answer, self._replies = self._replies[:count], self._replies[count:]
        return answer

    def _watch(self, until: float) -> None:
        """One timer goes on from mail to mail: most of them never need it."""
        self._until = until
        if self._clock is not None and self._clock.when() > until:
            self._clock.cancel()
            self._clock = None
        if self._clock is None:
            self._clock = self._loop.call_at(until, self._look)

    def _look(self) -> None:
        self._clock = None
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() < self._until:
            self._watch(self._until)
        else:
            self._waiter.set_exception(TimeoutError())

    def close(self) -> None:
        if self.open:
            self.transport.write(b"QUIT\r\n")
        self._leave()

    def _leave(self) -> None:
        self.open = False
        self.transport.close()
        if self._clock is not None:
            self._clock.cancel()


class SmtpSender:
    """Mails to one SMTP server over at most `width` connections, opened as they are needed."""

    def __init__(self, server: Server, *, width: int = 16, helo: str | None = None) -> None:
        """`helo`: the name we greet with."""
        self.server = server
        self.width = width
        self._helo = helo
        self._idle: list[_Conversation] = []
        self._places = asyncio.Semaphore(width)

    @property
    def local(self) -> bool:
        """Whether the server is this machine."""
        return self.server.local

    async def ready(self) -> Answer:
        """Whether a connection is there or can be made."""
        self._idle = [each for each in self._idle if each.open]
        if self._idle:
            return SENT
        made = await self._connect()
        if isinstance(made, Answer):
            return made
        self._idle.append(made)
        return SENT

    async def send(self, sender: str, recipient: str, body: bytes) -> Answer:
        """Hand over one mail; a connection that had quietly ended is replaced once."""
        if _UNFIT.search(sender) or _UNFIT.search(recipient):
            return Answer(Verdict.FAILED, "the address holds characters that no address may hold")
        async with self._places:
            for last in (False, True):
                conversation = await self._take()
                if isinstance(conversation, Answer):
                    return conversation
                answer, stage = await _deliver(conversation, sender, recipient, body)
                if conversation.open:
                    self._idle.append(conversation)
                elif stage == "mail" and answer.verdict is Verdict.RETRY and not last:
                    continue
                return answer
        raise AssertionError("the second round returns")

    async def close(self) -> None:
        """QUIT on each idle connection."""
        for conversation in self._idle:
            conversation.close()
        self._idle.clear()

    async def _take(self) -> _Conversation | Answer:
        while self._idle:
            conversation = self._idle.pop()
            if conversation.open:
                return conversation
        return await self._connect()

    async def _connect(self) -> _Conversation | Answer:
        server = self.server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            use_tls=server.tls == "implicit",
            start_tls={"required": True, "offered": None}.get(server.tls, False),
            local_hostname=self._helo,
            timeout=COMMAND_SECONDS,
        )
        try:
            await client.connect()
            await client.ehlo()
        except aiosmtplib.SMTPResponseException as error:
            client.close()
            return _refused(error)
        except (aiosmtplib.SMTPException, OSError) as error:
            client.close()
            return lost("connect", str(error))
        transport = client.transport
        if transport is None or transport.is_closing():
            return lost("connect", "it ended at once")
        # uvloop's transports are no subclasses of asyncio's, so this cannot be asked.
        stream = cast(asyncio.Transport, transport)
        return _Conversation(stream, pipelining=client.supports_extension("pipelining"))


def _refused(error: aiosmtplib.SMTPResponseException) -> Answer:
    """At the greeting or the login even a temporary refusal concerns the channel, no message."""
    answer = classify(error.code, error.message, "connect")
    return Answer(Verdict.BROKEN, answer.detail)


async def _deliver(
    conversation: _Conversation, sender: str, recipient: str, body: bytes
) -> tuple[Answer, Stage]:
    """One mail over one connection: the answer, and the stage at which it came."""
    stage: Stage = "mail"
    time = asyncio.get_running_loop().time
    try:
        until = time() + COMMAND_SECONDS
        if conversation.reset_needed:
            conversation.write(b"RSET\r\n")
            await conversation.reply(until)
            conversation.reset_needed = False
        stage, refusal = await _envelope(conversation, sender, recipient, until)
        if refusal is None:
            stage = "dot"
            conversation.write(body.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            code, text = await conversation.reply(time() + BODY_SECONDS)
            refusal = classify(code, text, stage)
    except _LostError as error:
        return lost(stage, str(error)), stage
    except TimeoutError:
        conversation.close()
        return lost(stage, "no answer in time"), stage
    if refusal.detail.startswith("421"):
        conversation.close()
    return refusal, stage


async def _envelope(
    conversation: _Conversation, sender: str, recipient: str, until: float
) -> tuple[Stage, Answer | None]:
    """MAIL, RCPT and DATA, in one breath if the server allows it; None: it waits for the mail."""
    commands: tuple[tuple[Stage, bytes], ...] = (
        ("mail", f"MAIL FROM:<{sender}>\r\n".encode("ascii")),
        ("recipient", f"RCPT TO:<{recipient}>\r\n".encode("ascii")),
        ("data", b"DATA\r\n"),
    )
    said: list[_Reply] = []
    if conversation.pipelining:
        conversation.write(b"".join([line for _, line in commands]))
        said = await conversation.replies(len(commands), until)
    first: tuple[Stage, Answer] | None = None
    for place, (stage, line) in enumerate(commands):
        if conversation.pipelining:
            code, text = said[place]
        else:
            conversation.write(line)
            code, text = await conversation.reply(until)
        if stage == "data" and code == 354:
            if first is None:
                return stage, None
            conversation.write(b".\r\n")  # nobody to send it to: an empty message ends it
            await conversation.reply(until)
        elif code >= 300 and first is None:
            first = stage, classify(code, text, stage)
            conversation.reset_needed = True
            if not conversation.pipelining:
                break
    if first is None:
        return "data", Answer(Verdict.FAILED, "the server answers DATA out of turn")
    return first


async def check(url: str) -> Answer:
    """Whether the server at `url` greets us and lets us in: for set-up and doctor."""
    sender = SmtpSender(parse_url(url), width=1)
    try:
        return await sender.ready()
    finally:
        with contextlib.suppress(OSError):
            await sender.close()
