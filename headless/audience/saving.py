"""Saving contacts: checked writes reach the table as sets.

A write finds its contact by the external id, else by the address; where the two belong to different
contacts it is refused and says which. What a write brings about (a tag got, a field changed) is
told to the campaigns that listen, and every changed contact is noted for the dynamic segments.
Imports `contacts`, `writes`, `activities` and storage.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from asyncpg.exceptions import DeadlockDetectedError, UniqueViolationError
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    delete,
    func,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.exc import DBAPIError

from headless import ids
from headless.audience import fields as contact_fields
from headless.audience.activities import told
from headless.audience.contacts import changed
from headless.audience.fields import Fields
from headless.audience.writes import COLUMNS, Row, Write, check, new_fields
from headless.problems import Problem
from headless.storage.codes import ActivityKind
from headless.storage.database import Database, Transaction
from headless.storage.tables import (
    Instant,
    contact,
    contact_tag,
    listener,
)
from headless.workspace.names import tags as tag_ids

OnConflict = Literal["update", "skip", "fail"]
MOST_AT_ONCE: Final = 1000
Arrays = dict[str, list[Any]]
_ROUNDS: Final = 1000
_TRIES: Final = 5


class Saved(msgspec.Struct):
    """What a write came to: the contact, or the problem that refused it."""

    contact_id: int | None = None
    created: bool = False
    changed: bool = False
    problem: Problem | None = None


class _Found(msgspec.Struct, frozen=True):
    """The contacts that a write's identities belong to."""

    by_id: int | None
    by_external: int | None
    by_email: int | None
    email_has_external: bool


async def save(
    database: Database,
    workspace_id: int,
    writes: Sequence[Write],
    *,
    now: datetime,
    create_fields: bool = False,
    on_conflict: OnConflict = "update",
) -> list[Saved]:
    """Write contacts in one transaction; the answer has one item for each write, in its order.

    One bad write never refuses the rest. With `create_fields`, fields that do not exist are made.
    """
    for attempt in range(_TRIES):
        try:
            async with database.transaction() as tx:
                known = await contact_fields.known(tx, workspace_id)
                if create_fields and (new := new_fields(writes, known)):
                    known = await contact_fields.ensure(tx, workspace_id, new, now=now)
                rows, saved = _checked(writes, known)
                await put(tx, workspace_id, rows, saved, now=now, on_conflict=on_conflict)
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
) -> None:
    """Write checked rows; `saved[index]` is filled in for each index of `rows`.

    Rows of the same contact become one. Raises the database's error where another transaction wrote
    the same contacts in the same moment (`is_race`): the caller begins again.
    """
    waiting, twins = _merged(rows)
    done: dict[int, Row] = {}
    for _ in range(_ROUNDS):
        if not waiting:
            break
        found = await _match(tx, workspace_id, waiting)
        targets: dict[int, int] = {}  # contact -> index: one row a contact and round
        new: list[int] = []
        for index, row in waiting.items():
            target = _target(row, found[index])
            if isinstance(target, Problem):
                saved[index].problem = target
            elif target is None:
                new.append(index)
            elif on_conflict == "fail":
                saved[index].problem = _there_already(target)
            elif on_conflict == "skip":
                saved[index].contact_id = target
            else:
                targets.setdefault(target, index)
        await _update(tx, workspace_id, targets, waiting, saved, now)
        await _insert(tx, workspace_id, new, waiting, saved, now)
        over = [i for i in waiting if saved[i].problem or saved[i].contact_id is not None]
        done |= {i: waiting.pop(i) for i in over}
    for index in waiting:  # as many identities as rounds, all of one contact
        saved[index].problem = Problem("invalid_value", "too many writes of one contact in a batch")
    kept = {i: row for i, row in done.items() if saved[i].problem is None}
    if on_conflict != "skip":
        await _tags(tx, workspace_id, kept, saved, now)
    else:
        created = {i: row for i, row in kept.items() if saved[i].created}
        await _tags(tx, workspace_id, created, saved, now)
    for index, first in twins.items():
        one = saved[first]
        saved[index].contact_id, saved[index].problem = one.contact_id, one.problem
        saved[index].changed = one.changed
    await changed(
        tx, workspace_id, {s.contact_id for s in saved if s.contact_id is not None and s.changed}
    )


def _merged(rows: Mapping[int, Row]) -> tuple[dict[int, Row], dict[int, int]]:
    """Rows of the very same identities as one, the later over the earlier; and who joined whom."""
    first: dict[tuple[int | None, str | None, str | None], int] = {}
    merged: dict[int, Row] = {}
    twins: dict[int, int] = {}
    for index, row in rows.items():
        identity = row.contact_id, row.external_id, row.email and row.email.lower()
        if identity in first:
            twins[index] = first[identity]
            merged[first[identity]].then(row)
        else:
            first[identity] = index
            merged[index] = row
    return merged, twins


