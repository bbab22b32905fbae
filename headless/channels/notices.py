"""Notices: deliveries leave for the endpoints that want to hear, signed as Standard Webhooks says.

Any 2xx is success; a redirect is a failure and never followed. What fails is tried again for days,
later and later; an endpoint that is gone (410), or has failed for five days, is disabled and the
others are told. In a sandbox only this machine is called. Imports `http` and the workspace's
webhooks.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from standardwebhooks.webhooks import Webhook

from headless import ids
from headless.channels.answers import Answer, Verdict
from headless.channels.http import Http, Request, Response, retry_after
from headless.channels.reach import Mode
from headless.seals import SealError, Seals
from headless.storage.database import Database, Transaction
from headless.storage.tables import workspace
from headless.workspace.webhooks import deliveries, endpoints
from headless.workspace.webhooks.catalogue import PING, published
from headless.workspace.webhooks.deliveries import (
    SCHEDULE,
    Delivery,
    DeliveryState,
    Settled,
)
from headless.workspace.webhooks.endpoints import Endpoint

SECONDS: Final = 15.0
PATIENCE: Final = timedelta(days=5)
"""For how long an endpoint may fail before it is disabled."""
_AT_ONCE: Final = 10
_ENDPOINTS: Final = 20  # that are being told at the same time
_TEND: Final = timedelta(hours=1)
_BATCH: Final = 100
_GONE: Final = 410
_SLOW: Final = 4  # times as long, where the other side is overloaded
_ANSWER_LIMIT: Final = 500

log = structlog.get_logger(__name__)


class _Going(msgspec.Struct, frozen=True):
    """What is sent in one turn, to whom, and how."""

    endpoint: Endpoint
    mode: Mode
    secrets: tuple[str, ...]
    claimed: list[Delivery]


class Notices:
    """Takes the deliveries of all workspaces to their endpoints."""

    def __init__(
        self,
        database: Database,
        seals: Seals,
        now: Callable[[], datetime],
        *,
        allowed: frozenset[str] = frozenset(),
    ) -> None:
        """`allowed`: hosts that may be called though they are on this machine or in its network."""
        self._database = database
        self._seals = seals
        self._now = now
        self._http = Http(allowed)
        self._busy: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._tended: datetime | None = None

    def obstacle(self, url: str, mode: Mode) -> str | None:
        """Why an address cannot be an endpoint's; None when it can be tried."""
        return self._http.obstacle(url, mode)

    async def begin(self) -> None:
        """Begin to send what is due, to as many endpoints at once as may be; waits for none.

        Each has a task of its own, so that a slow receiver holds up neither mail nor its like.
        """
        now = self._now()
        if self._tended is None or now - self._tended >= _TEND:
            self._tended = now
            await deliveries.forget(self._database, now=now)
        for place in await deliveries.due(self._database, now=now):
            if place not in self._busy and len(self._busy) < _ENDPOINTS:
                task = asyncio.create_task(self._drain(place), name=f"notices-{place[1]}")
                self._busy[place] = task

    async def _drain(self, place: tuple[int, int]) -> None:
        try:
            while await self.deliver(*place):
                pass
        except (DBAPIError, OSError) as error:  # what was claimed is due again when its lease ends
            log.warning("notices_failed", error=str(error).splitlines()[0])
        finally:
            del self._busy[place]

    async def deliver(self, workspace_id: int, endpoint_id: int) -> int:
        """Send one batch of an endpoint's deliveries; answers how many were tried."""
        async with self._database.transaction() as tx:
            going = await self._claim(tx, workspace_id, endpoint_id)
        return 0 if going is None else await self._send(going)

    async def ping(self, workspace_id: int, endpoint_id: int) -> Delivery:
        """Send an endpoint a ping now, also a disabled one; the delivery as it ended.

        Raises Problem `not_found`.
        """
        now = self._now()
        async with self._database.transaction() as tx:
            await endpoints.find(tx, workspace_id, endpoint_id)
            data = {"webhook_id": endpoint_id}
            number = await deliveries.add(tx, workspace_id, endpoint_id, PING, data, now=now)
            made = await deliveries.find(tx, workspace_id, endpoint_id, number)
            going = await self._going(tx, workspace_id, endpoint_id, [made])
        await self._send(going, once=True)
        async with self._database.transaction() as tx:
            return await deliveries.find(tx, workspace_id, endpoint_id, number)

    async def close(self) -> None:
        """Let what is under way end, and end all connections."""
        if busy := list(self._busy.values()):
            _, late = await asyncio.wait(busy, timeout=SECONDS)
            for task in late:
                task.cancel()
        await self._http.close()

    # ------------------------------------------------------------ one turn

    async def _claim(self, tx: Transaction, workspace_id: int, endpoint_id: int) -> _Going | None:
        known = await endpoints.listing(tx, workspace_id, limit=1, above=endpoint_id - 1)
        if not known or known[0].id != endpoint_id or known[0].state != "enabled":
            return None
        room = _BATCH if known[0].batch else _AT_ONCE
        claimed = await deliveries.claim(tx, workspace_id, endpoint_id, room=room, now=self._now())
        return await self._going(tx, workspace_id, endpoint_id, claimed) if claimed else None

    async def _going(
        self, tx: Transaction, workspace_id: int, endpoint_id: int, claimed: list[Delivery]
    ) -> _Going:
        mode = await tx.scalar(select(workspace.c.mode).where(workspace.c.id == workspace_id))
        try:
            secrets = await endpoints.secrets_of(
                tx, self._seals, workspace_id, endpoint_id, now=self._now()
            )
        except SealError as error:
            log.error("webhook_sealed", workspace=workspace_id, reason=str(error))
            secrets = ()
        return _Going(
            await endpoints.find(tx, workspace_id, endpoint_id),
            "live" if mode == "live" else "sandbox",
            secrets,
            claimed,
        )

    async def _send(self, going: _Going, *, once: bool = False) -> int:
        if going.endpoint.batch and not once:
            answers = [await self._call(going, going.claimed)] * len(going.claimed)
        else:
            answers = await asyncio.gather(*(self._call(going, [one]) for one in going.claimed))
        now = self._now()
        settled = [
            settle(one, answer, now, once=once)
            for one, answer in zip(going.claimed, answers, strict=True)
        ]
        async with self._database.transaction() as tx:
            await deliveries.settle(tx, going.endpoint.workspace_id, settled, now=now)
            if not once:
                await self._judge(tx, going.endpoint, answers, now)
        return len(settled)

    async def _call(self, going: _Going, told: Sequence[Delivery]) -> Response | Answer:
        if not going.secrets:
            return Answer(Verdict.PARK, "the webhook's secret cannot be read; rotate it")
        body = _body(told) if not going.endpoint.batch or told[0].type == PING else _bodies(told)
        moment = self._now().astimezone(UTC)
        public, text = ids.encode("dlv", told[0].id), body.decode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "headless-webhook",
            "webhook-id": public,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": " ".join(
                Webhook(secret).sign(public, moment, text) for secret in going.secrets
            ),
        }
        request = Request("POST", going.endpoint.url, headers, body)
        return await self._http.call(request, mode=going.mode, seconds=SECONDS)

    async def _judge(
        self,
        tx: Transaction,
        told: Endpoint,
        answers: Sequence[Response | Answer],
        now: datetime,
    ) -> None:
        """Whether the endpoint goes on to be told."""
        reason = None
        if any(isinstance(one, Response) and one.status == _GONE for one in answers):
            reason = "it answered 410: gone for good"
        elif any(_took(one) for one in answers):
            await endpoints.works(tx, told.workspace_id, told.id)
        else:
            since = await endpoints.failed(tx, told.workspace_id, told.id, now=now)
            if now - since >= PATIENCE:
                reason = f"it has failed since {since:%Y-%m-%d %H:%M} UTC"
        if reason is None:
            return
        if await endpoints.disable(tx, told.workspace_id, told.id, reason, now=now):
            await deliveries.give_up(tx, told.workspace_id, told.id, now=now)
            log.warning("webhook_disabled", workspace=told.workspace_id, webhook=told.id)


