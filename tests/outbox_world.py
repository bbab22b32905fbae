"""A workspace with an email and people, for tests of how mails are handed over."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select

from headless.channels import outbox
from headless.channels.email import EmailCourier
from headless.channels.links import Links
from headless.channels.smtp import SmtpSender, parse_url
from headless.content import emails
from headless.content.drafts import Draft
from headless.storage import tables
from headless.storage.codes import Channel, MessageState
from headless.storage.database import Database

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
LINKS = Links((b"a key for tests, 32 bytes long..",), "http://localhost:8080")
DRAFT = Draft(
    name="Welcome",
    subject="Hello {{ contact.first_name }}",
    html='<p>Good. <a href="https://a.example/?x=1">Look</a>'
    '{% for i in entry.items %} <a href="{{ i }}">i</a>{% endfor %} {{ coupon }}</p>',
)


class World:
    """A workspace with an email, and whatever a test adds to it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.workspace_id = 0
        self.email_id = 0

    async def begin(self) -> None:
        async with self.database.transaction() as tx:
            self.workspace_id = await tx.scalar(
                insert(tables.workspace)
                .values(name="Acme", created_at=NOW, postal_address="1 Long Street")
                .returning(tables.workspace.c.id)
            )
            self.email_id = await self.email(DRAFT)

    async def email(self, draft: Draft) -> int:
        async with self.database.transaction() as tx:
            saved = await emails.put(tx, workspace_id=self.workspace_id, draft=draft, now=NOW)
        return saved.email.id

    async def contacts(self, *addresses: str | None, **fields: Any) -> list[int]:
        async with self.database.transaction() as tx:
            rows = await tx.execute(
                insert(tables.contact).returning(tables.contact.c.id),
                [
                    {
                        "workspace_id": self.workspace_id,
                        "email": address,
                        "fields": {"first_name": (address or "").split("@")[0], **fields},
                        "created_at": NOW,
                        "updated_at": NOW,
                    }
                    for address in addresses
                ],
            )
            return [row.id for row in rows]

    async def messages(self, contacts: list[int], **values: Any) -> list[int]:
        async with self.database.transaction() as tx:
            rows = await tx.execute(
                insert(tables.message).returning(tables.message.c.id),
                [
                    {
                        "workspace_id": self.workspace_id,
                        "contact_id": contact,
                        "channel": int(Channel.EMAIL),
                        "ref": self.email_id,
                        "created_at": NOW,
                        "due_at": NOW,
                        **values,
                    }
                    for contact in contacts
                ],
            )
            return [row.id for row in rows]

    async def deliver(
        self, url: str, *, now: datetime = NOW, width: int = 8, batch: int = 500
    ) -> outbox.Delivered:
        sender = SmtpSender(parse_url(url), width=width)
        try:
            return await outbox.deliver(
                self.database,
                EmailCourier(LINKS, sender),
                workspace_id=self.workspace_id,
                now=now,
                batch=batch,
            )
        finally:
            await sender.close()

    async def states(self) -> dict[int, tuple[MessageState, str | None, int]]:
        m = tables.message.c
        async with self.database.transaction() as tx:
            rows = await tx.execute(select(m.id, m.state, m.reason, m.attempts))
            return {row.id: (MessageState(row.state), row.reason, row.attempts) for row in rows}

    async def suppressions(self) -> dict[int, str]:
        s = tables.suppression.c
        async with self.database.transaction() as tx:
            return {row[0]: row[1] for row in await tx.execute(select(s.contact_id, s.reason))}

    async def suppress(self, contact: int, reason: str) -> None:
        async with self.database.transaction() as tx:
            await tx.execute(
                insert(tables.suppression).values(
                    workspace_id=self.workspace_id, contact_id=contact, channel=1,
                    reason=reason, source="test", at=NOW,
                )
            )  # fmt: skip
