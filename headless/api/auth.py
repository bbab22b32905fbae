"""Who calls: bearer tokens, the scopes that routes declare, and the call that a handler is given.

Each handler under `/v1` says in its `opt` which scopes do (`needs(...)`); one guard checks them
before anything of the request is read. A `Call` carries the token's workspace, so that no handler
can look into another.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, TypeAlias, cast

import msgspec
from litestar.connection import ASGIConnection, Request
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler

from headless import ids
from headless.api import counting, repeats
from headless.api.answers import answers
from headless.api.budgets import Budgets
from headless.channels.fetching import Fetcher, WebFetcher
from headless.channels.handover import Handover
from headless.channels.links import Links
from headless.channels.notices import Notices
from headless.channels.reports.hooks import Hooks
from headless.clock import Clock
from headless.dsl.near import did_you_mean, some_of
from headless.problems import Problem
from headless.runtime.versions import Versions
from headless.seals import Seals
from headless.settings import Settings
from headless.storage.database import Database, Transaction
from headless.storage.whole import Whole
from headless.workspace import tokens
from headless.workspace.answered import Claim
from headless.workspace.roles import Role, bounded
from headless.workspace.tokens import Token

DRY_RUN: Final = "dry_run"
INGEST: Final = "activities:write"
_PIECEMEAL: Final = "piecemeal"
_SCHEME: Final = "bearer"
_REALM: Final = 'Bearer realm="headless"'
_TAIL: Final = 4


class House:
    """What the whole application shares."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self.database = database
        self.settings = settings
        self.clock = clock
        self.versions = Versions()
        keys = tuple(key.encode() for key in settings.secret_keys)
        self.links = Links(keys, settings.url)
        self.handover = Handover(keys)
        self.seals = Seals(keys)
        self.hooks = Hooks(keys)
        self.fetcher: Fetcher = WebFetcher()
        self.notices = Notices(database, self.seals, clock.now)
        self.budgets: Budgets | None = None  # None: nobody is counted
        self.ending = asyncio.Event()  # the process is asked to stop
        self.rehearsals = asyncio.Semaphore(1)  # simulations that run at once
        self.answers = answers(database, self.versions)


class Call:
    """One authenticated request: whose it is, and what it may work with.

    `database` is for use cases that open transactions of their own: what they do is kept when the
    answer is known, all of it together, and by nobody when the call is `dry`. What outlives the
    request uses `house.database`.
    """

    def __init__(
        self,
        house: House,
        token: Token,
        now: datetime,
        handler: BaseRouteHandler,
        *,
        dry: bool = False,
    ) -> None:
        self.house = house
        self.token = token
        self.now = now
        self.handler = handler
        self.dry = dry
        whole = dry or (mutates(handler) and not handler.opt.get(_PIECEMEAL))
        self.database = Whole(house.database, counted=dry) if whole else house.database
        self.count: counting.Way | None = None
        self.total: int | None = None
        self.subject: str | None = None
        self.noted: dict[str, Any] = {}

    @property
    def workspace_id(self) -> int:
        """The only workspace that this call can see."""
        return self.token.workspace_id

    @property
    def token_id(self) -> str:
        """The calling token's id."""
        return ids.encode("tok", self.token.id)

    @property
    def actor(self) -> str:
        """Who acts, as the audit knows it: a person, whichever token is used, or a token."""
        member_id = self.token.member_id
        return self.token_id if member_id is None else ids.encode("mem", member_id)

    def about(self, subject: str, **noted: Any) -> None:
        """Tell the audit what this is about, where neither path nor answer does, and details."""
        self.subject = subject
        self.noted |= noted

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction that commits when the block ends well."""
        async with self.database.transaction() as tx:
            if self.count is None:
                yield tx
                return
            heard = counting.Heard(tx)
            yield heard
            self.total = await heard.total(self.count)


Caller: TypeAlias = NamedDependency[Call]
"""How a handler asks for its `call`."""


class Refused(Problem):
    """A problem that tells by a header how to come in."""

    def __init__(self, code: str, detail: str, challenge: str, **extra: Any) -> None:
        super().__init__(code, detail, **extra)
        self.headers = {"WWW-Authenticate": challenge}


class Needs(msgspec.Struct, frozen=True):
    """The scopes of which a token must hold one; none: any token will do."""

    scopes: tuple[str, ...]


def needs(*scopes: str) -> dict[str, Any]:
    """For a handler's `opt`: any one of these scopes will do; none given, any token will."""
    for scope in scopes:
        if scope not in tokens.SCOPES:
            raise ValueError(f"there is no scope {scope}")
    return {"needs": Needs(scopes)}


def need_also(call: Call, scope: str) -> None:
    """Raise Refused for what a call may not see besides what its route shows."""
    if not tokens.allows(call.token.scopes, (scope,)):
        raise Refused(
            "insufficient_scope",
            f"this needs a token with `{scope}`, too; `{call.token.name}` has "
            f"{some_of(call.token.scopes)}",
            f'Bearer error="insufficient_scope", scope="{scope}"',
            scopes=[scope],
        )


def piecemeal() -> dict[str, Any]:
    """For the `opt` of a handler whose transactions are kept one by one, as they end."""
    return {_PIECEMEAL: True}


