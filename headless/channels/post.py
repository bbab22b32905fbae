"""The post: every channel of an installation, its couriers, and what is due on each.

A worker gives it hints and the time; the outbox does the rest. A workspace's own channels go before
the installation's mail server; in a sandbox that server, when it is this machine, goes before them.
Imports its neighbours and storage.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog
from sqlalchemy import bindparam, exists, or_, select, true, values
from sqlalchemy import column as column_
from sqlalchemy.types import SmallInteger

from headless.channels import accounts, couriers
from headless.channels.couriers import Kit
from headless.channels.email import EmailCourier
from headless.channels.integration import IntegrationCourier
from headless.channels.links import Links
from headless.channels.messages import held_channel
from headless.channels.outbox import deliver, recover
from headless.channels.ports import Courier
from headless.channels.rates import LocalStore, Pace, RedisStore
from headless.channels.reports.hooks import Hooks
from headless.channels.returns import Returns
from headless.channels.smtp import SmtpSender, parse_url
from headless.channels.webhook import WebhookCourier
from headless.seals import SealError, Seals
from headless.storage.codes import Channel, MessageState
from headless.storage.database import Database
from headless.storage.tables import Instant, hold, message, workspace
from headless.storage.wake import Wake

JOB: Final = "deliver"
_BATCH: Final = 500
_WIDE: Final = 48
_POLITE: Final = 16
"""Connections at once: what other people's servers let one client have without complaint."""
_LOOK_AGAIN: Final = timedelta(seconds=5)
"""How old a workspace's settings may be while its messages are handed over."""

log = structlog.get_logger(__name__)


class _Held(msgspec.Struct):
    """A courier in use: whose channel at which revision, and when that was last looked at."""

    courier: Courier | None
    pace: Pace | None
    key: tuple[int, int]  # the channel and its revision; (0, 0) is the installation's
    looked_at: datetime


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
        redis_url: str | None = None,
    ) -> None:
        """`keys` sign links and webhooks and open secrets, newest first; `smtp_url` is the server
        for workspaces without a channel of their own; rates are shared through `redis_url`."""
        self._database = database
        self._now = now
        self._seals = Seals(keys)
        self._kit = Kit(Links(keys, base_url), Returns(keys), Hooks(keys))
        self._shared: dict[Channel, Courier] = {
            Channel.WEBHOOK: WebhookCourier(keys),
            Channel.INTEGRATION: IntegrationCourier(keys),
        }
        if smtp_url is not None:
            server = parse_url(smtp_url)
            sender = SmtpSender(server, width=_WIDE if server.local else _POLITE)
            self._shared[Channel.EMAIL] = EmailCourier(self._kit.links, sender)
        self._rates = RedisStore(redis_url) if redis_url else LocalStore()
        self._own: dict[tuple[int, Channel], _Held] = {}
        self._choosing = asyncio.Lock()

    async def deliver(self, wake: Wake) -> int:
        """Hand over one batch of a hint's channel; 0 when nothing more can go out now."""
        workspace_id, channel = wake.args
        held = await self._held(workspace_id, Channel(channel))
        if held.courier is None:
            return 0
        done = await deliver(
            self._database,
            held.courier,
            workspace_id=workspace_id,
            now=self._now(),
            batch=_BATCH,
            pace=held.pace,
        )
        if done.stopped is not None:
            return 0
        return sum(
            (done.sent, done.retried, done.skipped, done.parked, done.uncertain, done.put_off)
        )

    async def _held(self, workspace_id: int, channel: Channel) -> _Held:
        """Who takes a workspace's messages of a kind, and how fast."""
        now, place = self._now(), (workspace_id, channel)
        if channel in (Channel.WEBHOOK, Channel.INTEGRATION):
            return _Held(self._shared[channel], None, (0, 0), now)
        async with self._choosing:
            held = self._own.get(place)
            if held is None or now - held.looked_at > _LOOK_AGAIN:
                held = await self._choose(workspace_id, channel, held, now)
                self._own[place] = held
            return held

    async def _choose(
        self, workspace_id: int, channel: Channel, held: _Held | None, now: datetime
    ) -> _Held:
        shared = self._shared.get(channel)
        async with self._database.transaction() as tx:
            mode = await tx.scalar(select(workspace.c.mode).where(workspace.c.id == workspace_id))
            try:
                own = await accounts.opened(tx, self._seals, workspace_id, channel)
            except SealError as error:
                log.error("channel_sealed", workspace=workspace_id, reason=str(error))
                own = None
                shared = None
        stays = mode == "sandbox" and isinstance(shared, EmailCourier) and shared.sender.local
        if own is None or stays:
            await _close(held)
            return _Held(shared, None, (0, 0), now)
        key = (own.id, own.revision)
        if held is not None and held.key == key:
            return msgspec.structs.replace(held, looked_at=now)
        await _close(held)
        pace = Pace(self._rates, f"{workspace_id}:{own.id}", own.settings.rate)
        return _Held(couriers.make(own, self._kit), pace, key, now)

    async def due(self) -> list[Wake]:
        """The hints for what is due; messages of workers that died are taken over on the way."""
        now = self._now()
        for workspace_id, channel in await self._with(MessageState.SENDING, now):
            await recover(self._database, workspace_id=workspace_id, channel=channel, now=now)
        found = await self._with(MessageState.PENDING, now)
        return [
            Wake(JOB, (workspace_id, int(channel)))
            for workspace_id, channel in found
            if (await self._held(workspace_id, channel)).courier is not None
        ]

    async def _with(self, state: MessageState, now: datetime) -> list[tuple[int, Channel]]:
        """The workspaces and channels that have messages of a state whose time has come."""
        known = values(column_("channel", SmallInteger), name="known").data(
            [(int(channel),) for channel in Channel]
        )
        waiting = exists(
            select(1).where(
                message.c.workspace_id == workspace.c.id,
                message.c.channel == known.c.channel,
                message.c.state == bindparam("state", int(state), literal_execute=True),
                message.c.due_at <= bindparam("now", now, type_=Instant),
            )
        )
        held = exists(
            select(1).where(
                hold.c.workspace_id == workspace.c.id,
                or_(hold.c.scope == "workspace", held_channel(known.c.channel)),
            )
        )
        both = workspace.join(known, true())
        query = select(workspace.c.id, known.c.channel).select_from(both).where(waiting)
        if state is MessageState.PENDING:
            query = query.where(~held)
        async with self._database.transaction() as tx:
            return [(row[0], Channel(row[1])) for row in await tx.execute(query)]

    async def close(self) -> None:
        """Take leave of every server."""
        for held in self._own.values():
            await _close(held)
        self._own.clear()
        for courier in self._shared.values():
            await courier.close()
        if isinstance(self._rates, RedisStore):
            await self._rates.close()


async def _close(held: _Held | None) -> None:
    if held is not None and held.courier is not None and held.key != (0, 0):
        await held.courier.close()
