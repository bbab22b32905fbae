"""Answers to forms: checked, the contact found or made, and the campaigns told.

A stranger who names a contact's address can fill what that contact lacks and overwrite nothing; a
browser that is the contact's own can. A new contact of a form that asks for confirmation gets no
marketing before it has given it. Imports `audience`, `content`, `visitors` and storage.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from headless import ids
from headless.audience.saving import save
from headless.audience.writes import Write
from headless.campaigns import visitors
from headless.campaigns.visitors import Deed
from headless.content import forms
from headless.content.forms import TRAP, Definition
from headless.problems import Problem
from headless.runtime.versions import Versions
from headless.storage import tables
from headless.storage.codes import ActivityKind, Channel
from headless.storage.database import Database, Transaction

UNCONFIRMED: Final = "unconfirmed"


class Form(msgspec.Struct, frozen=True):
    """A form as it is asked."""

    workspace_id: int
    id: int
    name: str
    slug: str
    definition: Definition


async def form_at(tx: Transaction, slug: str, workspace_id: int | None = None) -> Form:
    """The form at an address; Problem `not_found`."""
    f = tables.form.c
    query = select(f.workspace_id, f.id, f.name, f.slug, f.definition).where(f.slug == slug)
    if workspace_id is not None:
        query = query.where(f.workspace_id == workspace_id)
    row = (await tx.execute(query)).first()
    if row is None or not row.definition:
        raise Problem("not_found", "there is no form at this address")
    return Form(
        row.workspace_id, row.id, row.name, row.slug, msgspec.convert(row.definition, Definition)
    )


async def submit(
    database: Database,
    versions: Versions,
    form: Form,
    given: Mapping[str, str],
    *,
    key: str,
    visitor_key: str | None,
    now: datetime,
) -> None:
    """Take one answer; `key` makes it count once.

    Problem `invalid_value` with every fault, or when nobody can say whose answer it is. What falls
    into the trap is dropped and looks as if it were taken.
    """
    if given.get(TRAP):
        return
    answers = forms.answers(form.definition, given)
    workspace_id = form.workspace_id
    async with database.transaction() as tx:
        own = None if visitor_key is None else await visitors.known(tx, workspace_id, visitor_key)
    email = next(
        (
            answers[f.name]
            for f in form.definition.fields
            if f.type == "email" and f.name in answers
        ),
        None,
    )
    contact_id, created = own, False
    if email is not None:
        contact_id, created = await _contact(database, form, answers, email, own, now)
    elif own is not None:
        await _fill(database, form, answers, own, own, now)
    deed = Deed(int(ActivityKind.SUBMITTED), form.id, now, key, answers)
    claims = created and own is None and visitor_key is not None
    if contact_id is not None and not claims:
        async with database.transaction() as tx:
            await visitors.note(tx, versions, workspace_id, contact_id, [deed], now=now)
    elif visitor_key is not None:
        await visitors.take(
            database, versions, workspace_id, visitor_key, [deed], claim=contact_id, now=now
        )
    else:
        raise Problem("invalid_value", "nobody can say whose answer this is; ask for an address")


async def _contact(
    database: Database,
    form: Form,
    answers: Mapping[str, Any],
    email: str,
    own: int | None,
    now: datetime,
) -> tuple[int, bool]:
    """The contact with an address, made when it is new."""
    c = tables.contact.c
    async with database.transaction() as tx:
        present: int | None = await tx.scalar(
            select(c.id).where(
                c.workspace_id == form.workspace_id, func.lower(c.email) == email.lower()
            )
        )
    if present is not None:
        await _fill(database, form, answers, present, own, now)
        return present, False
    values, phone = _values(form, answers)
    write = Write(email=email, fields=values, phone=phone or UNSET)
    (saved,) = await save(database, form.workspace_id, [write], now=now)
    if saved.contact_id is None:
        raise saved.problem or Problem("internal", "the contact could not be made")
    if form.definition.confirm and saved.created:
        async with database.transaction() as tx:
            await tx.execute(
                insert(tables.suppression)
                .values(
                    workspace_id=form.workspace_id,
                    contact_id=saved.contact_id,
                    channel=int(Channel.EMAIL),
                    reason=UNCONFIRMED,
                    source=f"form:{ids.encode('frm', form.id)}",
                    at=now,
                )
                .on_conflict_do_nothing()
            )
    return saved.contact_id, saved.created


async def _fill(
    database: Database,
    form: Form,
    answers: Mapping[str, Any],
    contact_id: int,
    own: int | None,
    now: datetime,
) -> None:
    """Write the answers that may be written about a contact who is there already."""
    values, phone = _values(form, answers)
    c = tables.contact.c
    async with database.transaction() as tx:
        row = (
            await tx.execute(
                select(c.fields, c.phone).where(
                    c.workspace_id == form.workspace_id, c.id == contact_id
                )
            )
        ).one()
    if own != contact_id:
        values = {name: value for name, value in values.items() if row.fields.get(name) is None}
        phone = phone if row.phone is None else None
    if values or phone:
        write = Write(contact_id=contact_id, fields=values, phone=phone or UNSET)
        (saved,) = await save(database, form.workspace_id, [write], now=now)
        if saved.problem is not None:
            raise saved.problem


def _values(form: Form, answers: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The contact's fields that an answer fills, and its phone number."""
    values: dict[str, Any] = {}
    phone = None
    for field in form.definition.fields:
        if field.name in answers and field.contact is not None:
            if field.contact == "phone":
                phone = answers[field.name]
            elif field.contact != "email":
                values[field.contact] = answers[field.name]
    return values, phone
