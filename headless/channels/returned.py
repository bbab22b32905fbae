"""The return post: an SMTP server of ours for what comes back, bounces and replies.

Listens where `HEADLESS_RETURN_PORT` says; the MX of a workspace's bounce domain leads there. A mail
is applied before its 250 is answered, so the sender keeps it while the database is away. What is
none of ours is answered 550, so that nobody can use us as a relay or a dump. Imports its
neighbours.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy.exc import SQLAlchemyError

from headless.channels.reports import taking
from headless.channels.reports.mailed import Bounce, Reply, read
from headless.channels.returns import Returns
from headless.clock import Clock
from headless.storage.codes import Channel
from headless.storage.database import Database, Transaction

SIZE_LIMIT: Final = 5 * 1024 * 1024
log = structlog.get_logger(__name__)


class ReturnPost:
    """The handler of aiosmtpd's server."""

    def __init__(self, database: Database, returns: Returns, clock: Clock) -> None:
        self._database = database
        self._returns = returns
        self._clock = clock

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name for it
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Read one mail and apply what it tells."""
        raw = envelope.content
        if not isinstance(raw, bytes):
            return "451 4.3.0 the mail did not come as bytes"
        try:
            taken = [await self._take(raw, recipient) for recipient in envelope.rcpt_tos]
        except (SQLAlchemyError, OSError) as error:
            log.warning("return_not_kept", error=str(error).splitlines()[0])
            return "451 4.3.0 not kept, come again"
        if any(taken):
            return "250 2.0.0 noted"
        return "550 5.1.1 only bounces of our mails and replies to them are taken here"

    async def _take(self, raw: bytes, recipient: str) -> bool:
        now = self._clock.now()
        told = read(raw, recipient, self._returns, now=now)
        if told is None:
            return False
        async with self._database.transaction() as tx:
            if isinstance(told, Bounce):
                known = await taking.apply(
                    tx, told.workspace_id, Channel.EMAIL, [told.report], source="dsn", now=now
                )
                return known > 0
            return await self._reply(tx, told, raw, now)

    @staticmethod
    async def _reply(tx: Transaction, told: Reply, raw: bytes, now: datetime) -> bool:
        digest = hashlib.sha256(raw).hexdigest()[:24]
        return await taking.replied(
            tx,
            message_id=told.message_id,
            sender=told.sender,
            words=told.text,
            key=f"reply:{told.message_id}:{digest}",
            now=now,
        )


@contextlib.asynccontextmanager
async def listening(
    database: Database, returns: Returns, clock: Clock, *, host: str, port: int
) -> AsyncIterator[int]:
    """The return post listens inside the block, at the port that it answers (0 takes a free one).

    Raises OSError when the port is taken.
    """
    loop = asyncio.get_running_loop()
    handler = ReturnPost(database, returns, clock)

    def conversation() -> SMTP:
        return SMTP(
            handler,
            hostname="returns.headless",
            ident="headless",
            data_size_limit=SIZE_LIMIT,
            loop=loop,
        )

    server = await loop.create_server(conversation, host, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
