"""The webhook channel: a message becomes a signed POST, as Standard Webhooks describes it.

The id is the message's own and stays the same on every attempt, so receivers know a repetition.
Any 2xx is success; a redirect is a failure and never followed; whatever is no success is tried
again for a while, then parked. In a sandbox only this machine is called. Imports storage's types
and its neighbours `answers`, `ports` and `reach`.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
from sqlalchemy import select
from standardwebhooks.webhooks import Webhook

from headless import ids
from headless.channels.answers import SENT, Answer, Verdict
from headless.channels.ports import Due, Parcel, Refusal
from headless.channels.reach import ForbiddenAddressError, GuardedResolver, Mode, literal_refusal
from headless.storage.codes import Channel
from headless.storage.database import Transaction
from headless.storage.tables import workspace

SECONDS: Final = 20.0
BODY_LIMIT: Final = 256 * 1024
_LONGEST_RETRY_AFTER: Final = 86_400.0


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
        self._allowed = allowed
        self._sessions: dict[str, aiohttp.ClientSession] = {}

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
        mode = await transaction.scalar(
            select(workspace.c.mode).where(workspace.c.id == due[0].workspace_id)
        )
        return [self._prepared(each, "live" if mode == "live" else "sandbox") for each in due]

    def _prepared(self, due: Due, mode: Mode) -> Parcel | Refusal:
        data = due.data or {}
        url = str(data.get("url", ""))
        reason = self._obstacle(url, mode)
        body = msgspec.json.encode(data.get("body", {}))
        if reason is None and len(body) > BODY_LIMIT:
            reason = f"the body has more than {BODY_LIMIT // 1024} KB"
        if reason is not None:
            return Refusal(due.id, "parked", reason)
        public = ids.encode("msg", due.id)
        headers = (("webhook-id", public), ("workspace", str(due.workspace_id)))
        return Parcel(due.id, mode, url, body, headers=headers)

    def _obstacle(self, url: str, mode: Mode) -> str | None:
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return f"`{url[:200]}` is no address that can be called"
        reason = literal_refusal(parts.hostname, mode, self._allowed)
        return f"`{parts.hostname}` may not be called: {reason}" if reason else None

    async def send(self, parcel: Parcel, *, now: datetime) -> Answer:
        """POST one; the signature is of this attempt's time."""
        given = dict(parcel.headers)
        signed = {
            "Content-Type": "application/json",
            "User-Agent": "headless-webhook",
            **self._signature(given["webhook-id"], int(given["workspace"]), parcel.body, now),
        }
        session = self._session("live" if parcel.sender == "live" else "sandbox")
        try:
            async with session.post(
                parcel.recipient, data=parcel.body, headers=signed, allow_redirects=False
            ) as response:
                return understood(response.status, response.headers.get("Retry-After"), now)
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, ForbiddenAddressError):
                return Answer(Verdict.PARK, str(error.os_error))
            return Answer(Verdict.RETRY, f"nobody there: {error}")
        except aiohttp.InvalidURL:
            return Answer(Verdict.PARK, f"`{parcel.recipient[:200]}` may not be called")
        except TimeoutError:
            return Answer(Verdict.RETRY, f"no answer in {SECONDS:.0f} seconds")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(Verdict.RETRY, f"no answer: {type(error).__name__}: {error}"[:500])

    async def close(self) -> None:
        """End all connections."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    def _session(self, mode: Mode) -> aiohttp.ClientSession:
        if mode not in self._sessions:
            self._sessions[mode] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=GuardedResolver(mode, self._allowed), use_dns_cache=False
                ),
                timeout=aiohttp.ClientTimeout(total=SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._sessions[mode]

    def _signature(
        self, public: str, workspace_id: int, body: bytes, now: datetime
    ) -> dict[str, str]:
        moment = now.astimezone(UTC)
        text = body.decode()
        signatures = (
            Webhook(_secret(key, workspace_id)).sign(public, moment, text) for key in self._keys
        )
        return {
            "webhook-id": public,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": " ".join(signatures),
        }


def understood(status: int, retry_after: str | None, now: datetime) -> Answer:
    """What an HTTP answer means."""
    if 200 <= status < 300:
        return SENT
    if status == 410:
        return Answer(Verdict.PARK, "410: the receiver is gone for good")
    detail = f"{status}: a redirect, which is not followed" if status < 400 else str(status)
    return Answer(
        Verdict.RETRY, detail, slow=status in (429, 502, 504), after=_seconds(retry_after, now)
    )


def _seconds(retry_after: str | None, now: datetime) -> float | None:
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            at = parsedate_to_datetime(retry_after)
        except ValueError:
            return None
        seconds = (at.astimezone(UTC) - now).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER) if seconds == seconds else None


def _secret(key: bytes, workspace_id: int) -> str:
    own = hmac.digest(key, f"headless webhook {workspace_id}".encode(), hashlib.sha256)
    return f"whsec_{base64.b64encode(own).decode()}"
