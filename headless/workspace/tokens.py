"""API tokens: made, recognised, revoked.

`hk_test_` or `hk_live_`, 30 random base62 characters and 6 of their CRC-32, so that secret scanners
find them and a torn one is refused without asking the database. Only the SHA-256 and the first 12
characters are kept: whoever reads the table cannot use what stands there. Imports storage.
"""

import hashlib
import re
import secrets
import zlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import RowMapping, and_, bindparam, insert, or_, select, update

from headless.dsl.near import did_you_mean
from headless.problems import Problem
from headless.storage.database import Transaction
from headless.storage.tables import Instant, member, token

SCOPES: Final = (
    "admin",
    "activities:write",
    "audit:read",
    "campaigns:publish",
    "campaigns:read",
    "campaigns:write",
    "channels:read",
    "channels:write",
    "components:read",
    "components:write",
    "contacts:erase",
    "contacts:export",
    "contacts:read",
    "contacts:write",
    "emails:read",
    "emails:write",
    "members:read",
    "members:write",
    "messages:read",
    "messages:write",
    "metrics:read",
    "segments:read",
    "segments:write",
    "suppressions:read",
    "suppressions:write",
    "tokens:read",
    "tokens:write",
    "webhooks:read",
    "webhooks:write",
    "workspace:read",
    "workspace:write",
)
"""What a token may be allowed to do; `admin` is everything."""

State = Literal["active", "expired", "revoked"]
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM: Final = 30
_CHECK: Final = 6
_SHAPE: Final = re.compile(r"hk_(?:live|test)_[0-9A-Za-z]{36}")
_PUBLIC: Final = re.compile(r"hp_(?:live|test)_[0-9A-Za-z]{36}")
_PREFIX: Final = 12
_TOUCH: Final = timedelta(minutes=1)


class Token(msgspec.Struct, frozen=True):
    """What is known of a token; the token itself is shown once, when it is made."""

    id: int
    workspace_id: int
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    member_id: int | None = None
    role: str | None = None  # its owner's, who may do no more; None for a service account

    def state(self, now: datetime) -> State:
        """Whether it works at `now`, or why not."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


def generate(kind: Literal["live", "test"], *, public: bool = False) -> str:
    """A new token, random in 30 characters; a `public` one is a write key and begins with `hp_`."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    start = f"{'hp' if public else 'hk'}_{kind}_{body}"
    return start + _checksum(start)


def is_whole(text: str, *, public: bool = False) -> bool:
    """Whether a text is a token (`public`: a write key) by its shape and its checksum."""
    shape = _PUBLIC if public else _SHAPE
    return bool(shape.fullmatch(text)) and _checksum(text[:-_CHECK]) == text[-_CHECK:]


def allows(held: Collection[str], wanted: Collection[str]) -> bool:
    """Whether the held scopes allow what any one of the wanted ones does."""
    return "admin" in held or not wanted or any(scope in held for scope in wanted)


def covers(held: Collection[str], wanted: Collection[str]) -> bool:
    """Whether the held scopes allow all that the wanted ones do: who mints may mint these."""
    return "admin" in held or set(wanted) <= set(held)


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode("ascii"))
    digits = []
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("ascii")).digest()


_MINE: Final = and_(member.c.workspace_id == token.c.workspace_id, member.c.id == token.c.member_id)
_KNOWN: Final = select(token, member.c.role).select_from(token.outerjoin(member, _MINE))
_GOOD: Final = _KNOWN.where(
    token.c.hash == bindparam("hash"),
    token.c.revoked_at.is_(None),
    or_(token.c.expires_at.is_(None), token.c.expires_at > bindparam("now", type_=Instant)),
)


def _read(row: RowMapping, role: str | None = None) -> Token:
    values: dict[str, Any] = {n: row[n] for n in Token.__struct_fields__ if n != "role"}
    values["role"] = row.get("role", role)
    values["scopes"] = tuple(values["scopes"])
    return Token(**values)


