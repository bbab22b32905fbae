"""When they refuse us: who is suppressed, what is parked, and when we stop asking."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from mail_double import MailDouble
from sqlalchemy import insert, text

from headless.campaigns import tripping
from headless.channels import accounts, breakers
from headless.channels.post import Post
from headless.channels.providers import Smtp, SmtpSecrets
from headless.dsl.examine import examine
from headless.dsl.plan import to_json
from headless.seals import Seals
from headless.storage import tables
from headless.storage.codes import MessageState, word
from headless.storage.database import Database, connect

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
KEYS = (b"a key of thirty-two bytes, or so",)


class House:
    """A workspace that mails many people, and the clock."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOW
        self.email = 0
        self.version = 0

    async def add(self, table: Any, **values: Any) -> int:
        async with self.database.transaction() as tx:
            row = insert(table).values(workspace_id=1, **values).returning(table.c.id)
            return int(await tx.scalar(row))

    async def mail(self, *addresses: str) -> None:
        for address in addresses:
            who = await self.add(
                tables.contact, external_id=address, email=address,
                created_at=NOW, updated_at=NOW,
            )  # fmt: skip
            await self.add(
                tables.message, contact_id=who, channel=1, ref=self.email,
                version_id=self.version, created_at=NOW, due_at=self.now,
            )  # fmt: skip

    async def deliver(self) -> None:
        post = Post(
            self.database, lambda: self.now, keys=KEYS, base_url="http://localhost", smtp_url=None
        )
        try:
            while wakes := await post.due():
                moved = [await post.deliver(wake) for wake in wakes]
                if not any(moved):
                    return
        finally:
            await post.close()

    async def rows(self, query: str) -> list[Any]:
        async with self.database.transaction() as tx:
            return [tuple(row) for row in await tx.execute(text(query))]

    async def states(self) -> dict[str, str]:
        rows = await self.rows(
            "select c.external_id, m.state from message m join contact c on c.id = m.contact_id"
        )
        return {address: word(MessageState(state)) for address, state in rows}


@pytest.fixture
async def double() -> AsyncIterator[MailDouble]:
    async with MailDouble() as made:
        yield made


@pytest.fixture
async def house(database_url: str, double: MailDouble) -> AsyncIterator[House]:
    database = connect(database_url)
    house = House(database)
    port = urlsplit(double.url).port or 0
    async with database.transaction() as tx:
        await tx.execute(insert(tables.workspace).values(name="Acme", created_at=NOW))
        await accounts.create(
            tx, Seals(KEYS), 1, name="Main", provider_name="smtp",
            settings=Smtp(host="127.0.0.1", port=port, tls="never", connections=4),
            secrets=SmtpSecrets(), now=NOW,
        )  # fmt: skip
    house.email = await house.add(tables.email, name="Hi", created_at=NOW, updated_at=NOW)
    async with database.transaction() as tx:
        await tx.execute(
            insert(tables.email_version).values(
                workspace_id=1, email_id=house.email, version=1, subject="Hi", html="<p>Hi</p>",
                created_at=NOW,
            )
        )  # fmt: skip
    campaign = await house.add(
        tables.campaign, name="C", state="running", version_id=1, created_at=NOW, updated_at=NOW
    )
    read = examine("campaign C\nsend email Hi\n")
    assert read.plan is not None
    plan = msgspec.json.decode(to_json(read.plan))
    house.version = await house.add(
        tables.version, campaign_id=campaign, number=1, source="", hash="",
        plan=plan, refs={}, created_at=NOW,
    )  # fmt: skip
    yield house
    await database.close()


async def test_a_hundred_recipients_of_whom_some_cannot_be_reached(
    house: House, double: MailDouble
) -> None:
    people = [f"p{n}@d{n % 10}.example" for n in range(100)]
    unknown, policy, busy, gone = people[3], people[17], people[42], people[77]
    double.rcpt = {
        unknown: ["550 5.1.1 no such user"],
        policy: ["550 5.7.1 refused by policy"],
        busy: ["451 4.3.0 later", "451 4.3.0 later", "250 2.1.5 ok"],
    }
    await house.mail(*people)
    async with house.database.transaction() as tx:
        await tx.execute(
            text(
                "insert into suppression (workspace_id, contact_id, channel, reason, source, at)"
                " select 1, id, 1, 'unsubscribed', 'test', :now from contact"
                " where external_id = :gone"
            ),
            {"now": NOW, "gone": gone},
        )
    for _ in range(4):
        await house.deliver()
        house.now += timedelta(hours=1)
    assert dict(double.taken) == {
        address: 1 for address in people if address not in (unknown, policy, gone)
    }
    states = await house.states()
    assert len([state for state in states.values() if state == "sent"]) == 97
    assert (states[unknown], states[policy], states[gone]) == ("skipped", "parked", "skipped")
    suppressed = await house.rows(
        "select c.external_id, s.reason from suppression s join contact c on c.id = s.contact_id"
    )
    assert sorted(suppressed) == sorted([(unknown, "hard_bounce"), (gone, "unsubscribed")])


async def test_a_domain_that_refuses_everything_is_left_alone_for_a_while(
    house: House, double: MailDouble
) -> None:
    people = [f"p{n}@strict.example" for n in range(60)]
    double.rcpt = {address: ["550 5.7.1 blocked"] for address in people}
    await house.mail(*people, "ada@kind.example")
    await house.deliver()
    states = await house.states()
    asked = sum(double.asked[address] for address in people)
    assert asked < 20, "we stop asking soon"
    assert states["ada@kind.example"] == "sent"
    assert sorted(set(states.values())) == ["parked", "pending", "sent"]
    assert await house.rows("select contact_id from suppression") == []
    double.rcpt = {}
    await house.deliver()
    assert sum(double.asked[address] for address in people) == asked, "not before its time"
    house.now += breakers.OPEN + timedelta(seconds=1)
    await house.deliver()
    again = [address for address, state in (await house.states()).items() if state == "sent"]
    assert len(again) == 61 - list(states.values()).count("parked")


async def test_a_campaign_that_is_refused_everywhere_is_paused(
    house: House, double: MailDouble
) -> None:
    people = [f"p{n}@d{n}.example" for n in range(60)]
    double.rcpt = {address: ["550 5.7.1 spam"] for address in people}
    await house.mail(*people)
    await house.deliver()
    (hint,) = await tripping.tripped(house.database)
    assert await tripping.trip(house.database, *hint.args, now=NOW) == 1
    assert await tripping.trip(house.database, *hint.args, now=NOW) == 0, "once is enough"
    assert await tripping.tripped(house.database) == []
    ((state, reason),) = await house.rows("select state, pause_reason from campaign")
    assert state == "paused"
    assert "messages were refused, most of them with `550 5.7.1`; they are parked" in reason
    assert await house.rows("select contact_id from suppression") == []


async def test_healthy_traffic_writes_no_breakers(house: House) -> None:
    await house.mail(*(f"p{n}@example.com" for n in range(20)))
    await house.deliver()
    assert set((await house.states()).values()) == {"sent"}
    assert await house.rows("select subject from breaker") == []
