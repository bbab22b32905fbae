"""`/v1/tokens`: who may call, made, changed for new ones, and ended.

A token hands on at most what it may do itself, for at most as long as it lives; and it rotates and
ends only those tokens that may do no more than it may.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, cast

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from headless import ids
from headless.api import bodies
from headless.api.auth import Call, Caller, Refused, needs
from headless.api.openapi import reads
from headless.api.shapes import (
    Cursor,
    Instant,
    Limit,
    Page,
    after,
    instant,
    maybe_instant,
    moment,
    number,
    page,
)
from headless.dsl.near import some_of
from headless.problems import Problem
from headless.storage.database import Transaction
from headless.workspace import tokens, workspaces
from headless.workspace.roles import Role, bounded
from headless.workspace.tokens import State, Token

_NEVER: Final = "never"
_LIFE: Final = timedelta(days=90)
_LONGEST_GRACE: Final = 30 * 24
_NO_KEEPING: Final = {"Cache-Control": "no-store"}


class KnownToken(msgspec.Struct, frozen=True):
    """What is known of a token; the token itself is answered once, when it is made."""

    id: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    state: State
    created_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None
    last_used_at: Instant | None
    member_id: str | None


class MadeToken(msgspec.Struct, frozen=True):
    """A new token. `token` is what to send as `Authorization: Bearer …`; it is shown now only."""

    token: str
    id: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: Instant
    expires_at: Instant | None
    member_id: str | None


class TokenWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token to make; it ends after 90 days, at `expires_at`, or `never`.

    A colleague's token makes tokens of the same colleague, who is one person with all of them; with
    `service` it makes one that is nobody's, and cannot approve.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    scopes: Annotated[list[str], msgspec.Meta(min_length=1, max_length=len(tokens.SCOPES))]
    expires_at: str | None = None
    service: bool = False


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how many hours the old token goes on; 0 ends it at once."""

    grace_hours: Annotated[float, msgspec.Meta(ge=0, le=_LONGEST_GRACE)] = 24


def _member(token: Token) -> str | None:
    return None if token.member_id is None else ids.encode("mem", token.member_id)


def _scopes(token: Token) -> tuple[str, ...]:
    """What a token may do: of its scopes, those that its owner's role allows."""
    return token.scopes if token.role is None else bounded(token.scopes, cast(Role, token.role))


def _known(call: Call, token: Token) -> KnownToken:
    return KnownToken(
        id=ids.encode("tok", token.id),
        name=token.name,
        prefix=token.prefix,
        scopes=_scopes(token),
        state=token.state(call.now),
        created_at=instant(token.created_at),
        expires_at=maybe_instant(token.expires_at),
        revoked_at=maybe_instant(token.revoked_at),
        last_used_at=maybe_instant(token.last_used_at),
        member_id=_member(token),
    )


def _made(token: Token, text: str) -> Response[MadeToken]:
    shown = MadeToken(
        token=text,
        id=ids.encode("tok", token.id),
        name=token.name,
        prefix=token.prefix,
        scopes=_scopes(token),
        created_at=instant(token.created_at),
        expires_at=maybe_instant(token.expires_at),
        member_id=_member(token),
    )
    return Response(shown, status_code=201, headers=_NO_KEEPING)


def _must_cover(call: Call, scopes: tuple[str, ...], what: str) -> None:
    """Raise Refused where the calling token may do less than the scopes say."""
    if not tokens.covers(call.token.scopes, scopes):
        lacking = tuple(scope for scope in scopes if scope not in call.token.scopes)
        named = "admin" if "admin" in lacking else " ".join(lacking)
        raise Refused(
            "insufficient_scope",
            f"`{call.token.name}` may not {what}: it has not {some_of(lacking)} itself",
            f'Bearer error="insufficient_scope", scope="{named}"',
            scopes=list(lacking),
        )


def _end_of(call: Call, given: str | None) -> datetime | None:
    """When a new token ends: no later than the calling one, unless that is an admin's."""
    own = None if "admin" in call.token.scopes else call.token.expires_at
    if given is None:
        usual = call.now + _LIFE
        return usual if own is None else min(own, usual)
    wanted = None if given == _NEVER else moment("expires_at", given)
    if wanted is not None and wanted <= call.now:
        raise Problem("invalid_value", "`expires_at` has passed; name a time to come")
    if own is not None and (wanted is None or wanted > own):
        raise Problem(
            "invalid_value",
            f"`{call.token.name}` ends at {instant(own)} and cannot make a token that outlives it",
        )
    return wanted


