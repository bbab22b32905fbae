"""Privacy: what of a contact is shown to whom.

The asker alone sees it whole; where others read along, addresses, names and whatever else is the
contact's own are masked. Looks at contacts are audited with the contact's id. `masked` computes;
`looked` writes. Imports `asker` and the audit.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from headless import ids
from headless.audience.contacts import Contact
from headless.slack.people.asker import Asker
from headless.storage.database import Transaction
from headless.workspace import audit

_ADDRESS: Final = re.compile(r"[\w.+'-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE: Final = re.compile(r"\+\d[\d ]{6,}\d")
_FOUND: Final = re.compile(r"\bis `[^`\n]*`")
_SHORTEST: Final = 3
"""Shorter values are words like `no` or `FR`, which stand in sentences of their own."""


def masked(text: str, whose: Iterable[Contact] = (), *, traced: bool = False) -> str:
    """A text with addresses as `a…@example.com`, and nothing that is a contact's own.

    Of a `traced` text the values that a condition found go as well: `country is …`.
    """
    if traced:
        text = _FOUND.sub("is …", text)
    own = sorted({value for one in whose for value in _own(one)}, key=len, reverse=True)
    text = _ADDRESS.sub(lambda found: masked_address(found.group()), text)
    text = _PHONE.sub("+…", text)
    for value in own:
        text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "…", text, flags=re.IGNORECASE)
    return text


def masked_address(address: str) -> str:
    """`ada@example.com` as `a…@example.com`."""
    local, _, domain = address.partition("@")
    return f"{local[:1]}…@{domain}"


def called(contact: Contact, *, shared: bool) -> str:
    """How an answer names a contact."""
    if shared:
        return masked_address(contact.email) if contact.email else ids.encode("con", contact.id)
    first = contact.fields.get("first_name")
    who = contact.email or contact.external_id or ids.encode("con", contact.id)
    return f"{first} ({who})" if first else who


async def looked(
    tx: Transaction,
    asker: Asker,
    verb: str,
    contact_id: int | None,
    *,
    shared: bool,
    now: datetime,
) -> None:
    """Note that somebody looked at a contact's data, or at those of several (None)."""
    detail: dict[str, Any] = {"verb": verb, "in": "slack"}
    if shared:
        detail["shared"] = True
    subject = "contacts" if contact_id is None else ids.encode("con", contact_id)
    await audit.record(
        tx, asker.workspace_id, actor=asker.actor, act="look_at_contact", subject=subject,
        detail=detail, now=now,
    )  # fmt: skip


def _own(contact: Contact) -> Iterable[str]:
    values = [contact.external_id, contact.phone, *contact.fields.values()]
    for value in values:
        if isinstance(value, str) and len(value) >= _SHORTEST:
            yield value
