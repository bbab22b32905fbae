"""The statements that write contacts: each takes any number of rows as one JSON document.

A document costs the driver nothing a row, where arrays cost it a check for each element. Every
function here is one or two statements inside the caller's transaction. Imports `activities`,
`writes` and storage.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import (
    JSON,
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
    union,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert

from headless.audience import fields as contact_fields
from headless.audience.activities import told
from headless.audience.writes import COLUMNS, Row
from headless.storage.codes import ActivityKind
from headless.storage.database import Transaction
from headless.storage.tables import (
    Instant,
    contact,
    contact_tag,
    listener,
    segment_watch,
    stage,
)
from headless.workspace.names import BUILT_IN_REFS


class Found(msgspec.Struct, frozen=True):
    """The contacts that a row's identities belong to."""

    by_id: int | None
    by_external: int | None
    by_email: int | None
    email_has_external: bool


def _given(**types: Any) -> Any:
    """The rows of the document that a statement is given, as a table of these columns."""
    document = cast(bindparam("given", type_=Text), JSON)
    return (
        func.json_to_recordset(document)
        .table_valued(*(column(name, type_) for name, type_ in types.items()), name="given")
        .render_derived(with_types=True)
    )


def _document(rows: Iterable[Any]) -> dict[str, str]:
    return {"given": msgspec.json.encode(list(rows)).decode()}


def among(number: ColumnElement[int], numbers: Iterable[int]) -> ColumnElement[bool]:
    """Whether a number is one of these, as one array."""
    return number == bindparam(None, list(numbers), type_=ARRAY(BigInteger)).any_()


async def match(tx: Transaction, workspace_id: int, rows: Mapping[int, Row]) -> dict[int, Found]:
    """The contacts that the rows' identities belong to, by the rows' keys."""
    given = _given(n=Integer, id=BigInteger, external_id=Text, email=Text)
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
    document = _document(
        {"n": n, "id": row.contact_id, "external_id": row.external_id, "email": row.email}
        for n, row in rows.items()
    )
    found = (await tx.execute(statement, document)).all()
    return {row[0]: Found(row[1], row[2], row[3], bool(row[4])) for row in found}


async def add(
    tx: Transaction, workspace_id: int, rows: Mapping[int, Row], *, now: datetime
) -> dict[int, int]:
    """Make contacts; the new contacts by the rows' keys.

    A row whose identity somebody else has got in the meantime is not among them.
    """
    if not rows:
        return {}
    given = _given(**dict.fromkeys(COLUMNS, Text), fields=JSONB)
    at = literal(now, Instant)
    statement = (
        insert(contact)
        .from_select(
            ["workspace_id", *COLUMNS, "fields", "created_at", "updated_at"],
            select(literal(workspace_id), *(given.c[n] for n in (*COLUMNS, "fields")), at, at),
        )
        .on_conflict_do_nothing()
        .returning(contact.c.id, contact.c.external_id, contact.c.email)
    )
    document = _document({**row.texts, "fields": row.fields} for row in rows.values())
    made = (await tx.execute(statement, document)).all()
    numbers = {(external_id, email): number for number, external_id, email in made}
    found = {
        n: numbers.pop((row.texts.get("external_id"), row.texts.get("email")), None)
        for n, row in rows.items()
    }
    return {n: number for n, number in found.items() if number is not None}


async def change(
    tx: Transaction, workspace_id: int, rows: Mapping[int, Row], *, now: datetime
) -> set[int]:
    """Change contacts, given by their numbers; the numbers of those that are different now.

    They are locked in the order of their numbers, so that two writers cannot wait for each other.
    """
    if not rows:
        return set()
    await tx.execute(
        select(contact.c.id)
        .where(contact.c.workspace_id == workspace_id, among(contact.c.id, rows))
        .order_by(contact.c.id)
        .with_for_update(key_share=True)
    )
    given = _given(
        id=BigInteger, **dict.fromkeys(COLUMNS, Text), fields=JSONB, cleared=JSONB, written=JSONB
    )
    document = _document(
        {
            "id": number,
            **row.texts,
            "fields": row.fields,
            "cleared": row.cleared,
            "written": list(row.texts),
        }
        for number, row in rows.items()
    )
    await _tell_of_fields(tx, workspace_id, given, document, now)
    new: dict[str, ColumnElement[Any]] = {
        name: case((given.c.written.has_key(name), given.c[name]), else_=contact.c[name])
        for name in COLUMNS
    }
    names = select(func.jsonb_array_elements_text(given.c.cleared)).scalar_subquery()
    kept = contact.c.fields.op("-")(func.array(names, type_=ARRAY(Text)))
    new["fields"] = kept.op("||")(given.c.fields)
    differs = or_(*(contact.c[name].is_distinct_from(value) for name, value in new.items()))
    changed = await tx.execute(
        update(contact)
        .where(contact.c.workspace_id == workspace_id, contact.c.id == given.c.id, differs)
        .values(**new, updated_at=literal(now, Instant))
        .returning(contact.c.id),
        document,
    )
    return set(changed.scalars())


