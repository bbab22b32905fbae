"""Names: how many names of activities public keys may bring, for anybody can read such a key.

A secret token may bring as many as it likes; what a public key sends under a new name counts only
while the workspace has fewer than `MOST`, so that a stranger cannot fill the catalogue. Imports
storage.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import func, select

from headless.storage.database import Transaction
from headless.storage.tables import subject

MOST: Final = 1_000
_EVENT: Final = "event"


async def surplus(tx: Transaction, workspace_id: int, names: Sequence[str]) -> frozenset[str]:
    """Those of these names, in lower case, that are new and too many; who comes first is let in."""
    s = subject.c
    mine = (s.workspace_id == workspace_id, s.kind == _EVENT)
    known = await tx.execute(
        select(func.lower(s.name)).where(*mine, func.lower(s.name).in_(sorted(set(names))))
    )
    there = set(known.scalars())
    new = [name for name in dict.fromkeys(names) if name not in there]
    if not new:
        return frozenset()
    room = MOST - int(await tx.scalar(select(func.count()).where(*mine)) or 0)
    return frozenset(new[max(room, 0) :])