def needs_of(handler: BaseRouteHandler) -> Needs:
    """The scopes that a handler asks for; raises TypeError where it does not say."""
    wanted = handler.opt.get("needs")
    if not isinstance(wanted, Needs):
        raise TypeError(f"{handler.handler_name} does not say which scopes it needs")
    return wanted


def mutates(handler: BaseRouteHandler) -> bool:
    """Whether a handler changes something: a GET does not, nor what only asks for reading."""
    if not isinstance(handler, HTTPRouteHandler) or handler.http_methods & {"GET", "HEAD"}:
        return False
    return not all(scope.endswith(":read") for scope in needs_of(handler).scopes)


def house_of(connection: ASGIConnection[Any, Any, Any, Any]) -> House:
    """What the application shares."""
    house: House = connection.app.state.house
    return house


async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let through whoever has a good token with a scope that does; raises Refused."""
    wanted = needs_of(handler)
    house = house_of(connection)
    now = house.clock.now()
    text = _bearer(connection.headers.get("authorization", ""))
    async with house.database.glance() as tx:
        token = await tokens.verify(tx, text, now=now)
    if token is None:
        raise Refused(
            "unauthenticated",
            f"this token is not known here; it ends in …{text[-_TAIL:]}",
            'Bearer error="invalid_token"',
        )
    if token.role is not None:
        token = msgspec.structs.replace(token, scopes=bounded(token.scopes, cast(Role, token.role)))
    if house.budgets is not None:
        await house.budgets.take(connection, wanted.scopes, token.id, now)
    if not tokens.allows(token.scopes, wanted.scopes):
        wish = " or ".join(f"`{scope}`" for scope in wanted.scopes)
        raise Refused(
            "insufficient_scope",
            f"this needs a token with {wish}; `{token.name}` has {some_of(token.scopes)}",
            f'Bearer error="insufficient_scope", scope="{" ".join(wanted.scopes)}"',
            scopes=list(wanted.scopes),
        )
    dry = _is_dry(connection, handler)
    key = repeats.key_of(connection)
    if key is not None and not dry:
        claimed = Claim(token.workspace_id, "POST", connection.scope["path"], key, now)
        who = [*sorted(token.scopes), token.member_id]
        await repeats.begin(connection, handler, house.database, house.seals, claimed, who)
    call = Call(house, token, now, handler, dry=dry)
    call.count = counting.asked(connection, handler)
    connection.state.call = call


def _is_dry(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> bool:
    """Whether `?dry_run=true` asks for no more than the answer; raises Problem `invalid_value`."""
    given = connection.query_params.get(DRY_RUN)
    if given is None or not mutates(handler) or DRY_RUN in own_queries(handler):
        return False
    if given not in ("true", "false"):
        raise Problem("invalid_value", "`dry_run` is `true` or `false`")
    return bool(given == "true")


def _bearer(header: str) -> str:
    scheme, _, text = header.strip().partition(" ")
    text = text.strip()
    if not header.strip():
        raise Refused("unauthenticated", "send the header `Authorization: Bearer <token>`", _REALM)
    if scheme.lower() != _SCHEME or not text:
        raise Refused(
            "unauthenticated",
            f"`Authorization` must be `Bearer <token>`, and it begins with `{scheme[:20]}`",
            'Bearer error="invalid_request"',
        )
    if not tokens.is_whole(text):
        raise Refused(
            "unauthenticated",
            f"this is not a whole token; it ends in …{text[-_TAIL:]}"
            if text.isascii()
            else "this is not a whole token",
            'Bearer error="invalid_token"',
        )
    return text


async def provide_call(request: Request[Any, Any, Any]) -> Call:
    """The call that the guard let through."""
    call: Call = request.state.call
    return call


def known_parameters(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Refuse query parameters that the handler does not read, or that nothing can hold.

    Raises Problem `unknown_field` or `invalid_value`.
    """
    if not connection.query_params:
        return
    known = queries_of(handler)
    for name in connection.query_params:
        if name not in known:
            hint = did_you_mean(name, known) or (
                f"known are {some_of(known)}" if known else "this path reads none"
            )
            raise Problem("unknown_field", f"there is no parameter `{name[:60]}` here; {hint}")
        if any("\0" in value for value in connection.query_params.getall(name)):
            raise Problem("invalid_value", f"`{name}` holds U+0000; leave it out")


def queries_of(handler: BaseRouteHandler) -> frozenset[str]:
    """The names of the query parameters that a route takes; one without a token rehearses
    nothing."""
    own = own_queries(handler)
    asks = isinstance(handler.opt.get("needs"), Needs)
    if not asks:
        return own
    more = {counting.NAME} if counting.is_list(handler) else set()
    return own | more | {DRY_RUN} if mutates(handler) else own | more


def own_queries(handler: BaseRouteHandler) -> frozenset[str]:
    """The names of the query parameters that a handler itself reads."""
    known: frozenset[str] | None = handler.opt.get("queries")
    if known is None:
        paths = {name for path in handler.paths for name in _path_parameters(path)}
        taken = paths | {"request", "call", "headers", "state", "scope", "body", "data"}
        parameters = handler.parsed_fn_signature.parameters
        known = frozenset(
            getattr(field.kwarg_definition, "name", None) or name
            for name, field in parameters.items()
            if name not in taken
        )
        handler.opt["queries"] = known
    return known


def _path_parameters(path: str) -> list[str]:
    return [part[1:-1].partition(":")[0] for part in path.split("/") if part.startswith("{")]
