"""Previews: an email as one contact would see it, and the test that goes to a colleague's address.

A preview is composed as a mail is, without counting anything: plain links, no picture. A test goes
through the outbox like every mail, named `test`; it belongs to no campaign and counts nowhere.
Imports `audience`, `content` and storage.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import func, insert, select

from headless import ids
from headless.audience.addresses import normalised
from headless.content import emails
from headless.content.emails import Email
from headless.content.letters import Letter, Source
from headless.content.templates import TemplateError, instant
from headless.problems import Problem
from headless.storage.codes import Channel
from headless.storage.database import Transaction
from headless.storage.tables import activity, contact, enrollment, member, message, workspace

Values = Mapping[str, Any]
NOBODY: Final[dict[str, object]] = {
    "id": "", "external_id": None, "email": None, "phone": None, "time_zone": None, "points": 0,
    "stage": None, "owner": None, "created_at": None,
}  # fmt: skip
"""What a template reads of a contact where there is none."""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in for a campaign: `values` are `with (...)`, `entry` and `event` as usual."""

    values: Values = {}
    entry: Values = {}
    event: Values = {}


class Preview(msgspec.Struct, frozen=True):
    """The mail: what a person would read, and the html's size in bytes."""

    sender: str
    subject: str
    html: str
    text: str
    size: int


async def preview(
    tx: Transaction,
    workspace_id: int,
    *,
    email_id: int,
    version: int | None,
    contact_id: int | None,
    given: Given,
    base_url: str,
    marketing: bool = True,
    now: datetime,
) -> Preview:
    """The email for a contact, or for nobody in particular; Problem `not_found`, `invalid_text`."""
    stored = await emails.get(tx, workspace_id=workspace_id, email_id=email_id, version=version)
    house = (
        await tx.execute(
            select(workspace.c.name, workspace.c.sender, workspace.c.postal_address).where(
                workspace.c.id == workspace_id
            )
        )
    ).one()
    names: dict[str, object] = {
        **given.values,
        "contact": NOBODY if contact_id is None else await person(tx, workspace_id, contact_id),
        "entry": given.entry,
        "event": given.event,
        "workspace": {
            "name": house.name,
            "sender": house.sender,
            "postal_address": house.postal_address or "",
        },
        "links": {
            "unsubscribe": f"{base_url}/u/preview",
            "confirm": f"{base_url}/s/preview",
            "open": "",
        },
        "now": now,
    }
    sender = stored.sender or house.sender
    return _composed(stored, sender, house.postal_address, names, marketing)


async def of_message(
    tx: Transaction, workspace_id: int, message_id: int, *, base_url: str, now: datetime
) -> Preview:
    """An email as a message carries it: its version, its contact, what its campaign gave it.

    The contact is read as it is now. Problem `not_found`; `wrong_state` for what is no email.
    """
    m, e, a = message.c, enrollment.c, activity.c
    row = (
        await tx.execute(
            select(m.channel, m.ref, m.email_version, m.contact_id, m.data, e.entry, a.properties)
            .outerjoin(enrollment, (e.workspace_id == m.workspace_id) & (e.id == m.enrollment_id))
            .outerjoin(activity, (a.workspace_id == m.workspace_id) & (a.id == m.activity_id))
            .where(m.workspace_id == workspace_id, m.id == message_id)
        )
    ).one_or_none()
    if row is None:
        raise Problem("not_found", "there is no such message here")
    if row.channel != Channel.EMAIL:
        raise Problem("wrong_state", "only a message that is an email can be shown")
    data = row.data or {}
    return await preview(
        tx,
        workspace_id,
        email_id=row.ref,
        version=row.email_version,
        contact_id=row.contact_id,
        given=Given(values=data.get("with", {}), entry=row.entry or {}, event=row.properties or {}),
        base_url=base_url,
        marketing=not data.get("transactional"),
        now=now,
    )


def _composed(
    stored: Email, sender: str, address: str | None, names: dict[str, object], marketing: bool
) -> Preview:
    source = Source(stored.subject, stored.html, stored.text, sender, stored.reply_to, stored.links)
    try:
        letter = Letter(
            source,
            marketing=marketing,
            postal_address=marketing and bool((address or "").strip()),
            tracked=False,
        )
        made = letter.compose(names, lambda _: "#")
    except TemplateError as error:
        raise Problem("invalid_text", f"the email cannot be made: {error}") from error
    return Preview(sender, made.subject, made.html, made.text, len(made.html.encode()))


async def person(tx: Transaction, workspace_id: int, contact_id: int) -> dict[str, object]:
    """What a template may read of a contact; Problem `not_found`."""
    row = (
        await tx.execute(
            select(contact).where(
                contact.c.workspace_id == workspace_id, contact.c.id == contact_id
            )
        )
    ).first()
    if row is None:
        raise Problem("not_found", "there is no such contact here")
    own = {name: getattr(row, name) for name in NOBODY if name not in ("id", "created_at")}
    return {
        **row.fields,
        **own,
        "id": ids.encode("con", row.id),
        "created_at": instant(row.created_at),
    }


async def send_test(
    tx: Transaction,
    workspace_id: int,
    *,
    email_id: int,
    to: str,
    contact_id: int | None,
    values: Values,
    now: datetime,
) -> int:
    """Put a test of an email's newest version into the outbox; the message's number.

    It is made for the contact given, else for the one with that address. In a live workspace it
    goes to colleagues and to the workspace's own sender only. Problem `not_found`,
    `invalid_value`.
    """
    try:
        address = normalised(to)
    except ValueError as error:
        raise Problem("invalid_value", f"`to`: {error}") from error
    stored = await emails.get(tx, workspace_id=workspace_id, email_id=email_id)
    await _refuse_strangers(tx, workspace_id, address)
    whose = contact_id
    if whose is None:
        whose = await tx.scalar(
            select(contact.c.id).where(
                contact.c.workspace_id == workspace_id,
                func.lower(contact.c.email) == address.lower(),
            )
        )
    else:
        await person(tx, workspace_id, whose)
    if whose is None:
        raise Problem(
            "invalid_value",
            f"no contact has the address `{address}`; say with `contact` for whom it is made",
        )
    number: int = await tx.scalar(
        insert(message)
        .values(
            workspace_id=workspace_id,
            contact_id=whose,
            channel=int(Channel.EMAIL),
            ref=stored.id,
            created_at=now,
            due_at=now,
            data={"to": address, "test": True, "transactional": True, "with": dict(values)},
        )
        .returning(message.c.id)
    )
    tx.wake("deliver", workspace_id, int(Channel.EMAIL))
    return number


async def _refuse_strangers(tx: Transaction, workspace_id: int, address: str) -> None:
    house = (
        await tx.execute(
            select(workspace.c.mode, workspace.c.sender).where(workspace.c.id == workspace_id)
        )
    ).one()
    if house.mode == "sandbox" or address.lower() in house.sender.lower().strip(">").split("<"):
        return
    colleague = await tx.scalar(
        select(member.c.id).where(
            member.c.workspace_id == workspace_id, func.lower(member.c.email) == address.lower()
        )
    )
    if colleague is None:
        raise Problem(
            "invalid_value",
            f"a test goes to a member of the workspace or to its own sender, and `{address}` is "
            "neither",
        )
