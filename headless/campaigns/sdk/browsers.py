"""Browsers and apps of unknown people: what they did waits until somebody says whose they are.

The same visitors as the tracking script's, under keys of their own, met and settled as one set for
each batch of calls. Imports storage and `visitors`' shapes.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from headless.campaigns.visitors import WAITING, WAITS, Deed
from headless.storage.database import Transaction
from headless.storage.tables import Instant, contact, gone_contact, visitor

_PREFIX: Final = "sdk:"
_MERGES: Final = 5


class Browser(msgspec.Struct, frozen=True):
    """An `anonymousId`, whose it is as far as known, and what it did before that was known."""

    contact_id: int | None
    waiting: tuple[Deed, ...]


async def meet(
    tx: Transaction, workspace_id: int, anonymous_ids: Collection[str], *, now: datetime
) -> dict[str, Browser]:
    """Browsers by their ids, locked; those that are new are noted."""
    if not anonymous_ids:
        return {}
    given = insert(visitor).from_select(
        ["workspace_id", "key", "created_at", "seen_at"],
        select(
            literal(workspace_id),
            func.unnest(bindparam("keys", type_=ARRAY(visitor.c.key.type))),
            literal(now, Instant),
            literal(now, Instant),
        ),
    )
    rows = await tx.execute(
        given.on_conflict_do_update(
            index_elements=["workspace_id", "key"], set_={"seen_at": given.excluded.seen_at}
        ).returning(visitor.c.key, visitor.c.contact_id, visitor.c.waiting),
        {"keys": sorted(_PREFIX + one for one in anonymous_ids)},
    )
    found = rows.all()
    present = await _present(tx, workspace_id, {r.contact_id for r in found if r.contact_id})
    return {
        row.key.removeprefix(_PREFIX): Browser(
            present.get(row.contact_id or 0), _waiting(row.waiting, now)
        )
        for row in found
    }


def _waiting(kept: Any, now: datetime) -> tuple[Deed, ...]:
    items = msgspec.convert(kept.get("items", []), list[Deed], strict=False)
    return tuple(item for item in items if item.at > now - WAITS)


async def _present(tx: Transaction, workspace_id: int, numbers: set[int]) -> dict[int, int]:
    """The contacts, or those that they have become parts of; who was erased is not there."""
    now_at = {number: number for number in numbers}
    found: dict[int, int] = {}
    for _ in range(_MERGES):
        if not now_at:
            break
        places = list(set(now_at.values()))
        rows = await tx.execute(
            select(contact.c.id).where(
                contact.c.workspace_id == workspace_id, contact.c.id.in_(places)
            )
        )
        there = set(rows.scalars())
        found |= {number: place for number, place in now_at.items() if place in there}
        g = gone_contact.c
        moved = await tx.execute(
            select(g.contact_id, g.into_id).where(
                g.workspace_id == workspace_id,
                g.contact_id.in_([place for place in places if place not in there]),
                g.into_id.is_not(None),
            )
        )
        into = {row.contact_id: row.into_id for row in moved}
        now_at = {number: into[place] for number, place in now_at.items() if place in into}
    return found


async def settle(
    tx: Transaction,
    workspace_id: int,
    known: Mapping[str, Browser],
    claims: Mapping[str, int],
    deeds: Mapping[str, list[Deed]],
) -> list[tuple[int, Deed]]:
    """Give browsers to whom they belong now (`claims`), and answer what is a contact's therefore.

    No claim takes a browser away from the contact that it has. What is still nobody's waits.
    """
    done: list[tuple[int, Deed]] = []
    changed: list[dict[str, Any]] = []
    for name, browser in known.items():
        new = deeds.get(name, [])
        whose = browser.contact_id or claims.get(name)
        if whose is None:
            if new:
                waiting = [*browser.waiting, *new][-WAITING:]
                changed.append(_row(name, None, waiting))
            continue
        done += [(whose, deed) for deed in (*browser.waiting, *new)]
        if browser.contact_id is None or browser.waiting:
            changed.append(_row(name, whose, []))
    if changed:
        await tx.execute(
            update(visitor)
            .where(visitor.c.workspace_id == workspace_id, visitor.c.key == bindparam("browser"))
            .values(contact_id=bindparam("whose"), waiting=bindparam("kept")),
            changed,
        )
    return done


def _row(name: str, whose: int | None, waiting: list[Deed]) -> dict[str, Any]:
    return {
        "browser": _PREFIX + name,
        "whose": whose,
        "kept": {"items": msgspec.to_builtins(waiting)},
    }
