"""Emails in the database: saved as versions that never change, read back by id or by name.

An email is a name and a row of versions; saving writes the next version, and messages point at the
one they were made from. Imports `drafts`, `stored_snippets`, the workspace's `uses` and storage.
"""

import asyncio
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, Select, and_, delete, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from headless.content import drafts, stored_snippets
from headless.content.drafts import Checked, Draft
from headless.content.variables import Remark, Use
from headless.problems import Problem
from headless.storage.database import Transaction
from headless.storage.tables import email, email_version, field, topic, workspace
from headless.workspace import former, uses


class Email(msgspec.Struct, frozen=True):
    """An email at one of its versions; `created_at` is the email's, `updated_at` the version's."""

    id: int
    name: str
    version: int
    subject: str
    html: str
    mjml: str | None
    text: str | None
    sender: str | None
    reply_to: str | None
    links: tuple[str, ...]
    variables: tuple[str, ...]
    written: dict[str, str] | None
    topic: str | None
    created_at: datetime
    updated_at: datetime

    def draft(self) -> Draft:
        """The email as its author wrote it: with its snippets' names, not their texts."""
        given = Draft(
            name=self.name,
            subject=self.subject,
            html="" if self.mjml is not None else self.html,
            mjml=self.mjml,
            text=self.text,
            sender=self.sender,
            reply_to=self.reply_to,
        )
        return msgspec.structs.replace(given, **(self.written or {}))


class Saved(msgspec.Struct, frozen=True):
    """What saving came to: the email, and what is worth a word about it."""

    email: Email
    variables: tuple[Use, ...]
    warnings: tuple[Remark, ...]
    created: bool  # false: a new version, or the same content once more


async def create(
    transaction: Transaction, *, workspace_id: int, draft: Draft, now: datetime
) -> Saved:
    """Store a new email as version 1; Problem `name_taken`, or what `drafts.check` refuses."""
    checked = await _checked(transaction, workspace_id, draft)
    row = (
        await transaction.execute(
            upsert(email)
            .values(
                workspace_id=workspace_id,
                name=checked.draft.name,
                version=1,
                created_at=now,
                updated_at=now,
            )
            .on_conflict_do_nothing(index_elements=["workspace_id", "name"])
            .returning(email.c.id)
        )
    ).first()
    if row is None:
        raise Problem(
            "name_taken",
            f"there is an email `{checked.draft.name}` already; PUT it to save a new version",
        )
    await _write(transaction, workspace_id, row.id, 1, checked, now)
    await stored_snippets.note(transaction, workspace_id, "email", row.id, checked.snippets)
    return await _saved(transaction, workspace_id, row.id, checked, created=True)


async def replace(
    transaction: Transaction,
    *,
    workspace_id: int,
    email_id: int,
    draft: Draft,
    now: datetime,
    expected_version: int | None = None,
) -> Saved:
    """Save the next version of an email; the same content again changes nothing.

    Problem `not_found`; `stale_version` when `expected_version` is no longer the newest;
    `name_taken` when it is renamed to another email's name.
    """
    checked = await _checked(transaction, workspace_id, draft)
    current = await _locked(transaction, workspace_id, email_id)
    if expected_version is not None and expected_version != current.version:
        raise Problem(
            "stale_version",
            f"`{current.name}` is at version {current.version} by now; read it again",
            version=current.version,
        )
    if current.name != checked.draft.name:
        await _refuse_taken(transaction, workspace_id, email_id, checked.draft.name)
    version = current.version
    if not _same(current, checked):
        version += 1
        await _write(transaction, workspace_id, email_id, version, checked, now)
    elif current.name == checked.draft.name:
        return await _saved(transaction, workspace_id, email_id, checked, created=False)
    await transaction.execute(
        update(email)
        .where(email.c.workspace_id == workspace_id, email.c.id == email_id)
        .values(name=checked.draft.name, version=version, updated_at=now)
    )
    renamed = current.name, checked.draft.name
    await former.note(transaction, workspace_id, "eml", *renamed, email_id, now=now)
    await stored_snippets.note(transaction, workspace_id, "email", email_id, checked.snippets)
    return await _saved(transaction, workspace_id, email_id, checked, created=False)


async def put(transaction: Transaction, *, workspace_id: int, draft: Draft, now: datetime) -> Saved:
    """Create the email of that name, or save its next version: for imports and `apply`."""
    present = await find(transaction, workspace_id=workspace_id, name=draft.name.strip())
    if present is None:
        return await create(transaction, workspace_id=workspace_id, draft=draft, now=now)
    return await replace(
        transaction, workspace_id=workspace_id, email_id=present.id, draft=draft, now=now
    )


async def get(
    transaction: Transaction, *, workspace_id: int, email_id: int, version: int | None = None
) -> Email:
    """An email at its newest version, or at the one asked for; Problem `not_found`."""
    statement = _reading(version).where(
        email.c.workspace_id == workspace_id, email.c.id == email_id
    )
    row = (await transaction.execute(statement)).first()
    if row is None:
        raise Problem("not_found", "there is no such email here, or not in that version")
    return _email(row)


async def find(transaction: Transaction, *, workspace_id: int, name: str) -> Email | None:
    """The email of that name at its newest version, or None."""
    statement = _reading(None).where(email.c.workspace_id == workspace_id, email.c.name == name)
    row = (await transaction.execute(statement)).first()
    return _email(row) if row is not None else None


