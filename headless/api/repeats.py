"""`Idempotency-Key`: a POST that is sent again is answered again and not done again.

The guard claims the key before the handler runs (`begin`); what is sent then is kept before it
leaves (`keep_answer`). The same key with another body is refused, and so is one whose request still
runs. What may be tried again (408, 429, 5xx) is not kept.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.types import Message, Receive, Scope
from sqlalchemy.exc import SQLAlchemyError

from headless.problems import Problem
from headless.seals import Seals
from headless.storage.database import Database
from headless.workspace import answered
from headless.workspace.answered import Answered, Claim

log = structlog.get_logger(__name__)

HEADER: Final = "idempotency-key"
_REPLAYED: Final = "Idempotent-Replayed"
_KEY_LIMIT: Final = 255
_BODY_LIMIT: Final = 5 * 1024 * 1024
_STATE: Final = "keeping"
_NOT_KEPT: Final = frozenset({"content-length", "date", "server", "retry-after"})
_AGAIN: Final = (408, 429)


class Replay(Exception):  # noqa: N818 - no error: it is the answer
    """Raised instead of doing a request again."""

    def __init__(self, answer: Answered) -> None:
        super().__init__("answered before")
        self.answer = answer


class _Busy(Problem):
    headers: Final = {"Retry-After": "1"}


class Keeping:
    """A request under a key: what it is, and what it is answered."""

    def __init__(self, database: Database, seals: Seals, claimed: Claim) -> None:
        self.database = database
        self.seals = seals
        self.claimed = claimed
        self.digest = hashlib.sha256()
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.body = bytearray()

    def heard(self, receive: Receive) -> Receive:
        """The same `receive`, whose chunks join the digest: a stream is known at its end."""

        async def receiving() -> Any:
            message = await receive()
            if message["type"] == "http.request":
                self.digest.update(message.get("body", b""))
            return message

        return receiving

    async def take(self, message: Message) -> None:
        """A piece of the answer; behind the last one it is kept."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [
                (name.decode("latin-1").lower(), value.decode("latin-1"))
                for name, value in message["headers"]
            ]
        elif message["type"] == "http.response.body":
            if len(self.body) <= _BODY_LIMIT:
                self.body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._end()

    async def _end(self) -> None:
        again = self.status in _AGAIN or self.status >= 500 or len(self.body) > _BODY_LIMIT
        try:
            async with self.database.transaction() as tx:
                if again:
                    await answered.release(tx, self.claimed)
                else:
                    await answered.keep(tx, self.seals, self.claimed, self._answer())
        except (
            SQLAlchemyError,
            OSError,
        ) as error:  # it is done: whoever asked is told all the same
            log.warning("answer_not_kept", path=self.claimed.path, error=str(error))

    def _answer(self) -> Answered:
        kept = [(name, value) for name, value in self.headers if name not in _NOT_KEPT]
        return Answered(self.digest.digest(), self.status, kept, bytes(self.body))


async def begin(
    connection: ASGIConnection[Any, Any, Any, Any],
    handler: BaseRouteHandler,
    database: Database,
    seals: Seals,
    claimed: Claim,
    who: Sequence[object],
) -> None:
    """Claim the key of a request; raises Replay, or Problem `key_reused` or `key_busy`.

    `who` is what the caller may do and whose it is: an answer may hold a new token, so nobody else
    is told it again.
    """
    if not isinstance(connection, Request) or not isinstance(handler, HTTPRouteHandler):
        raise TypeError("only requests have an Idempotency-Key")
    keeping = Keeping(database, seals, claimed)
    keeping.digest.update(_asked(connection, who))
    if handler.resolve_request_max_body_size() is not None:
        await connection.body()  # too large or torn: refused before the key is taken
        keeping.digest.update(await connection.body())
    else:
        connection.receive = keeping.heard(connection.receive)
    try:
        async with database.transaction() as tx:
            known = await answered.claim(tx, seals, claimed)
    except Problem as problem:
        if problem.code == "key_busy":
            raise _Busy(problem.code, problem.detail) from problem
        raise
    if known is None:
        connection.scope["state"][_STATE] = keeping
        return
    async for _ in connection.stream():
        pass
    if keeping.digest.digest() != known.digest:
        raise Problem(
            "key_reused",
            "this key came with another query or body before; use a new key for a new request",
        )
    raise Replay(known)


def key_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """The key that a POST carries; raises Problem `invalid_value` for one that is none."""
    key = connection.headers.get(HEADER)
    if key is None or connection.scope.get("method") != "POST":
        return None
    if not 1 <= len(key) <= _KEY_LIMIT or not (key.isascii() and key.isprintable()):
        raise Problem(
            "invalid_value", f"`Idempotency-Key` has 1 to {_KEY_LIMIT} printable ASCII characters"
        )
    return key


def _asked(connection: ASGIConnection[Any, Any, Any, Any], who: Sequence[object]) -> bytes:
    """What of a request tells it apart from others on the same path, besides its body."""
    query = connection.scope["query_string"].decode("latin-1")
    media = connection.headers.get("content-type", "")
    return msgspec.json.encode([query, media, who])


async def keep_answer(message: Message, scope: Scope) -> None:
    """For `before_send`: pass the answer on to the keeping of its request, if there is one."""
    if scope["type"] == ScopeType.HTTP:
        keeping = scope.get("state", {}).get(_STATE)
        if isinstance(keeping, Keeping):
            await keeping.take(message)


def replay(_request: Request[Any, Any, Any], replayed: Replay) -> Response[bytes]:
    """The answer that was kept, marked as such."""
    kept = replayed.answer
    headers = dict(kept.headers)
    media = headers.pop("content-type", "application/octet-stream")
    return Response(
        kept.body,
        status_code=kept.status,
        media_type=media,
        headers={**headers, _REPLAYED: "true"},
    )
