"""`/v1/members`: the colleagues of a workspace, their roles, and how they come and go.

Nobody hands on more than they may do themselves: a role is given, changed and taken only by a token
that may do all that the role may.
"""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from msgspec import UNSET, UnsetType

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
    number,
    page,
)
from headless.audience.addresses import normalised
from headless.problems import Problem
from headless.workspace import members, tokens
from headless.workspace.members import Invite, Member
from headless.workspace.roles import Role, scopes_of

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f]+$")]


class ColleagueShape(msgspec.Struct, frozen=True):
    """A colleague; `left_at` is null for who is still here."""

    id: str
    name: str
    email: str | None
    slack_id: str | None
    role: Role
    created_at: Instant
    left_at: Instant | None


class ColleagueChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be different of a colleague; null clears."""

    role: Role | UnsetType = UNSET
    email: str | UnsetType | None = UNSET


class InviteWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to ask in, and as what."""

    name: _Name
    email: str
    role: Role = "viewer"


class InviteShape(msgspec.Struct, frozen=True):
    """An invitation; `state` is `open`, `accepted`, `revoked` or `expired`."""

    id: str
    name: str
    email: str
    role: Role
    state: str
    invited_by: str
    created_at: Instant
    expires_at: Instant
    accepted_at: Instant | None
    member_id: str | None


class MadeInvite(msgspec.Struct, frozen=True):
    """A new invitation. Whoever opens `url` joins, once; it is shown now only."""

    url: str
    id: str
    name: str
    email: str
    role: Role
    expires_at: Instant


def shape(known: Member) -> ColleagueShape:
    """A colleague as answers show them."""
    return ColleagueShape(
        ids.encode("mem", known.id),
        known.name,
        known.email,
        known.slack_id,
        known.role,
        instant(known.created_at),
        maybe_instant(known.left_at),
    )


def _invitation(call: Call, known: Invite) -> InviteShape:
    return InviteShape(
        id=ids.encode("inv", known.id),
        name=known.name,
        email=known.email,
        role=known.role,
        state=known.state(call.now),
        invited_by=known.invited_by,
        created_at=instant(known.created_at),
        expires_at=instant(known.expires_at),
        accepted_at=maybe_instant(known.accepted_at),
        member_id=None if known.member_id is None else ids.encode("mem", known.member_id),
    )


def _address(text: str) -> str:
    try:
        return normalised(text)
    except ValueError as error:
        raise Problem("invalid_value", f"`email`: {error}") from error


def _must_cover(call: Call, role: Role) -> None:
    """Raise Refused where the calling token may do less than a role."""
    wanted = scopes_of(role)
    if not tokens.covers(call.token.scopes, wanted):
        raise Refused(
            "insufficient_scope",
            f"`{call.token.name}` may do less than the role `{role}` and cannot give or take it",
            'Bearer error="insufficient_scope"',
            scopes=[one for one in wanted if one not in call.token.scopes],
        )


@get("/members", opt=needs("members:read", "members:write"), tags=["Access"])
async def list_workspace_members(
    call: Caller, limit: Limit = 50, cursor: Cursor = None, role: FromQuery[Role | None] = None
) -> Page[ColleagueShape]:
    """The workspace's colleagues, also those who have left; with `role` those who have it."""
    above = after(cursor, list="members", role=role) or 0
    async with call.transaction() as tx:
        rows = await members.listing(tx, call.workspace_id, limit=limit + 1, above=above, role=role)
    return page(rows, limit, lambda row: row.id, shape, list="members", role=role)


@get("/members/invites", opt=needs("members:read", "members:write"), tags=["Access"])
async def list_invites(call: Caller, limit: Limit = 50, cursor: Cursor = None) -> Page[InviteShape]:
    """The invitations, also those that have ended, in the order in which they were made."""
    above = after(cursor, list="invites") or 0
    async with call.transaction() as tx:
        rows = await members.invites(tx, call.workspace_id, limit=limit + 1, above=above)
    return page(rows, limit, lambda row: row.id, lambda row: _invitation(call, row), list="invites")


@post(
    "/members/invites",
    opt={**needs("members:write"), **reads(InviteWrite)},
    tags=["Access"],
    status_code=201,
)
async def create_invite(request: Request[Any, Any, Any], call: Caller) -> Response[MadeInvite]:
    """Invite a colleague: pass `url` on, it works once within seven days.

    Who opens it gets a token of their own, which may do what their role may.
    """
    body = await bodies.read(request, InviteWrite)
    _must_cover(call, body.role)
    async with call.transaction() as tx:
        made, ticket = await members.invite(
            tx,
            call.workspace_id,
            name=body.name,
            email=_address(body.email),
            role=body.role,
            by=call.actor,
            now=call.now,
        )
    shown = MadeInvite(
        url=f"{call.house.settings.url}/join/{ticket}",
        id=ids.encode("inv", made.id),
        name=made.name,
        email=made.email,
        role=made.role,
        expires_at=instant(made.expires_at),
    )
    headers = {"Cache-Control": "no-store"}
    return Response(shown, status_code=201, headers=headers)


@delete(
    "/members/invites/{invite_id:str}",
    opt=needs("members:write"),
    tags=["Access"],
    status_code=204,
)
async def revoke_invite(call: Caller, invite_id: FromPath[str]) -> None:
    """Withdraw an invitation that nobody has accepted; a second time changes nothing."""
    async with call.transaction() as tx:
        await members.withdraw(tx, call.workspace_id, number("inv", invite_id), now=call.now)


@get("/members/{member_id:str}", opt=needs("members:read", "members:write"), tags=["Access"])
async def get_member(call: Caller, member_id: FromPath[str]) -> ColleagueShape:
    """One colleague."""
    async with call.transaction() as tx:
        return shape(await members.find(tx, call.workspace_id, number("mem", member_id)))


@patch(
    "/members/{member_id:str}",
    opt={**needs("members:write"), **reads(ColleagueChange)},
    tags=["Access"],
)
async def change_member(
    request: Request[Any, Any, Any], call: Caller, member_id: FromPath[str]
) -> ColleagueShape:
    """Give a colleague another role or address; it holds for all their tokens at once."""
    body = await bodies.read(request, ColleagueChange)
    wanted: dict[str, Any] = {}
    if body.role is not UNSET:
        wanted["role"] = body.role
    if body.email is not UNSET:
        wanted["email"] = None if body.email is None else _address(body.email)
    async with call.transaction() as tx:
        held = await members.find(tx, call.workspace_id, number("mem", member_id))
        for role in {held.role, wanted.get("role", held.role)}:
            _must_cover(call, role)
        changed = await members.change(tx, call.workspace_id, held.id, **wanted)
    if changed.role != held.role:
        call.about(ids.encode("mem", held.id), role=changed.role, before=held.role)
    return shape(changed)


@delete("/members/{member_id:str}", opt=needs("members:write"), tags=["Access"], status_code=204)
async def remove_member(call: Caller, member_id: FromPath[str]) -> None:
    """End a membership and all its tokens; contacts keep their owner. Again changes nothing."""
    async with call.transaction() as tx:
        held = await members.find(tx, call.workspace_id, number("mem", member_id))
        _must_cover(call, held.role)
        await members.leave(tx, call.workspace_id, held.id, now=call.now)


HANDLERS: Final[list[HTTPRouteHandler]] = [
    list_workspace_members, list_invites, create_invite, revoke_invite, get_member,
    change_member, remove_member,
]  # fmt: skip