async def _match(tx: Transaction, workspace_id: int, rows: Mapping[int, Row]) -> dict[int, _Found]:
    arrays: Arrays = {
        "n": list(rows),
        "id": [row.contact_id for row in rows.values()],
        "external_id": [row.external_id for row in rows.values()],
        "email": [row.email for row in rows.values()],
    }
    given = _given({"n": Integer, "id": BigInteger, "external_id": Text, "email": Text})
    by_id, by_external, by_email = (contact.alias(n) for n in ("by_id", "by_external", "by_email"))
    mine = literal(workspace_id)
    statement = (
        select(
            given.c.n,
            by_id.c.id,
            by_external.c.id,
            by_email.c.id,
            by_email.c.external_id.is_not(None),
        )
        .select_from(given)
        .outerjoin(by_id, and_(by_id.c.workspace_id == mine, by_id.c.id == given.c.id))
        .outerjoin(
            by_external,
            and_(
                by_external.c.workspace_id == mine,
                by_external.c.external_id == given.c.external_id,
            ),
        )
        .outerjoin(
            by_email,
            and_(
                by_email.c.workspace_id == mine,
                func.lower(by_email.c.email) == func.lower(given.c.email),
            ),
        )
    )
    found = await tx.execute(statement, _bound(arrays))
    return {row[0]: _Found(row[1], row[2], row[3], bool(row[4])) for row in found}


def _target(row: Row, found: _Found) -> int | Problem | None:
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


def _among(number: ColumnElement[int], numbers: Iterable[int]) -> ColumnElement[bool]:
    return number == bindparam(None, list(numbers), type_=ARRAY(BigInteger)).any_()


def _given(types: Mapping[str, Any]) -> Any:
    """The rows that a statement is given as one array for each column."""
    return (
        func.unnest(
            *(bindparam(f"given_{name}", type_=ARRAY(type_)) for name, type_ in types.items())
        )
        .table_valued(*(column(name, type_) for name, type_ in types.items()), name="given")
        .render_derived()
    )


def _bound(arrays: Arrays) -> Arrays:
    """The arrays by the names that the statement knows them by, which are no columns' names."""
    return {f"given_{name}": values for name, values in arrays.items()}


def _columns(rows: Sequence[Row]) -> Arrays:
    """Checked rows as arrays: the columns, and which of them are written."""
    arrays: Arrays = {name: [r.texts.get(name) for r in rows] for name in COLUMNS}
    arrays["fields"] = [
        msgspec.json.encode(row.fields).decode() if row.fields else "{}" for row in rows
    ]
    return arrays


async def _insert(
    tx: Transaction,
    workspace_id: int,
    new: Sequence[int],
    rows: Mapping[int, Row],
    saved: Sequence[Saved],
    now: datetime,
) -> None:
    """Make contacts; who lost a race, or has an identity of an earlier row, is asked again."""
    if not new:
        return
    given = _given(dict.fromkeys((*COLUMNS, "fields"), Text))
    statement = (
        insert(contact)
        .from_select(
            ["workspace_id", *COLUMNS, "fields", "created_at", "updated_at"],
            select(
                literal(workspace_id),
                *(given.c[name] for name in COLUMNS),
                cast(given.c.fields, JSONB),
                literal(now, Instant),
                literal(now, Instant),
            ),
        )
        .on_conflict_do_nothing()
        .returning(contact.c.id, contact.c.external_id, contact.c.email)
    )
    made = await tx.execute(statement, _bound(_columns([rows[index] for index in new])))
    numbers = {(row[1], row[2]): row[0] for row in made}
    for index in new:
        number = numbers.pop((rows[index].external_id, rows[index].email), None)
        if number is not None:
            saved[index].contact_id = number
            saved[index].created = saved[index].changed = True


async def _update(
    tx: Transaction,
    workspace_id: int,
    targets: Mapping[int, int],
    rows: Mapping[int, Row],
    saved: Sequence[Saved],
    now: datetime,
) -> None:
    """Change contacts, in the order of their rows so that two writers cannot lock each other."""
    if not targets:
        return
    await tx.execute(
        select(contact.c.id)
        .where(contact.c.workspace_id == workspace_id, _among(contact.c.id, targets))
        .order_by(contact.c.id)
        .with_for_update(key_share=True)
    )
    ordered = [rows[index] for index in targets.values()]
    given = _given(
        {"id": BigInteger, **dict.fromkeys((*COLUMNS, "fields", "cleared", "written"), Text)}
    )
    arrays = {
        "id": list(targets),
        **_columns(ordered),
        "cleared": ["\x1f".join(row.cleared) for row in ordered],
        "written": [" ".join(row.texts) for row in ordered],
    }
    cleared = func.string_to_array(given.c.cleared, "\x1f")
    new: dict[str, ColumnElement[Any]] = {
        name: case((func.strpos(given.c.written, name) > 0, given.c[name]), else_=contact.c[name])
        for name in COLUMNS
    }
    new["fields"] = contact.c.fields.op("-")(cleared).op("||")(cast(given.c.fields, JSONB))
    differs = or_(*(contact.c[name].is_distinct_from(value) for name, value in new.items()))
    mine = and_(contact.c.workspace_id == workspace_id, contact.c.id == given.c.id)
    await _tell_of_fields(tx, workspace_id, given, arrays, now)
    statement = (
        update(contact)
        .where(mine, differs)
        .values(**new, updated_at=literal(now, Instant))
        .returning(contact.c.id)
    )
    touched = {row[0] for row in await tx.execute(statement, _bound(arrays))}
    for contact_id, index in targets.items():
        saved[index].contact_id = contact_id
        saved[index].changed = contact_id in touched


