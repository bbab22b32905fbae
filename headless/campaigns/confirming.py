"""Double opt-in: a contact is asked by mail, and is written to once it has pressed the button.

Asking leaves a suppression `unconfirmed`, a line in the ledger and a mail; pressing takes the
suppression away, once for each mail, and leaves another line. Nothing else that stands in the way
is ever lifted by it. The mail is the workspace's email of a certain name, made when it is first
needed. Imports `audience`, `channels`, `content`, the runtime and storage.
"""

from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import insert, select

from headless import ids
from headless.audience import consents
from headless.audience.consents import MARKETING_ONLY, Consent, Entry, Evidence
from headless.campaigns import visitors
from headless.campaigns.visitors import Deed
from headless.channels import suppressed
from headless.channels.links import Resolved
from headless.channels.suppressions import UNCONFIRMED, Suppress, suppress
from headless.content import emails
from headless.content.drafts import Draft
from headless.problems import Problem
from headless.runtime.versions import Versions
from headless.storage.codes import Channel
from headless.storage.database import Transaction
from headless.storage.tables import contact, message, suppression

EMAIL: Final = "Confirm your subscription"
"""The name of the email that asks; whoever saves one of this name has written it."""
LINK_LASTS: Final = timedelta(days=30)
AGAIN_AFTER: Final = timedelta(hours=1)
_DRAFT: Final = Draft(
    name=EMAIL,
    subject="Please confirm: {{ workspace.name }}",
    html=(
        "<p>Somebody, we hope you, asked us to write to this address.</p>"
        '<p><a href="{{ links.confirm }}">Yes, write to me</a></p>'
        "<p>If it was not you, do nothing: without this we send you nothing more.</p>"
    ),
)
_LOOKED_AT: Final = 20
Asked = Literal["asked", "waiting", "open", "closed", "no_address"]
"""`asked`: a mail is on its way; `waiting`: one went out less than an hour ago; `open`: nothing
stands in the way already; `closed`: the address is suppressed for another reason, and stays so;
`no_address`: there is none to ask at."""
Pressed = Literal["confirmed", "expired", "unknown"]


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask: on whose word, with which words, and what is done once it is confirmed.

    `fresh` is a contact that was made by this very request.
    """

    contact_id: int
    source: str
    fresh: bool
    text: str | None = None
    text_version: str | None = None
    evidence: Evidence = Evidence()
    deed: Deed | None = None


async def ask(tx: Transaction, workspace_id: int, wanted: Ask, *, now: datetime) -> Asked:
    """Ask a contact to confirm; one that is written to already is left as it is."""
    address = await _locked(tx, workspace_id, wanted.contact_id)
    if address is None:
        return "no_address"
    reason = await _reason(tx, workspace_id, wanted.contact_id)
    if reason is None and not wanted.fresh:
        return "open"
    if reason not in (None, *MARKETING_ONLY):
        return "closed"
    if reason is None:
        new = Suppress(
            contact_id=wanted.contact_id, reason=UNCONFIRMED, source=wanted.source, at=now
        )
        await suppress(tx, workspace_id, Channel.EMAIL, [new], now=now)
    elif await _asked_since(tx, workspace_id, wanted.contact_id, now - AGAIN_AFTER):
        return "waiting"
    number = await _mail(tx, workspace_id, wanted.contact_id, now)
    deed = None if wanted.deed is None else msgspec.to_builtins(wanted.deed)
    entry = Entry(
        contact_id=wanted.contact_id,
        about="email",
        action="requested",
        source=wanted.source,
        text=wanted.text,
        text_version=wanted.text_version,
        message_id=number,
        evidence=msgspec.structs.replace(wanted.evidence, deed=deed),
        at=now,
    )
    await consents.record(tx, workspace_id, [entry])
    return "asked"


async def press(
    tx: Transaction,
    versions: Versions,
    resolved: Resolved,
    *,
    evidence: Evidence,
    now: datetime,
) -> Pressed:
    """The button behind a confirmation mail was pressed; a second time changes nothing."""
    workspace_id, who = resolved.link.workspace_id, resolved.contact_id
    await _locked(tx, workspace_id, who)
    asked = await requested(tx, resolved)
    if asked is None:
        return "unknown"
    lines = await consents.of_message(tx, workspace_id, who, resolved.link.message_id)
    if any(line.action == "granted" for line in lines):
        return "confirmed"
    if is_over(asked, now):
        return "expired"
    if await _reason(tx, workspace_id, who) in MARKETING_ONLY:
        why = f"confirmed by the link in {ids.encode('msg', resolved.link.message_id)}"
        await suppressed.lift(
            tx, workspace_id, who, Channel.EMAIL, because=why, token_id=None, now=now
        )
    granted = Entry(
        contact_id=who,
        about="email",
        action="granted",
        source=asked.source,
        text=asked.text,
        text_version=asked.text_version,
        proof=f"the button behind the link in {ids.encode('msg', resolved.link.message_id)}",
        message_id=resolved.link.message_id,
        evidence=evidence,
        at=now,
    )
    await consents.record(tx, workspace_id, [granted])
    if asked.evidence.deed is not None:
        deed = msgspec.convert(asked.evidence.deed, Deed, strict=False)
        late = msgspec.structs.replace(deed, at=now)
        await visitors.note(tx, versions, workspace_id, who, [late], now=now)
    return "confirmed"


async def requested(tx: Transaction, resolved: Resolved) -> Consent | None:
    """What the mail behind a link asked for; None when it asked for nothing."""
    lines = await consents.of_message(
        tx, resolved.link.workspace_id, resolved.contact_id, resolved.link.message_id
    )
    return next((line for line in lines if line.action == "requested"), None)


def is_over(asked: Consent, now: datetime) -> bool:
    """Whether the link of a mail that asked has expired."""
    return now >= asked.at + LINK_LASTS


async def _locked(tx: Transaction, workspace_id: int, contact_id: int) -> str | None:
    c = contact.c
    address: str | None = await tx.scalar(
        select(c.email)
        .where(c.workspace_id == workspace_id, c.id == contact_id)
        .with_for_update(key_share=True)
    )
    return address


async def _reason(tx: Transaction, workspace_id: int, contact_id: int) -> str | None:
    s = suppression.c
    reason: str | None = await tx.scalar(
        select(s.reason).where(
            s.workspace_id == workspace_id,
            s.contact_id == contact_id,
            s.channel == int(Channel.EMAIL),
        )
    )
    return reason


async def _asked_since(
    tx: Transaction, workspace_id: int, contact_id: int, since: datetime
) -> bool:
    lines = await consents.listing(
        tx, workspace_id, limit=_LOOKED_AT, contact_id=contact_id, about="email"
    )
    return any(line.action == "requested" and line.at > since for line in lines)


async def _mail(tx: Transaction, workspace_id: int, contact_id: int, now: datetime) -> int:
    """Put the mail into the outbox; its number."""
    data: dict[str, Any] = {"transactional": True, "confirm": True}
    number: int = await tx.scalar(
        insert(message)
        .values(
            workspace_id=workspace_id,
            contact_id=contact_id,
            channel=int(Channel.EMAIL),
            ref=await _email(tx, workspace_id, now),
            created_at=now,
            due_at=now,
            data=data,
        )
        .returning(message.c.id)
    )
    tx.wake("deliver", workspace_id, int(Channel.EMAIL))
    return number


async def _email(tx: Transaction, workspace_id: int, now: datetime) -> int:
    present = await emails.find(tx, workspace_id=workspace_id, name=EMAIL)
    if present is not None:
        return present.id
    try:
        made = await emails.create(tx, workspace_id=workspace_id, draft=_DRAFT, now=now)
    except Problem as problem:
        if problem.code != "name_taken":
            raise
        present = await emails.find(tx, workspace_id=workspace_id, name=EMAIL)
        if present is None:
            raise
        return present.id
    return made.email.id