def event(told: Delivery) -> dict[str, Any]:
    """An event as it stands in a body."""
    at = told.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "id": ids.encode("dlv", told.id),
        "type": told.type,
        "timestamp": at,
        "data": published(told.data),
    }


def _body(told: Sequence[Delivery]) -> bytes:
    return msgspec.json.encode(event(told[0]))


def _bodies(told: Sequence[Delivery]) -> bytes:
    events = [event(one) for one in told]
    return msgspec.json.encode(
        {"type": "batch", "timestamp": events[0]["timestamp"], "data": events}
    )


def _took(answer: Response | Answer) -> bool:
    return isinstance(answer, Response) and 200 <= answer.status < 300


def settle(
    told: Delivery, answer: Response | Answer, now: datetime, *, once: bool = False
) -> Settled:
    """How a delivery goes on after an attempt, which `told.attempts` counts already."""
    if _took(answer):
        status = answer.status if isinstance(answer, Response) else None
        return Settled(told.id, DeliveryState.DELIVERED, now, status, None)
    status, said, asked, slow, never = _failure(answer, now)
    if once or never or told.attempts > len(SCHEDULE):
        return Settled(told.id, DeliveryState.FAILED, now, status, said)
    scatter = 0.8 + (told.id * 2_654_435_761 + told.attempts * 40_503) % 1_000 / 2_500
    wait = SCHEDULE[told.attempts - 1] * scatter * (_SLOW if slow else 1)
    due_at = now + max(wait, timedelta(seconds=asked or 0))
    return Settled(told.id, DeliveryState.PENDING, due_at, status, said)


def _failure(
    answer: Response | Answer, now: datetime
) -> tuple[int | None, str, float | None, bool, bool]:
    """Status, words, the seconds that are asked for, whether to slow down, and whether to stop."""
    if isinstance(answer, Answer):
        return None, answer.detail[:_ANSWER_LIMIT], None, False, answer.verdict is Verdict.PARK
    status = answer.status
    said = answer.body[:_ANSWER_LIMIT].decode("utf-8", "replace").replace("\0", "")
    if 300 <= status < 400:
        said = "a redirect, which is not followed"
    slow = status in (429, 502, 504)
    return status, said, retry_after(answer, now), slow, status == _GONE