async def _tell_of_fields(
    tx: Transaction, workspace_id: int, given: Any, arrays: Arrays, now: datetime
) -> None:
    """Before the update: what it changes, to the campaigns that wait for `changed FIELD`."""
    for field in await _listened_fields(tx, workspace_id):
        before = contact.c.fields[field.name]
        cleared = literal(field.name) == func.string_to_array(given.c.cleared, "\x1f").any_()
        after = func.coalesce(
            cast(given.c.fields, JSONB)[field.name], case((cleared, null()), else_=before)
        )
        rows = (
            select(
                contact.c.id,
                literal(now, Instant).label("occurred_at"),
                cast(null(), BigInteger).label("enrollment_id"),
                func.jsonb_build_object("from", before, "to", after).label("properties"),
            )
            .join(given, given.c.id == contact.c.id)
            .where(contact.c.workspace_id == workspace_id, before.is_distinct_from(after))
        )
        await _tell(tx, workspace_id, rows, ActivityKind.CHANGED, field.id, now, _bound(arrays))


async def _listened_fields(tx: Transaction, workspace_id: int) -> list[contact_fields.Field]:
    listened = await tx.execute(
        select(listener.c.ref)
        .where(listener.c.workspace_id == workspace_id, listener.c.kind == ActivityKind.CHANGED)
        .distinct()
    )
    wanted = {row[0] for row in listened}
    if not wanted:
        return []
    known = await contact_fields.known(tx, workspace_id)
    return [field for field in known.values() if field.id in wanted]


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
        adding = [saved[i].contact_id for i in indexes if name in rows[i].add_tags]
        removing = [saved[i].contact_id for i in indexes if name in rows[i].remove_tags]
        touched = await _tag(tx, workspace_id, number, adding, now)
        touched |= await _untag(tx, workspace_id, number, removing)
        for contact_id in touched:
            saved[by_contact[contact_id]].changed = True


async def _tag(
    tx: Transaction, workspace_id: int, tag_id: int, who: Sequence[int | None], now: datetime
) -> set[int]:
    """Give a tag; who had it not before."""
    if not who:
        return set()
    given = func.unnest(bindparam("who", sorted(set(who)), type_=ARRAY(BigInteger)))
    new = await tx.execute(
        insert(contact_tag)
        .from_select(
            ["workspace_id", "tag_id", "contact_id", "at"],
            select(literal(workspace_id), literal(tag_id), given, literal(now, Instant)),
        )
        .on_conflict_do_nothing()
        .returning(contact_tag.c.contact_id)
    )
    got = {row[0] for row in new}
    if got:
        rows = select(
            func.unnest(bindparam("got", sorted(got), type_=ARRAY(BigInteger))).label("contact_id"),
            literal(now, Instant).label("occurred_at"),
            cast(null(), BigInteger).label("enrollment_id"),
            cast(null(), JSONB).label("properties"),
        )
        await _tell(tx, workspace_id, rows, ActivityKind.GOT_TAG, tag_id, now, {})
    return got


async def _untag(
    tx: Transaction, workspace_id: int, tag_id: int, who: Sequence[int | None]
) -> set[int]:
    if not who:
        return set()
    gone = await tx.execute(
        delete(contact_tag)
        .where(
            contact_tag.c.workspace_id == workspace_id,
            contact_tag.c.tag_id == tag_id,
            _among(contact_tag.c.contact_id, [number for number in who if number is not None]),
        )
        .returning(contact_tag.c.contact_id)
    )
    return {row[0] for row in gone}


async def _tell(
    tx: Transaction,
    workspace_id: int,
    rows: Select[*tuple[Any, ...]],
    kind: ActivityKind,
    ref: int,
    now: datetime,
    arrays: Arrays,
) -> None:
    noted, todo = told(
        workspace_id, rows, kind, ref, now=literal(now, Instant), name=kind.name.lower()
    )
    count = select(func.count()).select_from(todo).add_cte(noted)
    if await tx.scalar(count, arrays):
        tx.wake("hear", workspace_id)
