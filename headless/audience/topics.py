"""Topics: what mails are about, so that people can leave one and keep another.

A topic is for everybody who has not left it, or, with `opt_in`, for those who asked for it. What a
contact chose is a row; every change of it is a line of the ledger, and of the diary from which a
restore reads it back. Imports `consents`, `contacts` and storage.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import RowMapping, and_, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from headless.audience import consents
from headless.audience.consents import Entry
from headless.audience.contacts import changed
from headless.problems import Problem
from headless.storage import diary
from headless.storage.database import Transaction
from headless.storage.tables import contact, email, topic, topic_choice

MOST: Final = 100  # of one workspace
NAME_LIMIT: Final = 120
TEXT_LIMIT: Final = 500


class Topic(msgspec.Struct, frozen=True):
    """A topic; `revision` counts its saves."""

    id: int
    name: str
    description: str | None
    opt_in: bool
    revision: int
    created_at: datetime
    updated_at: datetime


class Choice(msgspec.Struct, frozen=True):
    """Whether a contact gets a topic; `chosen_at` is None for one who has not chosen."""

    topic: Topic
    subscribed: bool
    source: str | None
    chosen_at: datetime | None


async def create(
    tx: Transaction,
    workspace_id: int,
    *,
    name: str,
    description: str | None,
    opt_in: bool,
    now: datetime,
) -> Topic:
    """A new topic; Problem `name_taken`, `invalid_value` or `too_large`."""
    name, description = _line(name), _text(description)
    count = await tx.scalar(
        select(func.count()).select_from(topic).where(topic.c.workspace_id == workspace_id)
    )
    if int(count or 0) >= MOST:
        raise Problem("too_large", f"a workspace has at most {MOST} topics; delete one first")
    await _refuse_taken(tx, workspace_id, name, None)
    made = await tx.execute(
        insert(topic)
        .values(
            workspace_id=workspace_id,
            name=name,
            description=description,
            opt_in=opt_in,
            created_at=now,
            updated_at=now,
        )
        .returning(topic)
    )
    return _read(made.mappings().one())


async def change(
    tx: Transaction,
    workspace_id: int,
    topic_id: int,
    *,
    name: str | UnsetType = UNSET,
    description: str | UnsetType | None = UNSET,
    opt_in: bool | UnsetType = UNSET,
    expected_revision: int | None = None,
    now: datetime,
) -> Topic:
    """Change what is given; Problem `not_found`, `stale_version`, `name_taken`, `invalid_value`."""
    mine = (topic.c.workspace_id == workspace_id, topic.c.id == topic_id)
    found = await tx.execute(select(topic).where(*mine).with_for_update())
    row = found.mappings().one_or_none()
    if row is None:
        raise _absent()
    if expected_revision not in (None, row["revision"]):
        raise Problem("stale_version", "somebody has changed the topic since; read it again")
    values: dict[str, Any] = {"updated_at": now, "revision": row["revision"] + 1}
    if name is not UNSET:
        values["name"] = _line(name)
        await _refuse_taken(tx, workspace_id, values["name"], topic_id)
    if description is not UNSET:
        values["description"] = _text(description)
    if opt_in is not UNSET:
        values["opt_in"] = opt_in
    made = await tx.execute(update(topic).where(*mine).values(**values).returning(topic))
    return _read(made.mappings().one())


async def find(tx: Transaction, workspace_id: int, topic_id: int) -> Topic:
    """A topic; Problem `not_found`."""
    query = select(topic).where(topic.c.workspace_id == workspace_id, topic.c.id == topic_id)
    row = (await tx.execute(query)).mappings().one_or_none()
    if row is None:
        raise _absent()
    return _read(row)


async def named(tx: Transaction, workspace_id: int, name: str) -> int | None:
    """The number of the topic of that name."""
    found: int | None = await tx.scalar(
        select(topic.c.id).where(
            topic.c.workspace_id == workspace_id, func.lower(topic.c.name) == name.strip().lower()
        )
    )
    return found


async def listing(tx: Transaction, workspace_id: int) -> list[Topic]:
    """All topics of a workspace, by name."""
    rows = await tx.execute(
        select(topic).where(topic.c.workspace_id == workspace_id).order_by(func.lower(topic.c.name))
    )
    return [_read(row) for row in rows.mappings()]


async def remove(tx: Transaction, workspace_id: int, topic_id: int) -> None:
    """Delete a topic and what was chosen of it; Problem `not_found`, `in_use` by an email."""
    await find(tx, workspace_id, topic_id)
    used = await tx.execute(
        select(email.c.name).where(
            email.c.workspace_id == workspace_id, email.c.topic_id == topic_id
        )
    )
    names = [row.name for row in used]
    if names:
        raise Problem(
            "in_use",
            f"`{names[0]}` is about it; give its emails another topic first",
            used_by=[{"kind": "email", "name": name} for name in names],
        )
    for table, column in ((topic_choice, topic_choice.c.topic_id), (topic, topic.c.id)):
        await tx.execute(
            delete(table).where(table.c.workspace_id == workspace_id, column == topic_id)
        )


async def choices(tx: Transaction, workspace_id: int, contact_id: int) -> list[Choice]:
    """Every topic and whether the contact gets it, by name."""
    mine = and_(
        topic_choice.c.workspace_id == topic.c.workspace_id,
        topic_choice.c.topic_id == topic.c.id,
        topic_choice.c.contact_id == contact_id,
    )
    rows = await tx.execute(
        select(topic, topic_choice.c.subscribed, topic_choice.c.source, topic_choice.c.at)
        .outerjoin(topic_choice, mine)
        .where(topic.c.workspace_id == workspace_id)
        .order_by(func.lower(topic.c.name))
    )
    return [
        Choice(
            _read(row),
            not row["opt_in"] if row["subscribed"] is None else row["subscribed"],
            row["source"],
            row["at"],
        )
        for row in rows.mappings()
    ]


async def choose(
    tx: Transaction, workspace_id: int, wanted: Mapping[int, bool], entry: Entry
) -> list[int]:
    """Set what a contact gets of which topic; answers the topics whose answer is new.

    `entry` says who, when, from where and how it is proved; each new answer is a line of the
    ledger. Topics that there are not are passed over. Problem `not_found` without a contact.
    """
    there = exists(
        select(1).where(contact.c.workspace_id == workspace_id, contact.c.id == entry.contact_id)
    )
    if not await tx.scalar(select(there)):
        raise Problem("not_found", "there is no such contact here")
    before = {each.topic.id: each for each in await choices(tx, workspace_id, entry.contact_id)}
    new = {
        number: subscribed
        for number, subscribed in wanted.items()
        if number in before
        and (before[number].subscribed != subscribed or before[number].chosen_at is None)
    }
    if not new:
        return []
    given = insert(topic_choice).values(
        [
            {
                "workspace_id": workspace_id,
                "contact_id": entry.contact_id,
                "topic_id": number,
                "subscribed": subscribed,
                "source": entry.source,
                "at": entry.at,
            }
            for number, subscribed in sorted(new.items())
        ]
    )
    await tx.execute(
        given.on_conflict_do_update(
            index_elements=["workspace_id", "contact_id", "topic_id"],
            set_={name: given.excluded[name] for name in ("subscribed", "source", "at")},
        )
    )
    told = [
        msgspec.structs.replace(
            entry,
            about="topic",
            topic_id=number,
            action="granted" if subscribed else "withdrawn",
        )
        for number, subscribed in sorted(new.items())
        if before[number].subscribed != subscribed or subscribed
    ]
    await consents.record(tx, workspace_id, told)
    if tx.diary is not None:
        tx.entries += [_diarised(workspace_id, entry, number, new[number]) for number in new]
    await changed(tx, workspace_id, [entry.contact_id])
    return sorted(new)


def _diarised(workspace_id: int, entry: Entry, number: int, subscribed: bool) -> diary.Entry:
    return diary.Entry(
        at=entry.at, workspace=workspace_id, contact=entry.contact_id, channel=0, reason="topic",
        topic=number, lifted=subscribed,
    )  # fmt: skip


async def _refuse_taken(
    tx: Transaction, workspace_id: int, name: str, topic_id: int | None
) -> None:
    other = await named(tx, workspace_id, name)
    if other not in (None, topic_id):
        raise Problem("name_taken", f"there is a topic `{name}` already; choose another name")


def _absent() -> Problem:
    return Problem("not_found", "there is no such topic here")


def _line(name: str) -> str:
    text = " ".join(name.split())
    if not 1 <= len(text) <= NAME_LIMIT or not text.isprintable():
        raise Problem(
            "invalid_value", f"`name` has 1 to {NAME_LIMIT} characters that can be printed"
        )
    return text


def _text(description: str | None) -> str | None:
    text = " ".join((description or "").split())
    if len(text) > TEXT_LIMIT or not text.isprintable():
        raise Problem("invalid_value", f"`description` has at most {TEXT_LIMIT} characters")
    return text or None


def _read(row: RowMapping) -> Topic:
    values: dict[str, Any] = {name: row[name] for name in Topic.__struct_fields__}
    return Topic(**values)
