"""The post: every channel of an installation, its couriers, and what is due on each.

A worker gives it hints and the time; the outbox does the rest. Imports its neighbours and storage.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, exists, select, true, values
from sqlalchemy import column as column_
from sqlalchemy.types import SmallInteger

from headless.channels.email import EmailCourier
from headless.channels.links import Links
from headless.channels.outbox import deliver, recover
from headless.channels.ports import Courier
from headless.channels.smtp import SmtpSender, parse_url
from headless.channels.webhook import WebhookCourier
from headless.storage.codes import Channel, MessageState
from headless.storage.database import Database
from headless.storage.tables import Instant, message, workspace
from headless.storage.wake import Wake

JOB: Final = "deliver"
_BATCH: Final = 500
_WIDE: Final = 48
_POLITE: Final = 16
"""Connections at once: what other people's servers let one client have without complaint."""


class Post:
    """The couriers of one process."""

    def __init__(
        self,
        database: Database,
        now: Callable[[], datetime],
        *,
        keys: tuple[bytes, ...],
        base_url: str,
        smtp_url: str | None,
    ) -> None:
        """`keys` sign links and webhooks, newest first; without `smtp_url` mails stay waiting."""
        self._database = database
        self._now = now
        self._couriers: dict[Channel, Courier] = {Channel.WEBHOOK: WebhookCourier(keys)}
        if smtp_url is not None:
            width = _WIDE if parse_url(smtp_url).local else _POLITE
            sender = SmtpSender(smtp_url, width=width)
            self._couriers[Channel.EMAIL] = EmailCourier(Links(keys, base_url), sender)

    async def deliver(self, wake: Wake) -> int:
        """Hand over one batch of a hint's channel; 0 when nothing more can go out now."""
        workspace_id, channel = wake.args
        courier = self._couriers.get(Channel(channel))
        if courier is None:
            return 0
        done = await deliver(
            self._database, courier, workspace_id=workspace_id, now=self._now(), batch=_BATCH
        )
        if done.stopped is not None:
            return 0
        return done.sent + done.retried + done.skipped + done.parked + done.uncertain

    async def due(self) -> list[Wake]:
        """The hints for what is due; messages of workers that died are taken over on the way."""
        now = self._now()
        channels = sorted(self._couriers)
        for workspace_id, channel in await self._with(MessageState.SENDING, channels, now):
            await recover(self._database, workspace_id=workspace_id, channel=channel, now=now)
        found = await self._with(MessageState.PENDING, channels, now)
        return [Wake(JOB, (workspace_id, int(channel))) for workspace_id, channel in found]

    async def _with(
        self, state: MessageState, channels: list[Channel], now: datetime
    ) -> list[tuple[int, Channel]]:
        """The workspaces and channels that have messages of a state whose time has come."""
        known = values(column_("channel", SmallInteger), name="known").data(
            [(int(channel),) for channel in channels]
        )
        waiting = exists(
            select(1).where(
                message.c.workspace_id == workspace.c.id,
                message.c.channel == known.c.channel,
                message.c.state == bindparam("state", int(state), literal_execute=True),
                message.c.due_at <= bindparam("now", now, type_=Instant),
            )
        )
        both = workspace.join(known, true())
        query = select(workspace.c.id, known.c.channel).select_from(both).where(waiting)
        async with self._database.transaction() as tx:
            return [(row[0], Channel(row[1])) for row in await tx.execute(query)]

    async def close(self) -> None:
        """QUIT where connections are open."""
        for courier in self._couriers.values():
            if isinstance(courier, EmailCourier):
                await courier.sender.close()
            if isinstance(courier, WebhookCourier):
                await courier.close()
