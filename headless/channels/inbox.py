"""The development inbox: what the sink kept, read as a person or a test would read it.

Reading is by query, parsing by the standard library. Only for development: mails of all workspaces
lie here together. Imports storage.
"""

import asyncio
import re
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, Final, cast

import msgspec
from sqlalchemy import Select, delete, func, select

from headless.storage.database import Database, Transaction
from headless.storage.tables import inbox_mail

_LOOK_SECONDS: Final = 0.1
_SIGNED: Final = r"/[A-Za-z0-9_-]{34}"
_LINK: Final = re.compile(rf"https?://[^\s\"'<>]*/(?:(o){_SIGNED}\.gif|([cus]){_SIGNED})(?![\w-])")


class Received(msgspec.Struct, frozen=True):
    """A mail as the list shows it; `message_id` is ours (`msg_…`), None for other people's mail."""

    id: int
    received_at: datetime
    sender: str
    recipient: str
    subject: str
    message_id: str | None


class MailLinks(msgspec.Struct, frozen=True):
    """Our own links in a mail, to follow by hand."""

    open: str | None
    clicks: tuple[str, ...]
    unsubscribe: str | None
    confirm: str | None = None


class Mail(msgspec.Struct, frozen=True):
    """A mail, taken apart."""

    received: Received
    text: str
    html: str
    headers: dict[str, str]
    links: MailLinks
    raw: bytes

    @property
    def message_id(self) -> str | None:
        """The public id of the message behind it."""
        return self.received.message_id

    @property
    def subject(self) -> str:
        """As a person reads it."""
        return self.received.subject


async def listing(
    transaction: Transaction,
    *,
    to: str | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> list[Received]:
    """The newest mails first, those to one address if it is given; `before_id` goes further."""
    statement = _headlines(to)
    if before_id is not None:
        statement = statement.where(inbox_mail.c.id < before_id)
    rows = await transaction.execute(statement.order_by(inbox_mail.c.id.desc()).limit(limit))
    return [Received(*row) for row in rows]


async def since(
    transaction: Transaction, *, to: str | None = None, after_id: int = 0, limit: int = 50
) -> list[Received]:
    """Mails in the order of their arrival, those after an id."""
    statement = _headlines(to).where(inbox_mail.c.id > after_id)
    rows = await transaction.execute(statement.order_by(inbox_mail.c.id).limit(limit))
    return [Received(*row) for row in rows]


async def wait_for(
    database: Database,
    *,
    to: str | None = None,
    after_id: int = 0,
    seconds: float = 10.0,
    limit: int = 50,
) -> list[Received]:
    """`since`, as soon as there is something to answer; empty when the time is over."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while True:
        async with database.transaction() as transaction:
            found = await since(transaction, to=to, after_id=after_id, limit=limit)
        left = until - loop.time()
        if found or left <= 0:
            return found
        await asyncio.sleep(min(_LOOK_SECONDS, left))


async def get(transaction: Transaction, mail_id: int) -> Mail | None:
    """One mail, taken apart; None when there is no such."""
    row = (
        await transaction.execute(
            select(*_columns(), inbox_mail.c.raw).where(inbox_mail.c.id == mail_id)
        )
    ).first()
    return _mail(row) if row is not None else None


async def details(transaction: Transaction, mail_ids: list[int]) -> list[Mail]:
    """Several mails, taken apart, in the order of their arrival."""
    rows = await transaction.execute(
        select(*_columns(), inbox_mail.c.raw)
        .where(inbox_mail.c.id.in_(mail_ids))
        .order_by(inbox_mail.c.id)
    )
    return [_mail(row) for row in rows]


async def clear(transaction: Transaction) -> int:
    """Throw everything away; answers how many mails that were."""
    result = await transaction.execute(delete(inbox_mail).returning(inbox_mail.c.id))
    return len(result.all())


def parse(received: Received, raw: bytes) -> Mail:
    """A mail's parts, headers and our own links."""
    message = message_from_bytes(raw, policy=SMTP)
    text, html = _part(message, "plain"), _part(message, "html")
    headers = {name: " ".join(str(value).split()) for name, value in message.items()}
    return Mail(received, text, html, headers, _links(html, text, headers), raw)


def _links(html: str, text: str, headers: dict[str, str]) -> MailLinks:
    found: dict[str, dict[str, None]] = {"o": {}, "c": {}, "u": {}, "s": {}}
    for body in (html, text, headers.get("List-Unsubscribe", "")):
        for match in _LINK.finditer(body):
            found[match[1] or match[2]][match.group()] = None
    opened, left, confirmed = (next(iter(found[kind]), None) for kind in "ous")
    return MailLinks(opened, tuple(found["c"]), left, confirmed)


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    if body is None:
        return ""
    try:
        content = str(body.get_content())
    except (LookupError, UnicodeError):  # a charset that nobody knows: show what can be shown
        content = cast(bytes, body.get_payload(decode=True)).decode("utf-8", "replace")
    return content.replace("\r\n", "\n")


def _columns() -> list[Any]:
    return [inbox_mail.c[name] for name in Received.__struct_fields__]


def _headlines(to: str | None) -> Select[*tuple[Any, ...]]:
    statement = select(*_columns())
    if to is not None:
        statement = statement.where(func.lower(inbox_mail.c.recipient) == to.strip().lower())
    return statement


def _mail(row: Any) -> Mail:
    return parse(Received(*row[:-1]), row.raw)
