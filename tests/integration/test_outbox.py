"""The outbox against a real PostgreSQL and real SMTP: each mail once, each reason kept."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from mail_double import MailDouble
from outbox_world import LINKS, NOW, World
from sqlalchemy import insert, select, update

from headless import ids
from headless.channels import inbox, outbox
from headless.channels.answers import Answer
from headless.channels.email import EmailCourier
from headless.channels.links import resolve
from headless.channels.ports import NullSender
from headless.channels.settling import ATTEMPTS
from headless.channels.sink import run_sink
from headless.content.drafts import Draft
from headless.storage import tables
from headless.storage.codes import ActivityKind, MessageState
from headless.storage.database import connect


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    database = connect(database_url)
    world = World(database)
    await world.begin()
    yield world
    await database.close()


async def test_97_of_100(world: World) -> None:
    contacts = await world.contacts(*(f"p{n}@c.example" for n in range(100)))
    messages = await world.messages(contacts)
    unknown, policy, left = contacts[10], contacts[20], contacts[40]
    await world.suppress(left, "unsubscribed")
    async with MailDouble() as server:
        server.rcpt = {
            "p10@c.example": ["550 5.1.1 no such user"],
            "p30@c.example": ["450 4.2.1 busy", "450 4.2.1 busy", "250 2.1.5 ok"],
        }
        server.dot = {"p20@c.example": ["550 5.7.1 we do not like this"]}
        first = await world.deliver(server.url)
        assert (first.sent, first.retried, first.skipped, first.parked) == (96, 1, 2, 1)
        assert not first.more
        for hours in (1, 2, 3):
            await world.deliver(server.url, now=NOW + timedelta(hours=hours))
    expected = {f"p{n}@c.example" for n in range(100) if n not in (10, 20, 40)}
    assert server.taken == dict.fromkeys(expected, 1)
    assert server.asked["p30@c.example"] == 3
    assert server.asked["p10@c.example"] == server.asked["p20@c.example"] == 1
    assert await world.suppressions() == {unknown: "hard_bounce", left: "unsubscribed"}
    states = await world.states()
    assert states[messages[10]][:2] == (MessageState.SKIPPED, "bounced: 550 5.1.1 no such user")
    assert states[messages[20]][0] is MessageState.PARKED
    assert states[messages[30]] == (MessageState.SENT, None, 3)
    assert states[messages[40]] == (MessageState.SKIPPED, "unsubscribed", 0)
    async with world.database.transaction() as tx:
        bounced = (await tx.execute(select(tables.activity))).one()
        assert (bounced.contact_id, bounced.kind) == (unknown, ActivityKind.BOUNCED)
        assert (await tx.execute(select(tables.activity_todo.c.activity_id))).scalars().all() == [
            bounced.id
        ]
    assert policy not in await world.suppressions()


async def test_a_mail_comes_to_the_inbox_and_its_links_lead_back(world: World) -> None:
    (ada,) = await world.contacts("Ada@example.com")
    async with world.database.transaction() as tx:
        enrollment = await tx.scalar(
            insert(tables.enrollment)
            .values(
                workspace_id=world.workspace_id, campaign_id=5, version_id=1, contact_id=ada,
                entered_at=NOW, entry={"items": ["https://s.example/1?a=1&b=2"]},
            )
            .returning(tables.enrollment.c.id)
        )  # fmt: skip
    (message,) = await world.messages(
        [ada], enrollment_id=enrollment, data={"with": {"coupon": "TEN", "contact": "no"}}
    )
    async with run_sink(world.database) as sink:
        waiting = asyncio.create_task(inbox.wait_for(world.database, to="ada@EXAMPLE.com"))
        assert (await world.deliver(sink.url)).sent == 1
        (received,) = await waiting
    async with world.database.transaction() as tx:
        mail = await inbox.get(tx, received.id)
        assert mail is not None
        assert mail.message_id == ids.encode("msg", message)
        assert mail.subject == "Hello Ada"
        assert "TEN" in mail.html
        assert "1 Long Street" in mail.text
        assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert mail.headers["List-Unsubscribe"] == f"<{mail.links.unsubscribe}>"
        assert mail.headers["Message-ID"] == f"<{mail.message_id}@example.com>"
        assert mail.links.open is not None
        assert len(mail.links.clicks) == 2
        tokens = [url.rpartition("/")[2] for url in mail.links.clicks]
        clicks = [LINKS.verify("click", token) for token in tokens]
        opened = LINKS.verify("open", mail.links.open.rpartition("/")[2].removesuffix(".gif"))
        found = await resolve(tx, [link for link in (*clicks, opened) if link])
        assert [each and each.target for each in found] == [
            "https://a.example/?x=1",
            "https://s.example/1?a=1&b=2",
            None,
        ]
        assert {(each.contact_id, each.email_id) for each in found if each} == {
            (ada, world.email_id)
        }
        stranger = LINKS.token(
            "click", workspace_id=world.workspace_id + 1, message_id=message, made=NOW
        )
        link = LINKS.verify("click", stranger)
        assert link is not None
        assert await resolve(tx, [link]) == [None]


async def test_a_message_keeps_the_version_it_was_first_tried_with(world: World) -> None:
    (message,) = await world.messages(await world.contacts("a@c.example"))
    async with MailDouble() as server:
        server.rcpt = {"a@c.example": ["450 later", "250 2.1.5 ok"]}
        await world.deliver(server.url)
        await world.email(
            Draft(name="Welcome", subject="Other", html='<a href="https://other.example">x</a>')
        )
        await world.deliver(server.url, now=NOW + timedelta(hours=1))
        assert b"Subject: Hello a" in server.raw["a@c.example"]
    async with world.database.transaction() as tx:
        link = LINKS.verify(
            "click",
            LINKS.token("click", workspace_id=world.workspace_id, message_id=message, made=NOW),
        )
        assert link is not None
        (found,) = await resolve(tx, [link])
        assert found is not None
        assert found.target == "https://a.example/?x=1"


async def test_links_of_an_earlier_attempt_still_lead_where_they_led(world: World) -> None:
    (ada,) = await world.contacts("a@c.example")
    email = await world.email(
        Draft(name="Own", subject="x", html='<a href="{{ contact.page }}">x</a>')
    )
    (message,) = await world.messages([ada], ref=email)
    async with MailDouble() as server:
        server.rcpt = {"a@c.example": ["450 later", "250 2.1.5 ok"]}
        for hour, page in enumerate(("https://one.example", "https://two.example")):
            async with world.database.transaction() as tx:
                await tx.execute(update(tables.contact).values(fields={"page": page}))
            await world.deliver(server.url, now=NOW + timedelta(hours=hour))
    async with world.database.transaction() as tx:
        kept = await tx.scalar(select(tables.message.c.links).where(tables.message.c.id == message))
    assert kept == ["https://one.example", "https://two.example"]


async def test_names_cannot_add_headers_and_bombs_are_parked(world: World) -> None:
    eve = await world.contacts("eve@c.example", first_name="Eve\r\nBcc: all@c.example\r\n\r\nHi")
    await world.messages(eve)
    bomb = await world.email(
        Draft(name="Bomb", subject="x", html="{% for i in (1..99999999) %}x{% endfor %}")
    )
    (parked,) = await world.messages(eve, ref=bomb)
    async with MailDouble() as server:
        done = await world.deliver(server.url)
        raw = server.raw["eve@c.example"]
    assert (done.sent, done.parked) == (1, 1)
    head = raw.partition(b"\r\n\r\n")[0]
    assert b"Subject: Hello Eve Bcc: all@c.example Hi\r\n" in head
    assert b"\r\nBcc" not in head
    assert "rounds of loops" in str((await world.states())[parked][1])


async def test_who_gets_what(world: World) -> None:
    nobody, gone, left, dead, odd = await world.contacts(
        None, "gone@c.example", "left@c.example", "dead@c.example", "ü@c.example"
    )
    await world.suppress(left, "unsubscribed")
    await world.suppress(dead, "hard_bounce")
    needed = {"transactional": True}
    messages = [
        *(await world.messages([nobody, odd, 999])),
        *(await world.messages([left, dead], data=needed)),
        *(await world.messages([gone], data={"to": "ops@c.example"})),
        *(await world.messages([gone], data={"to": "Dead@c.example"})),
        *(await world.messages([gone], ref=12345)),
    ]
    async with MailDouble() as server:
        await world.deliver(server.url)
    assert server.taken == {"left@c.example": 1, "ops@c.example": 1}
    assert b"List-Unsubscribe" not in server.raw["left@c.example"]
    assert b"localhost:8080" not in server.raw["ops@c.example"]
    states = await world.states()
    assert [states[message][1] for message in messages] == [
        "no address",
        "no address that mail can be sent to",
        "the contact is gone",
        None,
        "hard_bounce",
        None,
        "the address is suppressed",
        "the email is gone",
    ]


async def test_a_sandbox_hands_nothing_to_other_machines(world: World) -> None:
    (message,) = await world.messages(await world.contacts("a@c.example"))

    class Elsewhere(NullSender):
        local = False

        async def send(self, sender: str, recipient: str, body: bytes) -> Answer:
            raise AssertionError("it left")

    await outbox.deliver(
        world.database,
        EmailCourier(LINKS, Elsewhere()),
        workspace_id=world.workspace_id,
        now=NOW,
    )
    state, reason, _ = (await world.states())[message]
    assert state is MessageState.PARKED
    assert "sandbox" in str(reason)


async def test_two_workers_hand_over_each_mail_once(world: World) -> None:
    contacts = await world.contacts(*(f"p{n}@c.example" for n in range(200)))
    await world.messages(contacts)
    async with MailDouble() as server:
        done = await asyncio.gather(*(world.deliver(server.url) for _ in range(3)))
    assert sum(each.sent for each in done) == 200
    assert server.taken == {f"p{n}@c.example": 1 for n in range(200)}


async def test_a_batch_ends_and_says_that_there_is_more(world: World) -> None:
    await world.messages(await world.contacts(*(f"p{n}@c.example" for n in range(30))))
    async with MailDouble() as server:
        first = await world.deliver(server.url, batch=20)
        second = await world.deliver(server.url, batch=20)
    assert (first.sent, first.more) == (20, True)
    assert (second.sent, second.more) == (10, False)


async def test_a_server_that_is_away_costs_no_attempts(world: World) -> None:
    (message,) = await world.messages(await world.contacts("a@c.example"))
    async with MailDouble() as server:
        url = server.url
    done = await world.deliver(url)
    assert done.stopped is not None
    assert (await world.states())[message] == (MessageState.PENDING, None, 0)


async def test_a_channel_that_breaks_keeps_its_messages(world: World) -> None:
    await world.messages(await world.contacts(*(f"p{n}@c.example" for n in range(50))))
    async with MailDouble() as server:
        server.mail = ["530 5.7.0 log in first"]
        done = await world.deliver(server.url, width=4)
    assert done.stopped == "530 5.7.0 log in first"
    assert not server.taken
    assert {each[0] for each in (await world.states()).values()} == {MessageState.PENDING}
    assert {each[2] for each in (await world.states()).values()} == {0}


async def test_retries_end_with_a_person(world: World) -> None:
    (message,) = await world.messages(await world.contacts("a@c.example"))
    async with MailDouble() as server:
        server.rcpt = {"a@c.example": ["451 4.3.0 never"]}
        for days in range(20):
            await world.deliver(server.url, now=NOW + timedelta(days=days))
    state, reason, attempts = (await world.states())[message]
    assert (state, attempts) == (MessageState.PARKED, ATTEMPTS)
    assert reason == "gave up after 8 times: 451 4.3.0 never"
    assert server.asked["a@c.example"] == ATTEMPTS


async def test_the_sink_says_so_when_it_cannot_keep_a_mail(world: World) -> None:
    (message,) = await world.messages(await world.contacts("a@c.example"))
    nowhere = connect("postgresql://127.0.0.1:1/none")
    async with run_sink(nowhere) as sink:
        await world.deliver(sink.url)
    state, reason, _ = (await world.states())[message]
    assert state is MessageState.PENDING
    assert str(reason).startswith("451 4.3.0 not kept")
    await nowhere.close()


async def test_an_unknown_email_version_is_never_made_up(world: World) -> None:
    (message,) = await world.messages(await world.contacts("a@c.example"))
    async with world.database.transaction() as tx:
        await tx.execute(update(tables.workspace).values(sender="no address"))
    async with MailDouble() as server:
        await world.deliver(server.url)
    state, reason, _ = (await world.states())[message]
    assert state is MessageState.PARKED
    assert "is no mail address" in str(reason)
