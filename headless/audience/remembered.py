"""Remembered: suppressions that outlive their contacts, known again by a keyed hash of the address.

Erasing a contact leaves the suppression and the hash; whoever brings the address back gets the
suppression back with it, so that no import lifts one. Imports storage.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Final

from sqlalchemy import (
    BigInteger,
    LargeBinary,
    and_,
    bindparam,
    column,
    delete,
    exists,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on, insert

from headless.storage.codes import Channel, word
from headless.storage.database import Transaction
from headless.storage.tables import contact, suppression

_PURPOSE: Final = b"headless suppressed address"


class Hashes:
    """Hashes of addresses under an installation's key ring, different in each workspace."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys`: newest first; ValueError when there is none."""
        if not keys:
            raise ValueError("addresses need at least one key to be hashed with")
        self._keys = tuple(keys)

    def of(self, workspace_id: int) -> Callable[[str], bytes]:
        """How an address of a workspace is hashed, with the newest key."""
        return lambda address: _hashed(self._keys[0], workspace_id, address)

    def newest(self, workspace_id: int, address: str) -> bytes:
        """The hash of an address of a workspace, with the newest key."""
        return _hashed(self._keys[0], workspace_id, address)

    def every(self, workspace_id: int, address: str) -> list[bytes]:
        """The hashes that an address may have been kept by, one for each key."""
        return [_hashed(key, workspace_id, address) for key in self._keys]


def ring(keys: Sequence[str]) -> Hashes | None:
    """The hashes under an installation's keys, newest first; None where it has none."""
    return Hashes([key.encode() for key in keys]) if keys else None


def _hashed(key: bytes, workspace_id: int, address: str) -> bytes:
    said = b"%d %s" % (workspace_id, address.strip().lower().encode())
    return hmac.digest(hmac.digest(key, _PURPOSE, sha256), said, sha256)


async def recall(
    tx: Transaction, workspace_id: int, hashes: Hashes, addresses: Mapping[int, str]
) -> None:
    """Give contacts (their number -> address) the suppressions that erased ones left behind."""
    pairs = [
        (number, one)
        for number, address in sorted(addresses.items())
        for one in hashes.every(workspace_id, address)
    ]
    if not pairs:
        return
    s = suppression
    given = (
        func.unnest(
            bindparam("numbers", [number for number, _ in pairs], type_=ARRAY(BigInteger)),
            bindparam("hashes", [one for _, one in pairs], type_=ARRAY(LargeBinary)),
        )
        .table_valued(column("id", BigInteger), column("hash", LargeBinary), name="given")
        .render_derived()
    )
    there = exists(
        select(1).where(contact.c.workspace_id == workspace_id, contact.c.id == s.c.contact_id)
    )
    mine = and_(s.c.workspace_id == workspace_id, s.c.address_hash == given.c.hash, ~there)
    kept = ("channel", "reason", "source", "address_hash", "at")
    await tx.execute(
        insert(s)
        .from_select(
            ["workspace_id", "contact_id", *kept],
            select(literal(workspace_id), given.c.id, *(s.c[name] for name in kept))
            .ext(distinct_on(given.c.id, s.c.channel))
            .select_from(s.join(given, mine))
            .order_by(given.c.id, s.c.channel, s.c.at),
        )
        .on_conflict_do_nothing()
    )
    await tx.execute(delete(s).where(mine))


async def suppressed(
    tx: Transaction, workspace_id: int, contacts: Sequence[int]
) -> dict[int, tuple[str, ...]]:
    """The channels that each of these contacts is suppressed on; who is on none is not there."""
    if not contacts:
        return {}
    s = suppression.c
    rows = await tx.execute(
        select(s.contact_id, func.array_agg(s.channel).label("channels"))
        .where(
            s.workspace_id == workspace_id,
            s.contact_id == bindparam("who", list(contacts), type_=ARRAY(BigInteger)).any_(),
        )
        .group_by(s.contact_id)
    )
    return {
        row.contact_id: tuple(word(Channel(code)) for code in sorted(row.channels)) for row in rows
    }
