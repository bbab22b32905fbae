"""Answers to forms: checked, the contact found or made, and the campaigns told.

A stranger who names a contact's address can fill what that contact lacks and overwrite nothing; a
browser that is the contact's own can. Of a form that asks for confirmation, a new contact gets no
marketing before it has given it, and its answer counts from then on. Imports `audience`,
`content`, `confirming`, `visitors` and storage.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET
from sqlalchemy import func, select

from headless import ids
from headless.audience.consents import Evidence
from headless.audience.saving import Saved, save
from headless.audience.writes import Write
from headless.campaigns import confirming, visitors
from headless.campaigns.confirming import Ask
from headless.campaigns.visitors import Deed
from headless.content import forms
from headless.content.forms import TRAP, Definition
from headless.problems import Problem
from headless.runtime.versions import Versions
from headless.storage import tables
from headless.storage.codes import ActivityKind
from headless.storage.database import Database, Transaction

_HELD_BACK: Final = ("asked", "waiting")


class Form(msgspec.Struct, frozen=True):
    """A form as it is asked."""

    workspace_id: int
    id: int
    name: str
    slug: str
    version: int
    definition: Definition


async def form_at(tx: Transaction, slug: str, workspace_id: int | None = None) -> Form:
    """The form at an address; Problem `not_found`."""
    f = tables.form.c
    query = select(f.workspace_id, f.id, f.name, f.slug, f.version, f.definition).where(
        f.slug == slug
    )
    if workspace_id is not None:
        query = query.where(f.workspace_id == workspace_id)
    row = (await tx.execute(query)).first()
    if row is None or not row.definition:
        raise Problem("not_found", "there is no form at this address")
    definition = msgspec.convert(row.definition, Definition)
    return Form(row.workspace_id, row.id, row.name, row.slug, row.version, definition)


async def submit(
    database: Database,
    versions: Versions,
    form: Form,
    given: Mapping[str, str],
    *,
    key: str,
    visitor_key: str | None,
    evidence: Evidence | None = None,
    now: datetime,
) -> None:
    """Take one answer; `key` makes it count once, `evidence` is where it came from.

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
    deed = Deed(int(ActivityKind.SUBMITTED), form.id, now, key, answers)
    contact_id, created, counts = own, False, True
    if email is not None:
        asked = None if not form.definition.confirm else _Asking(evidence or Evidence(), deed)
        contact_id, created, counts = await _contact(
            database, form, answers, email, own, asked, now
        )
    elif own is not None:
        await _fill(database, form, answers, own, own, now)
    claims = created and own is None and visitor_key is not None
    deeds = [deed] if counts else []
    if contact_id is not None and not claims:
        async with database.transaction() as tx:
            await visitors.note(tx, versions, workspace_id, contact_id, deeds, now=now)
    elif visitor_key is not None:
        await visitors.take(
            database, versions, workspace_id, visitor_key, deeds, claim=contact_id, now=now
        )
    else:
        raise Problem("invalid_value", "nobody can say whose answer this is; ask for an address")


class _Asking(msgspec.Struct, frozen=True):
    """What a form that asks for confirmation needs to ask."""

    evidence: Evidence
    deed: Deed

    async def of(
        self, tx: Transaction, form: Form, contact_id: int, *, fresh: bool, now: datetime
    ) -> bool:
        """Ask the contact; whether its answer counts at once, for there is nothing to wait for."""
        wanted = Ask(
            contact_id=contact_id,
            source=f"form:{ids.encode('frm', form.id)}",
            fresh=fresh,
            text=form.definition.consent,
            text_version=str(form.version),
            evidence=self.evidence,
            deed=self.deed,
        )
        came = await confirming.ask(tx, form.workspace_id, wanted, now=now)
        return came not in _HELD_BACK


async def _contact(
    database: Database,
    form: Form,
    answers: Mapping[str, Any],
    email: str,
    own: int | None,
    asking: _Asking | None,
    now: datetime,
) -> tuple[int, bool, bool]:
    """The contact with an address, whether it was made now, and whether the answer counts yet."""
    c = tables.contact.c
    async with database.transaction() as tx:
        present: int | None = await tx.scalar(
            select(c.id).where(
                c.workspace_id == form.workspace_id, func.lower(c.email) == email.lower()
            )
        )
    counts = True
    if present is not None:
        await _fill(database, form, answers, present, own, now)
        if asking is not None:
            async with database.transaction() as tx:
                counts = await asking.of(tx, form, present, fresh=False, now=now)
        return present, False, counts

    async def ask(tx: Transaction, saved: Sequence[Saved]) -> None:
        nonlocal counts
        made = saved[0]
        if asking is not None and made.contact_id is not None:
            counts = await asking.of(tx, form, made.contact_id, fresh=made.created, now=now)

    values, phone = _values(form, answers)
    write = Write(email=email, fields=values, phone=phone or UNSET)
    (saved,) = await save(database, form.workspace_id, [write], now=now, then=ask)
    if saved.contact_id is None:
        raise saved.problem or Problem("internal", "the contact could not be made")
    return saved.contact_id, saved.created, counts


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
