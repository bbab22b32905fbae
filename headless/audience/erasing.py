"""Erasing: everything that says who somebody is goes; what is left are numbers.

Every table that has a `contact_id` is emptied of the contact, whatever it is, so that a new one
cannot be forgotten. What stays: the tallies of steps, a line that says that there was somebody, and
a suppression by the hash of its address. Whoever was just writing about the contact may leave rows
behind: `clear` is run once more a minute later. Imports storage.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    LargeBinary,
    Table,
    bindparam,
    column,
    delete,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from headless import ids as public
from headless.storage import tables
from headless.storage.database import Transaction
from headless.storage.tables import Instant, gone_contact, metadata
from headless.workspace import audit
from headless.workspace.webhooks import telling

Hashed = Callable[[str], bytes]
"""A keyed hash of an address in lower case."""

_AGAIN_AFTER: Final = timedelta(minutes=1)
_IDS: Final = bindparam("ids", type_=ARRAY(BigInteger))
_KEPT: Final = ("contact", "gone_contact", "suppression")


async def erase(
    tx: Transaction,
    workspace_id: int,
    contacts: Sequence[int],
    *,
    now: datetime,
    hashed: Hashed | None = None,
) -> int:
    """Erase contacts, their runs and waits, their messages and all they did; how many there were.

    Whoever is moving one of them finishes first. With `hashed`, an address that was suppressed is
    known again when it comes back.
    """
    ids = {"ids": sorted(set(contacts))}
    await lock(tx, workspace_id, ids["ids"])
    c = tables.contact
    rows = await tx.execute(
        select(c.c.id, func.lower(c.c.email).label("email")).where(
            c.c.workspace_id == workspace_id, c.c.id == _IDS.any_()
        ),
        ids,
    )
    addresses = {row.id: row.email for row in rows}
    await _keep_hashes(tx, workspace_id, addresses, hashed, now)
    await _empty(tx, workspace_id, ids)
    inbox = tables.inbox_mail
    mails = [address for address in addresses.values() if address]
    await tx.execute(delete(inbox).where(func.lower(inbox.c.recipient).in_(mails)))
    await audit.blank(tx, workspace_id, [public.encode("con", number) for number in addresses])
    await tx.execute(delete(c).where(c.c.workspace_id == workspace_id, c.c.id == _IDS.any_()), ids)
    told = [{"contact_id": number} for number in sorted(addresses)]
    await telling.tell(tx, workspace_id, "contact.erased", told, now=now)
    return len(addresses)


async def lock(tx: Transaction, workspace_id: int, contacts: Sequence[int]) -> None:
    """The contacts' positions in key order, then the contacts: as batches do, so none deadlocks."""
    p, c, ids = tables.position, tables.contact, {"ids": list(contacts)}
    await tx.execute(
        select(p.c.enrollment_id)
        .where(p.c.workspace_id == workspace_id, p.c.contact_id == _IDS.any_())
        .order_by(p.c.enrollment_id, p.c.branch)
        .with_for_update(),
        ids,
    )
    await tx.execute(
        select(c.c.id)
        .where(c.c.workspace_id == workspace_id, c.c.id == _IDS.any_())
        .order_by(c.c.id)
        .with_for_update(),
        ids,
    )


async def _keep_hashes(
    tx: Transaction,
    workspace_id: int,
    addresses: dict[int, str | None],
    hashed: Hashed | None,
    now: datetime,
) -> None:
    """What stays of each contact; a suppression stays only where an address can be known again."""
    hashes = {
        number: hashed(address) if hashed and address else None
        for number, address in addresses.items()
    }
    given = (
        func.unnest(
            bindparam("numbers", list(hashes), type_=ARRAY(BigInteger)),
            bindparam("hashes", list(hashes.values()), type_=ARRAY(LargeBinary)),
        )
        .table_valued(column("id", BigInteger), column("hash", LargeBinary), name="given")
        .render_derived()
    )
    line = insert(gone_contact).from_select(
        ["workspace_id", "contact_id", "address_hash", "at", "clear_at"],
        select(
            literal(workspace_id),
            given.c.id,
            given.c.hash,
            literal(now, Instant),
            literal(now + _AGAIN_AFTER, Instant),
        ),
    )
    await tx.execute(
        line.on_conflict_do_update(
            index_elements=["workspace_id", "contact_id"],
            set_={n: line.excluded[n] for n in ("address_hash", "at", "clear_at")},
        )
    )
    s = tables.suppression
    mine = (s.c.workspace_id == workspace_id) & (s.c.contact_id == _IDS.any_())
    ids = {"ids": list(addresses)}
    await tx.execute(
        update(s)
        .where(mine, s.c.contact_id == given.c.id, given.c.hash.is_not(None))
        .values(address_hash=given.c.hash),
        ids,
    )
    await tx.execute(delete(s).where(mine, s.c.address_hash.is_(None)), ids)


async def _empty(tx: Transaction, workspace_id: int, ids: dict[str, Any]) -> None:
    """Every row about the contacts, in every table but the few that are kept."""
    a, j, en = tables.activity, tables.journal, tables.enrollment

    def of(table: Table) -> Any:
        return select(table.c.id).where(
            table.c.workspace_id == workspace_id, table.c.contact_id == _IDS.any_()
        )

    todo = tables.activity_todo
    await tx.execute(
        delete(todo).where(todo.c.workspace_id == workspace_id, todo.c.activity_id.in_(of(a))), ids
    )
    await tx.execute(
        delete(j).where(j.c.workspace_id == workspace_id, j.c.enrollment_id.in_(of(en))), ids
    )
    for table in about_contacts():
        await tx.execute(
            delete(table).where(
                table.c.workspace_id == workspace_id, table.c.contact_id == _IDS.any_()
            ),
            ids,
        )


def about_contacts() -> list[Table]:
    """The tables whose rows are about one contact; the journal goes by its runs."""
    return [
        table
        for table in metadata.sorted_tables
        if "contact_id" in table.c and table.name not in (*_KEPT, "journal")
    ]


def mark(workspace_id: int, rows: Any, *, now: Any) -> CTE:
    """A part of a statement by which contacts are erased as soon as it has committed.

    `rows` is a select of their numbers; `clear` does it, so that no batch has to wait for another.
    """
    given = rows.subquery("going")
    return (
        insert(gone_contact)
        .from_select(
            ["workspace_id", "contact_id", "at", "clear_at"],
            select(literal(workspace_id), *given.c, now, now),
        )
        .on_conflict_do_nothing()
        .returning(gone_contact.c.contact_id)
        .cte("going_away")
    )
