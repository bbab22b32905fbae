"""The contacts that calls are about: found by their external ids, made and changed by their traits.

Traits become the contact's columns and fields as far as they fit; what does not fit is left out and
told, never a reason to lose the call. Imports `saving`, `merging` and storage.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET
from sqlalchemy import func, select

from headless.audience import fields as contact_fields
from headless.audience import merging, saving
from headless.audience.field_values import type_of
from headless.audience.fields import MOST, Fields, proper_name
from headless.audience.remembered import Hashes
from headless.audience.saving import Saved
from headless.audience.writes import Row, Write, check
from headless.campaigns.sdk.calls import Call
from headless.problems import Problem
from headless.storage.database import Transaction
from headless.storage.tables import contact
from headless.workspace.zones import zone

_HUMPS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_COLUMNS: Final = ("email", "phone")


class Known(msgspec.Struct, frozen=True):
    """A contact as far as calls need it."""

    id: int
    time_zone: str | None


class Traits(msgspec.Struct, frozen=True):
    """What calls say of one person, the later over the earlier."""

    email: Any = UNSET
    phone: Any = UNSET
    time_zone: str | None = None
    fields: Mapping[str, Any] = {}


async def find(tx: Transaction, workspace_id: int, user_ids: Iterable[str]) -> dict[str, Known]:
    """Contacts by their external ids."""
    wanted = sorted(set(user_ids))
    if not wanted:
        return {}
    c = contact.c
    rows = await tx.execute(
        select(c.external_id, c.id, c.time_zone).where(
            c.workspace_id == workspace_id, c.external_id.in_(wanted)
        )
    )
    return {row.external_id: Known(row.id, row.time_zone) for row in rows}


async def having(tx: Transaction, workspace_id: int, addresses: Iterable[str]) -> set[str]:
    """Those of the addresses, in lower case, that some contact has."""
    wanted = sorted({one.lower() for one in addresses})
    if not wanted:
        return set()
    lowered = func.lower(contact.c.email)
    rows = await tx.execute(
        select(lowered).where(contact.c.workspace_id == workspace_id, lowered.in_(wanted))
    )
    return set(rows.scalars())


def traits(calls: Sequence[Call]) -> Traits:
    """What the calls of one person say together."""
    data: dict[str, Any] = {}
    zone_: str | None = None
    for call in calls:
        if call.kind == "identify":
            data |= call.data
        zone_ = _zone(call.context.get("timezone")) or zone_
    zone_ = _zone(data.get("timezone")) or zone_
    columns = {name: _column(data[name]) for name in _COLUMNS if name in data}
    plain = {
        name: value
        for name, value in data.items()
        if name not in (*_COLUMNS, "timezone")
        and (value is None or isinstance(value, str | int | float))
    }
    return Traits(time_zone=zone_, fields=plain, **columns)


def _column(value: Any) -> Any:
    return value if isinstance(value, str) and value.strip() else UNSET


def _zone(given: Any) -> str | None:
    try:
        return zone(given) if isinstance(given, str) else None
    except (Problem, ValueError):
        return None


class People:
    """Writes what is known of people within one transaction."""

    def __init__(
        self, tx: Transaction, workspace_id: int, hashes: Hashes | None, *, now: datetime
    ) -> None:
        self._tx = tx
        self._workspace_id = workspace_id
        self._hashes = hashes
        self._now = now
        self.left_out: list[str] = []

    async def write(
        self, people: Sequence[tuple[Write, Traits]], *, create_fields: bool
    ) -> list[Saved]:
        """Make or change contacts: each by an identity, with what was said of it."""
        if not people:
            return []
        fields = await self._fields([said for _, said in people], create=create_fields)
        rows: dict[int, Row] = {}
        saved = [Saved() for _ in people]
        for index, (identity, said) in enumerate(people):
            try:
                rows[index] = self._row(identity, said, fields)
            except Problem as problem:
                saved[index].problem = problem
        await self._put(rows, saved)
        again = {n: row for n, row in rows.items() if _clashes(saved[n]) and row.texts.get("email")}
        for index, row in again.items():
            told = saved[index].problem
            self.left_out.append(f"`email`: {told.detail if told else ''}")
            row.texts = {k: v for k, v in row.texts.items() if k != "email"}
            saved[index].problem = None
        named = {n: row for n, row in again.items() if row.external_id or row.contact_id}
        await self._put(named, saved)
        return saved

    async def _put(self, rows: Mapping[int, Row], saved: list[Saved]) -> None:
        if rows:
            await saving.put(
                self._tx, self._workspace_id, rows, saved, now=self._now, hashes=self._hashes
            )

    async def _fields(self, said: Sequence[Traits], *, create: bool) -> Fields:
        known = await contact_fields.known(self._tx, self._workspace_id)
        new: dict[str, Any] = {}
        for name, value in ((k, v) for one in said for k, v in one.fields.items()):
            try:
                proper = proper_name(_snake(name))
                if create and value is not None and _known(name, known) is None:
                    new.setdefault(proper, type_of(value))
            except (Problem, ValueError):
                continue
        once = {name.lower(): name for name in reversed(new)}
        room = dict([(name, new[name]) for name in once.values()][: MOST - len(known)])
        if not room:
            return known
        return await contact_fields.ensure(self._tx, self._workspace_id, room, now=self._now)

    def _row(self, identity: Write, said: Traits, fields: Fields) -> Row:
        """The write as the tables take it; a trait that does not fit is left out."""
        given = {name: value for key, value in said.fields.items() if (name := _known(key, fields))}
        change = msgspec.structs.replace
        whole = change(identity, fields=given)
        whole = whole if said.email is UNSET else change(whole, email=said.email)
        whole = whole if said.phone is UNSET else change(whole, phone=said.phone)
        whole = whole if said.time_zone is None else change(whole, time_zone=said.time_zone)
        try:
            return check(whole, fields)
        except Problem as problem:
            faulty = {e["pointer"]: e["detail"] for e in problem.extra.get("errors", ())}
            if not faulty:
                raise
        for name, detail in faulty.items():
            self.left_out.append(f"`{name.rpartition('/')[2]}`: {detail}")
        kept = {name: value for name, value in given.items() if f"/fields/{name}" not in faulty}
        whole = change(whole, fields=kept)
        for column in (*_COLUMNS, "time_zone"):
            if f"/{column}" in faulty:
                whole = change(whole, **{column: UNSET})
        return check(whole, fields)

    async def join(self, previous: str, user_id: str) -> int | None:
        """Make one of two external ids: the contact of the first is the second's, or becomes it.

        Where there is neither, the second is made. None when that cannot be.
        """
        known = await find(self._tx, self._workspace_id, [previous, user_id])
        old, new = known.get(previous), known.get(user_id)
        if old is not None and new is not None:
            if old.id != new.id:
                pair = [(new.id, old.id)]
                await merging.merge(self._tx, self._workspace_id, pair, now=self._now)
            return new.id
        if new is not None:
            return new.id
        named = Write(contact_id=None if old is None else old.id, external_id=user_id)
        (saved,) = await self.write([(named, Traits())], create_fields=False)
        return saved.contact_id


def _clashes(saved: Saved) -> bool:
    return saved.problem is not None and saved.problem.code == "identity_conflict"


def _snake(name: str) -> str:
    return _HUMPS.sub("_", name.strip()).replace(" ", "_").replace("-", "_").lower()


def _known(name: str, fields: Fields) -> str | None:
    """The field that a trait is kept in."""
    field = fields.get(name.strip().lower()) or fields.get(_snake(name))
    return None if field is None else field.name
