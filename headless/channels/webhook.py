"""The webhook channel: a message becomes a signed request, as Standard Webhooks describes it.

The id is the message's own and stays the same on every attempt, so receivers know a repetition.
Any 2xx is success; a redirect is a failure and never followed; whatever is no success is tried
again for a while, then parked. In a sandbox only this machine is called. Imports storage's types,
`seals` and its neighbours `answers`, `http`, `ports` and `reach`.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ARRAY, BigInteger, Row, bindparam, func, select
from standardwebhooks.webhooks import Webhook

from headless import ids
from headless.channels.answers import SENT, Answer
from headless.channels.http import SECONDS, Http, Method, Request, understood
from headless.channels.ports import Due, Parcel, Refusal
from headless.channels.reach import Mode
from headless.seals import SealError, Seals
from headless.storage.codes import Channel
from headless.storage.database import Transaction
from headless.storage.tables import webhook, workspace

BODY_LIMIT: Final = 256 * 1024


class Target(msgspec.Struct, frozen=True):
    """Where a webhook goes: a workspace's named one, or the address that the text gives."""

    url: str
    method: Method = "POST"
    headers: Mapping[str, str] = {}
    seconds: float = SECONDS
    secret: str | None = None  # of its own; else the workspace's


class WebhookCourier:
    """Takes a workspace's webhooks to wherever their campaigns say."""

    channel = Channel.WEBHOOK

    def __init__(
        self, keys: tuple[bytes, ...], *, width: int = 16, allowed: frozenset[str] = frozenset()
    ) -> None:
        """`keys`: the key ring, newest first; `allowed`: hosts that may be called though they are
        on this machine or in its network."""
        self.width = width
        self._keys = keys
        self._seals = Seals(keys)
        self._http = Http(allowed)

    def secret(self, workspace_id: int) -> str:
        """What the workspace's receivers verify with: `whsec_…`."""
        return _secret(self._keys[0], workspace_id)

    async def ready(self) -> Answer:
        """Always: each webhook goes somewhere else."""
        return SENT

    async def prepare(
        self, transaction: Transaction, due: Sequence[Due], *, now: datetime
    ) -> list[Parcel | Refusal]:
        """The requests' bodies, or why there is none; all of one workspace."""
        workspace_id = due[0].workspace_id
        mode = await transaction.scalar(
            select(workspace.c.mode).where(workspace.c.id == workspace_id)
        )
        named = await _named(transaction, workspace_id, {each.ref for each in due if each.ref})
        return [
            self._prepared(each, "live" if mode == "live" else "sandbox", named.get(each.ref))
            for each in due
        ]

    def _prepared(self, due: Due, mode: Mode, row: Row[Any] | None) -> Parcel | Refusal:
        data = due.data or {}
        if due.ref and row is None:
            return Refusal(due.id, "parked", "the webhook is gone")
        try:
            target = self._target(due.workspace_id, data, row)
        except SealError as error:
            return Refusal(due.id, "parked", f"the webhook's secret cannot be read: {error}")
        body = msgspec.json.encode(data.get("body", {}))
        reason = self._http.obstacle(target.url, mode)
        if reason is None and len(body) > BODY_LIMIT:
            reason = f"the body has more than {BODY_LIMIT // 1024} KB"
        if reason is not None:
            return Refusal(due.id, "parked", reason)
        headers = (
            ("webhook-id", ids.encode("msg", due.id)),
            ("workspace", str(due.workspace_id)),
            ("target", msgspec.json.encode(target).decode()),
        )
        return Parcel(due.id, mode, target.url, body, headers=headers)

    def _target(self, workspace_id: int, data: Mapping[str, Any], row: Row[Any] | None) -> Target:
        if row is None:
            return Target(str(data.get("url", "")))
        secret = None
        if row.secrets is not None:
            secret = msgspec.json.decode(self._seals.open(workspace_id, row.secrets)).get("secret")
        return Target(row.url, row.method, row.headers, float(row.timeout_seconds), secret)

    async def send(self, parcel: Parcel, *, now: datetime) -> Answer:
        """Make one request; the signature is of this attempt's time."""
        given = dict(parcel.headers)
        target = msgspec.json.decode(given["target"], type=Target)
        signed = {
            **target.headers,
            "Content-Type": "application/json",
            "User-Agent": "headless-webhook",
            **self._signature(given["webhook-id"], int(given["workspace"]), parcel, target, now),
        }
        response = await self._http.call(
            Request(target.method, target.url, signed, parcel.body),
            mode="live" if parcel.sender == "live" else "sandbox",
            seconds=target.seconds,
        )
        return response if isinstance(response, Answer) else understood(response, now)

    async def close(self) -> None:
        """End all connections."""
        await self._http.close()

    def _signature(
        self, public: str, workspace_id: int, parcel: Parcel, target: Target, now: datetime
    ) -> dict[str, str]:
        moment, text = now.astimezone(UTC), parcel.body.decode()
        secrets = (
            [target.secret] if target.secret else [_secret(key, workspace_id) for key in self._keys]
        )
        return {
            "webhook-id": public,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": " ".join(
                Webhook(secret).sign(public, moment, text) for secret in secrets
            ),
        }


async def _named(tx: Transaction, workspace_id: int, refs: set[int]) -> dict[int, Row[Any]]:
    if not refs:
        return {}
    w = webhook.c
    rows = await tx.execute(
        select(w.id, w.url, w.method, w.headers, w.timeout_seconds, w.secrets).where(
            w.workspace_id == workspace_id,
            w.id == func.any(bindparam("refs", sorted(refs), type_=ARRAY(BigInteger))),
        )
    )
    return {row.id: row for row in rows}


def _secret(key: bytes, workspace_id: int) -> str:
    own = hmac.digest(key, f"headless webhook {workspace_id}".encode(), hashlib.sha256)
    return f"whsec_{base64.b64encode(own).decode()}"