async def make(
    tx: Transaction,
    workspace_id: int,
    name: str,
    scopes: Sequence[str],
    *,
    kind: Literal["live", "test"],
    now: datetime,
    expires_at: datetime | None = None,
    member_id: int | None = None,
) -> tuple[Token, str]:
    """A new token and its text, which is kept nowhere; raises Problem for a scope there is not.

    It belongs to a member, who is one person with all of theirs, or is a service account.
    """
    for scope in scopes:
        if scope not in SCOPES:
            hint = did_you_mean(scope, SCOPES) or f"the scopes are {', '.join(SCOPES)}"
            raise Problem("invalid_value", f"there is no scope `{scope}`; {hint}")
    text = generate(kind)
    made = await tx.execute(
        insert(token)
        .values(
            workspace_id=workspace_id,
            name=name,
            prefix=text[:_PREFIX],
            hash=_hash(text),
            scopes=sorted(set(scopes)),
            created_at=now,
            expires_at=expires_at,
            member_id=member_id,
        )
        .returning(token.c.id)
    )
    return await find(tx, workspace_id, made.scalar_one()), text


async def verify(tx: Transaction, text: str, *, now: datetime) -> Token | None:
    """The token that a text is, None when it is unknown, revoked or expired.

    The time of its last use is noted once a minute at most.
    """
    if not is_whole(text):
        return None
    found = await tx.execute(_GOOD, {"hash": _hash(text), "now": now})
    row = found.mappings().one_or_none()
    if row is None:
        return None
    known = _read(row)
    if known.last_used_at is None or known.last_used_at + _TOUCH <= now:
        await tx.execute(
            update(token)
            .where(token.c.workspace_id == known.workspace_id, token.c.id == known.id)
            .values(last_used_at=now)
        )
    return known


async def find(tx: Transaction, workspace_id: int, token_id: int) -> Token:
    """A token, whether it still works or not; raises Problem `not_found`."""
    found = await tx.execute(
        _KNOWN.where(token.c.workspace_id == workspace_id, token.c.id == token_id)
    )
    row = found.mappings().one_or_none()
    if row is None:
        raise Problem("not_found", "there is no such token here")
    return _read(row)


async def listing(
    tx: Transaction, workspace_id: int, *, limit: int | None = None, above: int = 0
) -> list[Token]:
    """A workspace's tokens, the revoked ones too, in the order in which they were made.

    At most `limit` of those behind the one with the number `above`.
    """
    rows = await tx.execute(
        _KNOWN.where(token.c.workspace_id == workspace_id, token.c.id > above)
        .order_by(token.c.id)
        .limit(limit)
    )
    return [_read(row) for row in rows.mappings()]


async def rotate(
    tx: Transaction,
    workspace_id: int,
    token_id: int,
    *,
    kind: Literal["live", "test"],
    grace: timedelta,
    now: datetime,
    latest: datetime | None = None,
) -> tuple[Token, str]:
    """A new token in the place of another, which goes on for `grace` and no longer.

    The new one has the name, the scopes and the length of life of the other, and ends at `latest`
    at the latest. Raises Problem `not_found`, and `wrong_state` for one that has ended already.
    """
    await tx.execute(
        select(token.c.id)
        .where(token.c.workspace_id == workspace_id, token.c.id == token_id)
        .with_for_update()
    )
    known = await find(tx, workspace_id, token_id)
    if known.state(now) != "active":
        raise Problem("wrong_state", f"`{known.name}` is {known.state(now)}; make a new token")
    ends = latest
    if known.expires_at is not None:
        own = now + (known.expires_at - known.created_at)
        ends = own if latest is None else min(own, latest)
    made = await make(
        tx,
        workspace_id,
        known.name,
        known.scopes,
        kind=kind,
        now=now,
        expires_at=ends,
        member_id=known.member_id,
    )
    end = now + grace
    await tx.execute(
        update(token)
        .where(token.c.workspace_id == workspace_id, token.c.id == token_id)
        .values(expires_at=end if known.expires_at is None else min(end, known.expires_at))
    )
    return made


async def revoke(tx: Transaction, workspace_id: int, token_id: int, *, now: datetime) -> Token:
    """End a token at once; raises Problem `not_found`. A second time changes nothing."""
    await tx.execute(
        update(token)
        .where(
            token.c.workspace_id == workspace_id,
            token.c.id == token_id,
            token.c.revoked_at.is_(None),
        )
        .values(revoked_at=now)
    )
    return await find(tx, workspace_id, token_id)


async def revoke_all(tx: Transaction, workspace_id: int, member_id: int, *, now: datetime) -> None:
    """End every token of a member at once."""
    await tx.execute(
        update(token)
        .where(
            token.c.workspace_id == workspace_id,
            token.c.member_id == member_id,
            token.c.revoked_at.is_(None),
        )
        .values(revoked_at=now)
    )