async def _within(tx: Transaction, call: Call, token_id: str, what: str) -> Token:
    """The token that a path names, if the caller may see to it."""
    found = await tokens.find(tx, call.workspace_id, number("tok", token_id))
    _must_cover(call, _scopes(found), what)
    return found


@get("/tokens", opt=needs("tokens:read", "tokens:write"), tags=["Access"])
async def list_tokens(call: Caller, limit: Limit = 50, cursor: Cursor = None) -> Page[KnownToken]:
    """The workspace's tokens, those that have ended too, in the order in which they were made."""
    above = after(cursor, list="tokens") or 0
    async with call.transaction() as tx:
        rows = await tokens.listing(tx, call.workspace_id, limit=limit + 1, above=above)
    return page(rows, limit, lambda row: row.id, lambda row: _known(call, row), list="tokens")


@get("/tokens/{token_id:str}", opt=needs("tokens:read", "tokens:write"), tags=["Access"])
async def get_token(call: Caller, token_id: FromPath[str]) -> KnownToken:
    """One token, without its text."""
    async with call.transaction() as tx:
        return _known(call, await tokens.find(tx, call.workspace_id, number("tok", token_id)))


@post(
    "/tokens",
    opt={**needs("tokens:write"), **reads(TokenWrite)},
    tags=["Access"],
    status_code=201,
)
async def create_token(request: Request[Any, Any, Any], call: Caller) -> Response[MadeToken]:
    """Make a token with scopes that the calling one has; its text is in this answer and kept
    nowhere."""
    body = await bodies.read(request, TokenWrite)
    _must_cover(call, tuple(each for each in body.scopes if each in tokens.SCOPES), "hand this on")
    ends = _end_of(call, body.expires_at)
    async with call.transaction() as tx:
        workspace = await workspaces.find(tx, call.workspace_id)
        made = await tokens.make(
            tx,
            call.workspace_id,
            body.name,
            body.scopes,
            kind=workspace.token_kind,
            now=call.now,
            expires_at=ends,
            member_id=None if body.service else call.token.member_id,
        )
    return _made(*made)


@post(
    "/tokens/{token_id:str}/rotate",
    opt={**needs("tokens:write"), **reads(Rotation)},
    tags=["Access"],
    status_code=201,
)
async def rotate_token(
    request: Request[Any, Any, Any], call: Caller, token_id: FromPath[str]
) -> Response[MadeToken]:
    """Make a new token in the place of one, which goes on for `grace_hours` (24) and then ends."""
    body = await bodies.read(request, Rotation, default=Rotation())
    async with call.transaction() as tx:
        held = await _within(tx, call, token_id, "rotate this")
        if held.member_id not in (None, call.token.member_id):
            raise Refused(
                "insufficient_scope",
                f"`{held.name}` is a colleague's, and only they rotate it; revoke it instead",
                'Bearer error="insufficient_scope"',
            )
        workspace = await workspaces.find(tx, call.workspace_id)
        made = await tokens.rotate(
            tx,
            call.workspace_id,
            held.id,
            kind=workspace.token_kind,
            grace=timedelta(hours=body.grace_hours),
            now=call.now,
            latest=None if "admin" in call.token.scopes else call.token.expires_at,
        )
    return _made(*made)


@delete("/tokens/{token_id:str}", opt=needs("tokens:write"), tags=["Access"], status_code=204)
async def revoke_token(call: Caller, token_id: FromPath[str]) -> None:
    """End a token at once; it stays in the list. A second time changes nothing."""
    async with call.transaction() as tx:
        held = await _within(tx, call, token_id, "revoke this")
        await tokens.revoke(tx, call.workspace_id, held.id, now=call.now)


HANDLERS: Final[list[HTTPRouteHandler]] = [
    list_tokens, get_token, create_token, rotate_token, revoke_token,
]  # fmt: skip
