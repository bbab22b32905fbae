"""Saving contacts: checked writes reach the table as sets.

A write finds its contact by the external id, else by the address; where the two belong to different
contacts it is refused and says which. What a write brings about (a tag got, a field changed) is
told to the campaigns that listen, and every changed contact is noted for the dynamic segments.
Imports `contacts`, `writes`, `rows` and storage.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec
from asyncpg.exceptions import DeadlockDetectedError, UniqueViolationError
from sqlalchemy.exc import DBAPIError

from headless import ids
from headless.audience import fields as contact_fields
from headless.audience import rows as statements
from headless.audience.contacts import changed
from headless.audience.fields import Fields
from headless.audience.remembered import Hashes, recall, suppressed
from headless.audience.rows import Found
from headless.audience.writes import Row, Write, check, new_fields
from headless.problems import Problem
from headless.storage.database import Database, Transaction
from headless.workspace.names import made
from headless.workspace.names import tags as tag_ids
from headless.workspace.webhooks import telling

OnConflict = Literal["update", "skip", "fail"]
MOST_AT_ONCE: Final = 1000
_ROUNDS: Final = 1000
_TRIES: Final = 5


class Saved(msgspec.Struct):
    """What a write came to: the contact and where it is suppressed, or what refused the write."""

    contact_id: int | None = None
    created: bool = False
    changed: bool = False
    problem: Problem | None = None
    suppressed: tuple[str, ...] = ()


Then = Callable[[Transaction, Sequence[Saved]], Awaitable[None]]


async def save(
    database: Database,
    workspace_id: int,
    writes: Sequence[Write],
    *,
    now: datetime,
    create_fields: bool = False,
    on_conflict: OnConflict = "update",
    hashes: Hashes | None = None,
    then: Then | None = None,
) -> list[Saved]:
    """Write contacts in one transaction; the answer has one item for each write, in its order.

    One bad write never refuses the rest. With `create_fields`, fields that do not exist are made.
    With `hashes`, an address that an erased contact was suppressed by is suppressed again. `then`
    is done in the same transaction.
    """
    for attempt in range(_TRIES):
        try:
            async with database.transaction() as tx:
                known = await contact_fields.known(tx, workspace_id)
                if create_fields and (new := new_fields(writes, known)):
                    known = await contact_fields.ensure(tx, workspace_id, new, now=now)
                rows, saved = _checked(writes, known)
                await put(
                    tx, workspace_id, rows, saved, now=now, on_conflict=on_conflict, hashes=hashes
                )
                if then is not None:
                    await then(tx, saved)
                return saved
        except DBAPIError as error:
            if attempt == _TRIES - 1 or not is_race(error):
                raise
    raise AssertionError("the last attempt answers or raises")


def is_race(error: DBAPIError) -> bool:
    """Whether somebody else wrote the same contacts in the same moment: again, and it is seen."""
    cause = getattr(error.orig, "__cause__", None)
    return isinstance(cause, UniqueViolationError | DeadlockDetectedError)


def _checked(writes: Sequence[Write], known: Fields) -> tuple[dict[int, Row], list[Saved]]:
    rows: dict[int, Row] = {}
    saved = [Saved() for _ in writes]
    for index, write in enumerate(writes):
        try:
            rows[index] = check(write, known)
        except Problem as problem:
            saved[index].problem = problem
    return rows, saved


async def put(
    tx: Transaction,
    workspace_id: int,
    rows: Mapping[int, Row],
    saved: Sequence[Saved],
    *,
    now: datetime,
    on_conflict: OnConflict = "update",
    mostly_new: bool = False,
    hashes: Hashes | None = None,
) -> None:
    """Write checked rows; `saved[index]` is filled in for each index of `rows`.

    With `mostly_new` all are tried as new ones first and only those who are not are looked up: the
    same result, sooner. Rows of the same contact become one. Raises the database's error where
    another transaction wrote the same contacts in the same moment (`is_race`): the caller begins
    again.
    """
    waiting, twins = _merged(rows)
    await _known(tx, workspace_id, rows, now)
    written: dict[int, Row] = {}
    if mostly_new:
        fresh = {index: row for index, row in waiting.items() if row.contact_id is None}
        made = await statements.add(tx, workspace_id, fresh, now=now)
        _note_new(saved, made)
        written = {index: waiting.pop(index) for index in made}
    for _ in range(_ROUNDS):
        if not waiting:
            break
        found = await statements.match(tx, workspace_id, waiting)
        new: dict[int, Row] = {}
        old: dict[int, int] = {}  # contact -> index: one row a contact and round
        for index, row in waiting.items():
            target = _target(row, found[index])
            if target is None:
                new[index] = row
            elif isinstance(target, Problem):
                saved[index].problem = target
            elif on_conflict == "fail":
                saved[index].problem = _there_already(target)
            elif on_conflict == "skip":
                saved[index].contact_id = target
            else:
                old.setdefault(target, index)
        touched = await statements.change(
            tx, workspace_id, {number: waiting[index] for number, index in old.items()}, now=now
        )
        for number, index in old.items():
            saved[index].contact_id, saved[index].changed = number, number in touched
        made = await statements.add(tx, workspace_id, new, now=now)
        _note_new(saved, made)
        written |= {index: waiting[index] for index in (*old.values(), *made)}
        waiting = {
            index: row
            for index, row in waiting.items()
            if saved[index].contact_id is None and saved[index].problem is None
        }
    for index in waiting:  # as many identities as rounds, all of one contact
        saved[index].problem = Problem("invalid_value", "too many writes of one contact in a batch")
    await _tags(tx, workspace_id, written, saved, now)
    stages = {
        saved[index].contact_id or 0: stage
        for index, row in written.items()
        if saved[index].created and (stage := row.texts.get("stage"))
    }
    await statements.tell_of_stages(tx, workspace_id, stages, now)
    await _suppressions(tx, workspace_id, written, saved, hashes)
    for index, first in twins.items():
        one = saved[first]
        saved[index].suppressed = one.suppressed
        saved[index].contact_id, saved[index].problem = one.contact_id, one.problem
        saved[index].changed = one.changed
    await _tell(tx, workspace_id, saved, now)


async def _tell(tx: Transaction, workspace_id: int, saved: Sequence[Saved], now: datetime) -> None:
    """Tell dynamic segments and webhooks of who is new or different."""
    different = {s.contact_id for s in saved if s.contact_id is not None and s.changed}
    await changed(tx, workspace_id, different)
    created = {s.contact_id for s in saved if s.contact_id is not None and s.created}
    for type_, numbers in (("contact.created", created), ("contact.updated", different - created)):
        told = [{"contact_id": number} for number in sorted(numbers)]
        await telling.tell(tx, workspace_id, type_, told, now=now)


async def _suppressions(
    tx: Transaction,
    workspace_id: int,
    rows: Mapping[int, Row],
    saved: Sequence[Saved],
    hashes: Hashes | None,
) -> None:
    """What an erased contact was suppressed by comes back with its address; it is reported."""
    if hashes is not None:
        new = {
            saved[index].contact_id or 0: row.email
            for index, row in rows.items()
            if row.email and saved[index].changed
        }
        await recall(tx, workspace_id, hashes, new)
    there = [one.contact_id for one in saved if one.contact_id is not None]
    found = await suppressed(tx, workspace_id, there)
    for one in saved:
        one.suppressed = found.get(one.contact_id or 0, ())


async def _known(
    tx: Transaction, workspace_id: int, rows: Mapping[int, Row], now: datetime
) -> None:
    """Stages and colleagues come into being by being given to a contact."""
    for kind in ("stage", "owner"):
        if names := {name for row in rows.values() if (name := row.texts.get(kind))}:
            await made(tx, workspace_id, kind, names, now=now)


def _note_new(saved: Sequence[Saved], made: Mapping[int, int]) -> None:
    for index, number in made.items():
        one = saved[index]
        one.contact_id, one.created, one.changed = number, True, True


def _merged(rows: Mapping[int, Row]) -> tuple[dict[int, Row], dict[int, int]]:
    """Rows of the very same identities as one, the later over the earlier; and who joined whom."""
    first: dict[tuple[int | None, str | None, str | None], int] = {}
    merged: dict[int, Row] = {}
    twins: dict[int, int] = {}
    for index, row in rows.items():
        email = row.texts.get("email")
        identity = row.contact_id, row.texts.get("external_id"), email.lower() if email else None
        earlier = first.setdefault(identity, index)
        if earlier == index:
            merged[index] = row
        else:
            twins[index] = earlier
            merged[earlier].then(row)
    return merged, twins


def _target(row: Row, found: Found) -> int | Problem | None:
    """The contact that a row is about; None for a new one, or why neither can be said."""
    if row.contact_id is not None:
        if found.by_id is None:
            return Problem("not_found", "there is no such contact here")
        for other in (found.by_external, found.by_email):
            if other not in (None, found.by_id):
                return _conflict("the new identity belongs to another contact", found.by_id, other)
        return found.by_id
    if found.by_external is not None:
        if found.by_email not in (None, found.by_external):
            return _conflict(
                "the external id belongs to one contact and the address to another",
                found.by_external,
                found.by_email,
            )
        return found.by_external
    if found.by_email is not None and row.external_id is not None and found.email_has_external:
        return _conflict(
            "the address belongs to a contact with another external id", found.by_email
        )
    return found.by_email


def _conflict(said: str, *contacts: int | None) -> Problem:
    told_ = [ids.encode("con", number) for number in contacts if number is not None]
    return Problem("identity_conflict", f"{said}: {' and '.join(told_)}", contacts=told_)


def _there_already(contact_id: int) -> Problem:
    told_ = ids.encode("con", contact_id)
    return Problem("identity_conflict", f"the contact is here already: {told_}", contacts=[told_])


async def _tags(
    tx: Transaction,
    workspace_id: int,
    rows: Mapping[int, Row],
    saved: Sequence[Saved],
    now: datetime,
) -> None:
    wanted: dict[str, list[int]] = {}
    for index, row in rows.items():
        for name in row.add_tags | row.remove_tags:
            wanted.setdefault(name, []).append(index)
    if not wanted:
        return
    numbers = await tag_ids(tx, workspace_id, wanted)
    by_number = {name.lower(): number for name, number in numbers.items()}
    by_contact = {saved[index].contact_id: index for index in rows}
    for name, indexes in sorted(wanted.items()):
        number = by_number[name.lower()]
        adding = [saved[i].contact_id or 0 for i in indexes if name in rows[i].add_tags]
        removing = [saved[i].contact_id or 0 for i in indexes if name in rows[i].remove_tags]
        touched = await statements.give_tag(tx, workspace_id, number, adding, now)
        touched |= await statements.take_tag(tx, workspace_id, number, removing)
        for contact_id in touched:
            saved[by_contact[contact_id]].changed = True
