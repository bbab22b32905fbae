"""What a campaign knows reaches the letter: the event, the entry, `with`, company and owner."""

from email import message_from_bytes, policy

from sqlalchemy import insert, update
from world import World

from headless.channels import outbox
from headless.channels.email import EmailCourier
from headless.channels.links import Links
from headless.channels.ports import NullSender
from headless.storage import tables

TEMPLATE = (
    "{{ contact.external_id }} / {{ event.how }} / {{ entry.total }} / {{ sum }} /"
    " {{ company.name }} {{ company.plan }} / {{ owner.name }} {{ owner.email }}"
)


class Kept(NullSender):
    """Keeps the subjects of the mails that it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.subjects: dict[str, str] = {}

    async def send(self, sender: str, recipient: str, body: bytes) -> object:  # type: ignore[override]  # what NullSender answers
        self.subjects[recipient] = message_from_bytes(body, policy=policy.default)["subject"]
        return await super().send(sender, recipient, body)


async def test_what_a_letter_may_speak_of(world: World) -> None:
    (anna,) = await world.things("owner", "anna")
    (acme,) = await world.things("company", "Acme")
    await world.people("ada", owner="Anna")
    await world.people("bob")
    async with world.database.transaction() as tx:
        v = tables.email_version
        await tx.execute(
            update(v).where(v.c.email_id == world.emails["X"]).values(subject=TEMPLATE)
        )
        colleague = update(tables.member).where(tables.member.c.id == anna)
        await tx.execute(colleague.values(email="anna@example.org"))
        company = update(tables.company).where(tables.company.c.id == acme)
        await tx.execute(company.values(fields={"plan": "pro"}))
        joined = {"contact_id": world.ids["ada"], "company_id": acme, "since": world.now}
        await tx.execute(insert(tables.company_member).values(workspace_id=1, **joined))
    await world.start(
        """start when did ordered
        when did paid within 1d then send email X with (sum = entry.total)"""
    )
    await world.does("ordered", "ada", "bob", total=80)
    await world.does("paid", "ada", "bob", how="card")
    sender = Kept()
    courier = EmailCourier(Links((b"a key of sixteen bytes",), "http://localhost"), sender)
    done = await outbox.deliver(world.database, courier, workspace_id=1, now=world.now)
    assert done.sent == 2
    assert sender.subjects == {
        "ada@example.org": "ada / card / 80 / 80 / Acme pro / anna anna@example.org",
        "bob@example.org": "bob / card / 80 / 80 / /",
    }
