"""The installation: whether this process works on the database that it was meant for.

One row says to which `HEADLESS_URL` the data belong and in which place (server, database, table)
they were when they were bound to it. Data that stand in another place came out of a dump: whatever
made it and whoever restored it, they come up held, because what was about to be sent may have been
sent since. Data under another address are a copy: a copy hands nothing over to anybody. Imports
`database` and `tables`.
"""

import uuid
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import Row, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import insert

from headless.storage.database import Transaction
from headless.storage.tables import installation

_LOOPBACK: Final = frozenset(("localhost", "127.0.0.1", "::1"))
_PLACE: Final = (
    "select concat_ws('/', (select system_identifier from pg_control_system()),"
    " (select oid from pg_database where datname = current_database()),"
    " cast(cast('installation' as regclass) as oid))"
)
_LOOK: Final = select(installation, literal_column(f"({_PLACE})").label("here"))
_SKIPPED: Final = 10_000_000
_SKIP: Final = text(
    "select setval(cast(quote_ident(schemaname) || '.' || quote_ident(sequencename) as regclass),"
    " least(last_value + :numbers, max_value))"
    " from pg_sequences where schemaname = current_schema() and last_value is not null"
)


class Stance(msgspec.Struct, frozen=True):
    """What a process may do: `speaks` says whether anything may be handed over to anybody.

    `moved`: the data stand where they were not bound, and nobody has taken note of it yet.
    """

    number: str
    url: str
    bound_url: str | None
    restored_at: datetime | None = None
    backed_up_at: datetime | None = None
    moved: bool = False

    @property
    def copy(self) -> bool:
        """Whether the data belong to an installation at another address."""
        return self.bound_url is not None and not same_address(self.bound_url, self.url)

    @property
    def restored(self) -> bool:
        """Whether the data came out of a backup, and nobody has released them since."""
        return self.restored_at is not None

    @property
    def speaks(self) -> bool:
        """Whether messages may be handed over."""
        return not self.copy and not self.restored and not self.moved


def same_address(bound: str, now: str) -> bool:
    """Whether an installation at one address is the one at the other.

    Nobody can follow a link to a loopback address, so what was bound to one may move anywhere.
    """
    return bound.rstrip("/") == now.rstrip("/") or urlsplit(bound).hostname in _LOOPBACK


async def arrive(tx: Transaction, url: str, *, now: datetime) -> Stance:
    """What a process finds that starts with HEADLESS_URL `url`.

    Binds data that nobody has started on yet; notes data that have come out of a dump, and says
    by `moved` that it was only now.
    """
    await tx.execute(insert(installation).values(number=uuid.uuid4().hex).on_conflict_do_nothing())
    row = await _row(tx)
    place = await tx.scalar(text(_PLACE))
    moved = row.place is not None and row.place != place
    if row.place is None:
        await _set(tx, place=place)
    elif moved:
        await settle(tx, restored_at=now)
    if row.url is None or (row.url != url and same_address(row.url, url)):
        await _set(tx, url=url, bound_at=now)
    return msgspec.structs.replace(_read(await _row(tx), url), moved=moved)


async def stance(tx: Transaction, url: str) -> Stance:
    """The same without writing anything."""
    row = (await tx.execute(_LOOK)).one_or_none()
    if row is None:
        return Stance(number="", url=url, bound_url=None)
    moved = row.place is not None and row.place != row.here
    return msgspec.structs.replace(_read(row, url), moved=moved)


async def adopt(tx: Transaction, url: str, *, now: datetime) -> None:
    """From now on these data are the installation at `url`; the one they came from has its own."""
    await _set(tx, url=url, bound_at=now, number=uuid.uuid4().hex)


async def release(tx: Transaction) -> None:
    """What was held after a restore may speak again."""
    await _set(tx, restored_at=None)


async def settle(tx: Transaction, *, restored_at: datetime | None) -> None:
    """Note that the data are where they are to stay: held since `restored_at`, or moved as a whole.

    Numbers go on a long way further: what the installation has given out since the backup, in the
    links of mails above all, must not come to mean something else.
    """
    await _set(tx, place=await tx.scalar(text(_PLACE)), restored_at=restored_at)
    if restored_at is not None:
        await tx.execute(_SKIP, {"numbers": _SKIPPED})


async def backed_up(tx: Transaction, *, now: datetime) -> None:
    """Note that a backup was made."""
    await _set(tx, backed_up_at=now)


async def _row(tx: Transaction) -> Row[tuple[Any, ...]]:
    return (await tx.execute(select(installation).with_for_update())).one()


async def _set(tx: Transaction, **values: object) -> None:
    await tx.execute(update(installation).values(**values))


def _read(row: Row[tuple[Any, ...]], url: str) -> Stance:
    return Stance(
        number=row.number,
        url=url,
        bound_url=row.url,
        restored_at=row.restored_at,
        backed_up_at=row.backed_up_at,
    )