async def listing(
    transaction: Transaction, *, workspace_id: int, after_id: int = 0, limit: int = 50
) -> list[Email]:
    """Emails at their newest versions in the order they were made, those after an id."""
    statement = (
        _reading(None)
        .where(email.c.workspace_id == workspace_id, email.c.id > after_id)
        .order_by(email.c.id)
        .limit(limit)
    )
    return [_email(row) for row in await transaction.execute(statement)]


async def set_topic(
    transaction: Transaction, *, workspace_id: int, email_id: int, topic_id: int | None
) -> Email:
    """Say what an email is about; it is the email's, not a version's. Problem `not_found`."""
    await transaction.execute(
        update(email)
        .where(email.c.workspace_id == workspace_id, email.c.id == email_id)
        .values(topic_id=topic_id)
    )
    return await get(transaction, workspace_id=workspace_id, email_id=email_id)


class Revision(msgspec.Struct, frozen=True):
    """One save of an email, without its bodies."""

    version: int
    subject: str
    created_at: datetime


async def versions(
    transaction: Transaction,
    *,
    workspace_id: int,
    email_id: int,
    before: int | None = None,
    limit: int = 50,
) -> list[Revision]:
    """The saves of an email, the newest first, those before a version."""
    statement = (
        select(email_version.c.version, email_version.c.subject, email_version.c.created_at)
        .where(email_version.c.workspace_id == workspace_id, email_version.c.email_id == email_id)
        .order_by(email_version.c.version.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(email_version.c.version < before)
    return [Revision(*row) for row in await transaction.execute(statement)]


async def remove(transaction: Transaction, *, workspace_id: int, email_id: int) -> None:
    """Delete an email and its versions; Problem `not_found`, `in_use` with what uses it."""
    current = await _locked(transaction, workspace_id, email_id)
    await uses.refuse_used(transaction, workspace_id, "email", email_id, current.name)
    await stored_snippets.note(transaction, workspace_id, "email", email_id, ())
    for table, column in ((email_version, email_version.c.email_id), (email, email.c.id)):
        await transaction.execute(
            delete(table).where(table.c.workspace_id == workspace_id, column == email_id)
        )


async def _checked(transaction: Transaction, workspace_id: int, draft: Draft) -> Checked:
    fields = await transaction.execute(
        select(field.c.name).where(field.c.workspace_id == workspace_id)
    )
    address = await transaction.scalar(
        select(workspace.c.postal_address).where(workspace.c.id == workspace_id)
    )
    known = set(fields.scalars())
    bodies = await stored_snippets.bodies(transaction, workspace_id)
    # MJML takes many milliseconds: other requests go on meanwhile
    return await asyncio.to_thread(
        drafts.check,
        draft,
        fields=known,
        postal_address=bool((address or "").strip()),
        bodies=bodies,
    )


async def _write(
    transaction: Transaction,
    workspace_id: int,
    email_id: int,
    version: int,
    checked: Checked,
    now: datetime,
) -> None:
    draft = checked.draft
    await transaction.execute(
        insert(email_version).values(
            workspace_id=workspace_id,
            email_id=email_id,
            version=version,
            subject=draft.subject,
            html=draft.html,
            mjml=draft.mjml,
            written=checked.written or None,
            text=draft.text,
            sender=draft.sender,
            reply_to=draft.reply_to,
            links=[*checked.links],
            variables=[use.path for use in checked.variables],
            created_at=now,
        )
    )


async def _locked(transaction: Transaction, workspace_id: int, email_id: int) -> Email:
    await transaction.execute(
        select(email.c.id)
        .where(email.c.workspace_id == workspace_id, email.c.id == email_id)
        .with_for_update()
    )
    return await get(transaction, workspace_id=workspace_id, email_id=email_id)


async def _refuse_taken(
    transaction: Transaction, workspace_id: int, email_id: int, name: str
) -> None:
    other = await find(transaction, workspace_id=workspace_id, name=name)
    if other is not None and other.id != email_id:
        raise Problem("name_taken", f"there is another email `{name}`; choose another name")


async def _saved(
    transaction: Transaction, workspace_id: int, email_id: int, checked: Checked, *, created: bool
) -> Saved:
    stored = await get(transaction, workspace_id=workspace_id, email_id=email_id)
    return Saved(stored, checked.variables, checked.warnings, created)


def _same(current: Email, checked: Checked) -> bool:
    return (current.written or {}) == checked.written and all(
        getattr(current, member) == getattr(checked.draft, member)
        for member in ("subject", "html", "mjml", "text", "sender", "reply_to")
    )


def _reading(version: int | None) -> Select[*tuple[Any, ...]]:
    wanted = email.c.version if version is None else literal(version)
    of = and_(topic.c.workspace_id == email.c.workspace_id, topic.c.id == email.c.topic_id)
    columns = select(
        email.c.id,
        email.c.name,
        email_version.c.version,
        email_version.c.subject,
        email_version.c.html,
        email_version.c.mjml,
        email_version.c.written,
        email_version.c.text,
        email_version.c.sender,
        email_version.c.reply_to,
        email_version.c.links,
        email_version.c.variables,
        topic.c.name.label("topic"),
        email.c.created_at,
        email_version.c.created_at.label("updated_at"),
    )
    return columns.join(
        email_version,
        and_(
            email_version.c.workspace_id == email.c.workspace_id,
            email_version.c.email_id == email.c.id,
            email_version.c.version == wanted,
        ),
    ).outerjoin(topic, of)


def _email(row: Row[*tuple[Any, ...]]) -> Email:
    return Email(**{**row._mapping, "links": tuple(row.links), "variables": tuple(row.variables)})
