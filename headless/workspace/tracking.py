"""What it means that nobody has asked a contact whether it may be seen opening and clicking.

The workspace says it for all, and for countries where the law says something else. A contact's own
word goes before it. Imports storage.
"""

import re
from typing import Annotated, Final, Literal

import msgspec
from sqlalchemy import select, update

from headless.problems import Problem
from headless.storage.database import Transaction
from headless.storage.tables import workspace

Answer = Literal["granted", "denied"]
Branch = Literal["else", "then"]
MOST_COUNTRIES: Final = 250
_COUNTRY: Final = re.compile(r"[A-Z]{2}")


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `unknown` means, and for contacts whose field `country` is one of `countries` (two
    capital letters: `{"DE": "denied"}`).

    `untracked` is the branch of `when opened` and `when not opened` that is taken when the time is
    up and the mail could not be seen opening.
    """

    unknown: Answer = "granted"
    countries: Annotated[dict[str, Answer], msgspec.Meta(max_length=MOST_COUNTRIES)] = {}
    untracked: Branch = "else"


async def get(tx: Transaction, workspace_id: int) -> Policy:
    """The workspace's policy; everybody is tracked until one is set."""
    kept = await tx.scalar(select(workspace.c.tracking).where(workspace.c.id == workspace_id))
    return Policy() if kept is None else msgspec.convert(kept, Policy)


async def put(tx: Transaction, workspace_id: int, policy: Policy) -> Policy:
    """Set the policy; it counts for what is handed over and followed from now on.

    Raises Problem `invalid_value` for what is no country.
    """
    for country in policy.countries:
        if not _COUNTRY.fullmatch(country):
            raise Problem(
                "invalid_value", f"`{country[:20]}` is no country; write two capital letters: `DE`"
            )
    await tx.execute(
        update(workspace)
        .where(workspace.c.id == workspace_id)
        .values(tracking=msgspec.to_builtins(policy), revision=workspace.c.revision + 1)
    )
    return policy
