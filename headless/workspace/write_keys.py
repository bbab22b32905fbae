"""Write keys: public keys by which web pages and apps report what their own visitors do.

A key stands in the page for everybody to read, so it allows next to nothing: who is somebody known
must be proved by a hash of the external id, made on the customer's server with the key's secret
(`proves`). The secret is derived from the installation's key ring and kept nowhere. Imports
`tokens` and storage.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import RowMapping, insert, select, update

from headless.problems import Problem
from headless.storage.database import Transaction
from headless.storage.tables import write_key
from headless.workspace import tokens

MOST_ORIGINS: Final = 50
_PURPOSE: Final = b"headless user hash"


class WriteKey(msgspec.Struct, frozen=True):
    """A public key; `origins` are the web sites that may use it, none: all."""

    id: int
    workspace_id: int
    name: str
    key: str
    origins: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None

    def admits(self, origin: str | None) -> bool:
        """Whether a page of this origin may use the key; what is no browser names none."""
        return origin is None or not self.origins or origin.lower() in self.origins


def _read(row: RowMapping) -> WriteKey:
    values: dict[str, Any] = {name: row[name] for name in WriteKey.__struct_fields__}
    values["origins"] = tuple(values["origins"])
    return WriteKey(**values)


def secret(ring: Sequence[str], key_id: int) -> str:
    """What the customer's server makes user hashes with, in hexadecimal."""
    return hmac.digest(ring[0].encode(), b"%s %d" % (_PURPOSE, key_id), hashlib.sha256).hex()


def proves(ring: Sequence[str], key_id: int, user_id: str, user_hash: str) -> bool:
    """Whether a hash is HMAC-SHA256 of the external id under the key's secret, in hexadecimal."""
    given = user_hash.strip().lower().encode()
    return any(
        hmac.compare_digest(
            hmac.digest(
                secret([one], key_id).encode(), user_id.encode(), hashlib.sha256
            ).hex().encode(),
            given,
        )
        for one in ring
    )  # fmt: skip


def origin(text: str) -> str:
    """A web site's origin as browsers say it; raises Problem `invalid_value`."""
    try:
        parts = urlsplit(text.strip().lower())
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        parts, port = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise Problem(
            "invalid_value", f"`{text[:80]}` is no origin; it looks like `https://shop.example.com`"
        )
    return f"{parts.scheme}://{parts.hostname}{port}"


async def make(
    tx: Transaction,
    workspace_id: int,
    name: str,
    origins: Sequence[str],
    *,
    kind: Literal["live", "test"],
    now: datetime,
) -> WriteKey:
    """A new key; raises Problem `invalid_value`."""
    made = await tx.execute(
        insert(write_key)
        .values(
            workspace_id=workspace_id,
            name=name,
            key=tokens.generate(kind, public=True),
            origins=sorted({origin(each) for each in origins}),
            created_at=now,
        )
        .returning(write_key)
    )
    return _read(made.mappings().one())


async def verify(tx: Transaction, text: str) -> WriteKey | None:
    """The key that a text is, None when it is unknown or was revoked."""
    if not tokens.is_whole(text, public=True):
        return None
    found = await tx.execute(
        select(write_key).where(write_key.c.key == text, write_key.c.revoked_at.is_(None))
    )
    row = found.mappings().one_or_none()
    return None if row is None else _read(row)


async def listing(
    tx: Transaction, workspace_id: int, *, limit: int, above: int = 0
) -> list[WriteKey]:
    """A workspace's keys in the order of their making, the revoked ones too."""
    rows = await tx.execute(
        select(write_key)
        .where(write_key.c.workspace_id == workspace_id, write_key.c.id > above)
        .order_by(write_key.c.id)
        .limit(limit)
    )
    return [_read(row) for row in rows.mappings()]


async def revoke(tx: Transaction, workspace_id: int, key_id: int, *, now: datetime) -> None:
    """End a key at once, a second time changes nothing; raises Problem `not_found`."""
    mine = write_key.c.workspace_id == workspace_id, write_key.c.id == key_id
    if await tx.scalar(select(write_key.c.id).where(*mine)) is None:
        raise Problem("not_found", "there is no such write key here")
    await tx.execute(
        update(write_key).where(*mine, write_key.c.revoked_at.is_(None)).values(revoked_at=now)
    )
