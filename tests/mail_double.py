# ruff: noqa: N802 - the handlers' names are aiosmtpd's
"""A mail server that answers as it is told, and remembers what it took."""

import asyncio
from collections import Counter, defaultdict
from typing import Any, Self

from aiosmtpd.smtp import SMTP, Envelope, Session

HANG_UP = "hang up"


class MailDouble:
    """Answers to RCPT (`rcpt`) and to the final dot (`dot`) by recipient, in turn; the last one
    of a list stays. `HANG_UP` ends the connection. `hold` keeps the final dot unanswered."""

    def __init__(self, *, pipelining: bool = True) -> None:
        self.pipelining = pipelining
        self.rcpt: dict[str, list[str]] = {}
        self.dot: dict[str, list[str]] = {}
        self.mail: list[str] = []
        self.hold: asyncio.Event | None = None
        self.taken: Counter[str] = Counter()
        self.raw: dict[str, bytes] = {}
        self.asked: defaultdict[str, int] = defaultdict(int)
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._open: list[SMTP] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._conversation, "127.0.0.1", 0)
        self.url = f"smtp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for each in self._open:
            if each.transport is not None:
                each.transport.abort()
        await asyncio.sleep(0)

    def _conversation(self) -> SMTP:
        self.connections += 1
        made = SMTP(self, hostname="double.example", loop=asyncio.get_running_loop())
        self._open.append(made)
        return made

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, name: str, answers: list[str]
    ) -> list[str]:
        session.host_name = name
        return [answers[0], *(["250-PIPELINING"] if self.pipelining else []), *answers[1:]]

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if self.mail:
            return self._next(server, self.mail)
        envelope.mail_from = address
        return "250 2.1.0 ok"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        self.asked[address] += 1
        answer = self._next(server, self.rcpt.get(address, ["250 2.1.5 ok"]))
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        address = envelope.rcpt_tos[0]
        answer = self._next(server, self.dot.get(address, ["250 2.0.0 taken"]))
        if answer.startswith("2") or answer == HANG_UP:
            assert isinstance(envelope.content, bytes)
            self.taken[address] += 1
            self.raw[address] = envelope.content
        if self.hold is not None:
            await self.hold.wait()
        return answer

    def _next(self, server: SMTP, answers: list[str]) -> str:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer == HANG_UP:
            assert server.transport is not None
            server.transport.abort()
        return answer
