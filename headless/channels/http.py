"""HTTP on a customer's behalf: one request, guarded, bounded, never redirected.

The address may lead only where `reach` allows. What the other side does never raises: it is an
answer for the outbox. Imports `answers` and `reach`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Literal

import aiohttp
import msgspec
from yarl import URL

from headless.channels.answers import SENT, Answer, Verdict
from headless.channels.reach import ForbiddenAddressError, GuardedResolver, Mode, literal_refusal

SECONDS: Final = 20.0
READ_LIMIT: Final = 256 * 1024
_LONGEST_RETRY_AFTER: Final = 86_400.0
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class Request(msgspec.Struct, frozen=True):
    """What is asked: a body of bytes, with headers as they go on the wire."""

    method: Method
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


class Response(msgspec.Struct, frozen=True):
    """What was answered: the first 256 KB of the body, header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> object:
        """The body as JSON; None when it is none."""
        try:
            made: object = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return made


class Http:
    """The connections of one process to other people's servers."""

    def __init__(self, allowed: frozenset[str] = frozenset()) -> None:
        """`allowed`: hosts that may be called though they are on this machine or in its network."""
        self._allowed = allowed
        self._sessions: dict[Mode, aiohttp.ClientSession] = {}

    def obstacle(self, url: str, mode: Mode) -> str | None:
        """Why an address cannot be called at all; None when it can be tried.

        It is read as aiohttp will read it, where `１２７.0.0.1` is 127.0.0.1, for what is judged
        must be what is connected to.
        """
        try:
            parts = URL(url)
            host = parts.raw_host
        except ValueError:
            parts, host = URL(), None
        if parts.scheme not in ("http", "https") or not host:
            return f"`{url[:200]}` is no address that can be called"
        reason = literal_refusal(host, mode, self._allowed)
        return f"`{host}` may not be called: {reason}" if reason else None

    async def call(
        self, request: Request, *, mode: Mode, seconds: float = SECONDS
    ) -> Response | Answer:
        """The response, or what it means for the message that there is none."""
        obstacle = self.obstacle(request.url, mode)
        if obstacle is not None:
            return Answer(Verdict.PARK, obstacle)
        try:
            async with self._session(mode).request(
                request.method,
                request.url,
                data=request.body,
                headers=dict(request.headers),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=seconds),
            ) as response:
                body = await response.content.read(READ_LIMIT)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Response(response.status, headers, body)
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, ForbiddenAddressError):
                return Answer(Verdict.PARK, str(error.os_error))
            return Answer(Verdict.RETRY, f"nobody there: {error}")
        except aiohttp.InvalidURL:
            return Answer(Verdict.PARK, f"`{request.url[:200]}` may not be called")
        except TimeoutError:
            return Answer(Verdict.RETRY, f"no answer in {seconds:.0f} seconds")
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
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._sessions[mode]


def understood(response: Response, now: datetime) -> Answer:
    """What an HTTP status means where the other side says nothing more particular."""
    status = response.status
    if 200 <= status < 300:
        return SENT
    if status == 410:
        return Answer(Verdict.PARK, "410: the receiver is gone for good")
    detail = f"{status}: a redirect, which is not followed" if status < 400 else str(status)
    return Answer(
        Verdict.RETRY, detail, slow=status in (429, 502, 504), after=retry_after(response, now)
    )


def retry_after(response: Response, now: datetime) -> float | None:
    """The seconds that the other side asks us to wait, at most a day; None when it does not."""
    told = response.headers.get("retry-after")
    if told is None:
        return None
    try:
        seconds = float(told)
    except ValueError:
        try:
            at = parsedate_to_datetime(told)
        except ValueError:
            return None
        seconds = (at.astimezone(UTC) - now).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER) if seconds == seconds else None