async def _tell_of_fields(
    tx: Transaction, workspace_id: int, given: Any, document: dict[str, str], now: datetime
) -> None:
    """Before the update: what it changes, to those who wait for `changed FIELD`."""
    wanted = await _asked_for(tx, workspace_id, ActivityKind.CHANGED)
    if wanted:
        known = await contact_fields.known(tx, workspace_id)
        changes = {f.id: _of_field(given, f.name) for f in known.values() if f.id in wanted}
        for name in COLUMNS:
            if BUILT_IN_REFS[name] in wanted:
                before, after = _of_column(given, name)
                changes[BUILT_IN_REFS[name]] = func.to_jsonb(before), func.to_jsonb(after)
        for ref, (before, after) in changes.items():
            rows = _changing(workspace_id, given, before, after, now)
            await _tell(tx, workspace_id, rows, ActivityKind.CHANGED, ref, now, document)
    for number, name in await _asked_stages(tx, workspace_id):
        before, after = _of_column(given, "stage")
        rows = _changing(workspace_id, given, before, after, now).where(
            func.lower(after) == name.lower(),
            func.lower(func.coalesce(before, "")) != name.lower(),
        )
        await _tell(tx, workspace_id, rows, ActivityKind.ENTERED_STAGE, number, now, document)


def _of_field(given: Any, name: str) -> tuple[Any, Any]:
    before = contact.c.fields[name]
    unset = case((given.c.cleared.has_key(name), null()), else_=before)
    return before, func.coalesce(given.c.fields[name], unset)


def _of_column(given: Any, name: str) -> tuple[Any, Any]:
    before = contact.c[name]
    return before, case((given.c.written.has_key(name), given.c[name]), else_=before)


def _changing(
    workspace_id: int, given: Any, before: Any, after: Any, now: datetime
) -> Select[*tuple[Any, ...]]:
    return (
        select(
            contact.c.id,
            literal(now, Instant).label("occurred_at"),
            cast(null(), BigInteger).label("enrollment_id"),
            func.jsonb_build_object("from", before, "to", after).label("properties"),
        )
        .join(given, given.c.id == contact.c.id)
        .where(contact.c.workspace_id == workspace_id, before.is_distinct_from(after))
    )


async def _asked_for(tx: Transaction, workspace_id: int, kind: ActivityKind) -> set[int]:
    """What activities of a kind somebody waits for, or asks a segment about."""
    asked = union(
        *(
            select(table.c.ref).where(
                table.c.workspace_id == workspace_id, table.c.kind == int(kind)
            )
            for table in (listener, segment_watch)
        )
    )
    return set((await tx.execute(asked)).scalars())


async def _asked_stages(tx: Transaction, workspace_id: int) -> list[tuple[int, str]]:
    numbers = await _asked_for(tx, workspace_id, ActivityKind.ENTERED_STAGE)
    if not numbers:
        return []
    rows = await tx.execute(
        select(stage.c.id, stage.c.name).where(
            stage.c.workspace_id == workspace_id, among(stage.c.id, numbers)
        )
    )
    return [(row.id, row.name) for row in rows]


async def tell_of_stages(
    tx: Transaction, workspace_id: int, new: Mapping[int, str], now: datetime
) -> None:
    """Contacts that came with a stage (their number -> its name) have entered it."""
    if not new:
        return
    for number, name in await _asked_stages(tx, workspace_id):
        who = [contact_id for contact_id, of in new.items() if of.lower() == name.lower()]
        if who:
            rows = _plain_rows(who, now)
            await _tell(tx, workspace_id, rows, ActivityKind.ENTERED_STAGE, number, now, {})


def _plain_rows(who: Iterable[int], now: datetime) -> Select[*tuple[Any, ...]]:
    return select(
        func.unnest(bindparam("got", sorted(who), type_=ARRAY(BigInteger))).label("contact_id"),
        literal(now, Instant).label("occurred_at"),
        cast(null(), BigInteger).label("enrollment_id"),
        cast(null(), JSONB).label("properties"),
    )


async def give_tag(
    tx: Transaction, workspace_id: int, tag_id: int, who: Sequence[int], now: datetime
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
        rows = _plain_rows(got, now)
        await _tell(tx, workspace_id, rows, ActivityKind.GOT_TAG, tag_id, now, {})
    return got


async def take_tag(tx: Transaction, workspace_id: int, tag_id: int, who: Sequence[int]) -> set[int]:
    """Take a tag away; who had it."""
    if not who:
        return set()
    gone = await tx.execute(
        delete(contact_tag)
        .where(
            contact_tag.c.workspace_id == workspace_id,
            contact_tag.c.tag_id == tag_id,
            among(contact_tag.c.contact_id, who),
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
    params: dict[str, str],
) -> None:
    noted, todo = told(
        workspace_id, rows, kind, ref, now=literal(now, Instant), name=kind.name.lower(),
        outside=False,
    )  # fmt: skip
    count = select(func.count()).select_from(todo).add_cte(noted)
    if await tx.scalar(count, params):
        tx.wake("hear", workspace_id)
