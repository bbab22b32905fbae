"""Members: the colleagues of a workspace, what their roles let them do, and how they come and go.

Somebody becomes a member by a ticket that works once (`invite`, `accept`) and gets a token with it.
A member's tokens are all the same person; who leaves loses them at once, and stays as the owner of
contacts and in the audit. Imports storage, `roles` and `tokens`.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any, Final, cast

import msgspec
from sqlalchemy import RowMapping, func, insert, or_, select, update

from headless.problems import Problem
from headless.storage import tables
from headless.storage.database import Transaction
from headless.workspace import tokens, workspaces
from headless.workspace.roles import Role
from headless.workspace.tokens import Token

TICKET_LIFE: Final = timedelta(days=7)
_TOKEN_LIFE: Final = timedelta(days=90)
_member, _invite = tables.member, tables.invite


class Member(msgspec.Struct, frozen=True):
    """A colleague; `left_at` is None for who is still here."""

    id: int
    name: str
    email: str | None
    slack_id: str | None
    role: Role
    created_at: datetime
    left_at: datetime | None


class Invite(msgspec.Struct, frozen=True):
    """An invitation; its ticket is shown once, when it is made."""

    id: int
    name: str
    email: str
    role: Role
    invited_by: str
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None
    member_id: int | None

    def state(self, now: datetime) -> str:
        """`open`, or how it ended."""
        if self.accepted_at is not None:
            return "accepted"
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at <= now else "open"


class Joined(msgspec.Struct, frozen=True):
    """Who has come, in which workspace, with a token whose text is shown once."""

    workspace_id: int
    member: Member
    token: Token
    text: str


_MEMBER: Final = [_member.c[name] for name in Member.__struct_fields__]
_INVITE: Final = [_invite.c[name] for name in Invite.__struct_fields__]


def _to_member(row: RowMapping) -> Member:
    return Member(**cast(dict[str, Any], dict(row)))


def _to_invite(row: RowMapping) -> Invite:
    return Invite(**cast(dict[str, Any], dict(row)))


async def listing(
    tx: Transaction, workspace_id: int, *, limit: int, above: int = 0, role: Role | None = None
) -> list[Member]:
    """The colleagues in the order in which they came, those who have left too."""
    asked = [_member.c.workspace_id == workspace_id, _member.c.id > above]
    if role is not None:
        asked += [_member.c.role == role, _member.c.left_at.is_(None)]
    rows = await tx.execute(select(*_MEMBER).where(*asked).order_by(_member.c.id).limit(limit))
    return [_to_member(row) for row in rows.mappings()]


async def find(tx: Transaction, workspace_id: int, member_id: int) -> Member:
    """A colleague, also one who has left; raises Problem `not_found`."""
    found = await tx.execute(
        select(*_MEMBER).where(_member.c.workspace_id == workspace_id, _member.c.id == member_id)
    )
    row = found.mappings().one_or_none()
    if row is None:
        raise Problem("not_found", "there is no such member here")
    return _to_member(row)


async def change(tx: Transaction, workspace_id: int, member_id: int, **values: Any) -> Member:
    """Change `role`, `email` or `slack_id`; it holds for their tokens from the next call on.

    Raises Problem `not_found`, and `wrong_state` for who has left.
    """
    held = await find(tx, workspace_id, member_id)
    if held.left_at is not None:
        raise Problem("wrong_state", f"`{held.name}` has left; invite them again")
    if values:
        await tx.execute(update(_member).where(*_one(workspace_id, member_id)).values(**values))
    return await find(tx, workspace_id, member_id)


async def leave(tx: Transaction, workspace_id: int, member_id: int, *, now: datetime) -> Member:
    """End a membership with all its tokens; contacts keep their owner's name.

    Raises Problem `not_found`. A second time changes nothing.
    """
    held = await find(tx, workspace_id, member_id)
    if held.left_at is None:
        gone: dict[str, Any] = {"left_at": now, "role": "viewer", "slack_id": None}
        await tx.execute(update(_member).where(*_one(workspace_id, member_id)).values(**gone))
        await tokens.revoke_all(tx, workspace_id, member_id, now=now)
    return await find(tx, workspace_id, member_id)


async def invite(
    tx: Transaction,
    workspace_id: int,
    *,
    name: str,
    email: str,
    role: Role,
    by: str,
    now: datetime,
) -> tuple[Invite, str]:
    """An invitation and its ticket, which works once within seven days and is kept nowhere.

    `by` is who invites, as the audit knows them. Raises Problem `name_taken` where somebody else
    has the name or the address.
    """
    await _must_be_free(tx, workspace_id, name, email)
    ticket = secrets.token_hex(24)
    made = await tx.execute(
        insert(_invite)
        .values(
            workspace_id=workspace_id,
            name=name,
            email=email,
            role=role,
            hash=_hash(ticket),
            invited_by=by,
            created_at=now,
            expires_at=now + TICKET_LIFE,
        )
        .returning(*_INVITE)
    )
    return _to_invite(made.mappings().one()), ticket


async def _must_be_free(tx: Transaction, workspace_id: int, name: str, email: str) -> None:
    found = await tx.execute(
        select(*_MEMBER).where(
            _member.c.workspace_id == workspace_id,
            or_(
                func.lower(_member.c.name) == name.lower(),
                func.lower(_member.c.email) == email.lower(),
            ),
        )
    )
    for row in found.mappings():
        held = _to_member(row)
        same = held.name.lower() == name.lower()
        if same and (held.email is None or held.email.lower() == email.lower()):
            continue  # a name that contacts were given to, or somebody who comes back
        taken = f"`{held.name}` has the {'name' if same else 'address'}"
        raise Problem("name_taken", f"{taken} already; use another, or change that member")


async def invites(
    tx: Transaction, workspace_id: int, *, limit: int, above: int = 0
) -> list[Invite]:
    """The invitations in the order in which they were made, those that have ended too."""
    rows = await tx.execute(
        select(*_INVITE)
        .where(_invite.c.workspace_id == workspace_id, _invite.c.id > above)
        .order_by(_invite.c.id)
        .limit(limit)
    )
    return [_to_invite(row) for row in rows.mappings()]


async def withdraw(tx: Transaction, workspace_id: int, invite_id: int, *, now: datetime) -> Invite:
    """End an invitation that nobody has accepted; raises Problem `not_found`, `wrong_state`."""
    mine = (_invite.c.workspace_id == workspace_id, _invite.c.id == invite_id)
    found = await tx.execute(select(*_INVITE).where(*mine).with_for_update())
    row = found.mappings().one_or_none()
    if row is None:
        raise Problem("not_found", "there is no such invitation here")
    held = _to_invite(row)
    if held.accepted_at is not None:
        raise Problem("wrong_state", f"`{held.name}` has accepted it; delete the member instead")
    await tx.execute(
        update(_invite).where(*mine, _invite.c.revoked_at.is_(None)).values(revoked_at=now)
    )
    return msgspec.structs.replace(held, revoked_at=held.revoked_at or now)


async def ticketed(tx: Transaction, ticket: str, *, now: datetime) -> tuple[int, Invite]:
    """The workspace and the open invitation behind a ticket, locked.

    Raises Problem `not_found` for no ticket of ours, `gone` for one that has ended.
    """
    found = await tx.execute(
        select(_invite.c.workspace_id, *_INVITE)
        .where(_invite.c.hash == _hash(ticket))
        .with_for_update()
    )
    row = found.mappings().one_or_none()
    if row is None:
        raise Problem("not_found", "this is no invitation of ours; ask for a new one")
    values = dict(row)
    workspace_id = int(values.pop("workspace_id"))
    held = Invite(**values)
    if (state := held.state(now)) != "open":
        raise Problem("gone", f"this invitation is {state}; ask for a new one")
    return workspace_id, held


async def accept(tx: Transaction, ticket: str, *, now: datetime) -> Joined:
    """Make whoever has the ticket a member, with a token that lives 90 days.

    Raises Problem `not_found`, or `gone` for a ticket that was used, withdrawn or is too old.
    """
    workspace_id, held = await ticketed(tx, ticket, now=now)
    await _must_be_free(tx, workspace_id, held.name, held.email)
    values = {"email": held.email, "role": held.role, "left_at": None}
    known = await tx.scalar(
        select(_member.c.id).where(
            _member.c.workspace_id == workspace_id,
            func.lower(_member.c.name) == held.name.lower(),
        )
    )
    if known is None:
        known = await tx.scalar(
            insert(_member)
            .values(workspace_id=workspace_id, name=held.name, created_at=now, **values)
            .returning(_member.c.id)
        )
    else:
        await tx.execute(update(_member).where(*_one(workspace_id, known)).values(**values))
    await tx.execute(
        update(_invite)
        .where(_invite.c.workspace_id == workspace_id, _invite.c.id == held.id)
        .values(accepted_at=now, member_id=known)
    )
    workspace = await workspaces.find(tx, workspace_id)
    token, text = await tokens.make(
        tx,
        workspace_id,
        held.name[:100],
        ("admin",),
        kind=workspace.token_kind,
        now=now,
        expires_at=now + _TOKEN_LIFE,
        member_id=known,
    )
    return Joined(workspace_id, await find(tx, workspace_id, known), token, text)


def _one(workspace_id: int, member_id: int) -> tuple[Any, ...]:
    return _member.c.workspace_id == workspace_id, _member.c.id == member_id


def _hash(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode("utf-8", "replace")).digest()
