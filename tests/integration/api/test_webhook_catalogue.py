"""The catalogue of events against what is really told: each type comes out of what it is about."""

from collections import Counter
from datetime import timedelta
from typing import Any

import httpx
import jsonschema_rs
import provider_events as provider
from api_server import Server
from mail_double import MailDouble
from post_office import PostOffice
from webhook_receiver import Told, hook

from headless import ids
from headless.campaigns import approvals, declining, tripping
from headless.campaigns.approvals import Signer
from headless.channels import breakers
from headless.channels.post import Post
from headless.channels.reports import taking
from headless.workspace.webhooks.catalogue import TYPES, schema

LEADS = """campaign "Big"
from segment Leads
goal when did "paid"
add points 5
set stage to Buyer
subscribe to sms
unsubscribe from push message
send email Hello
wait 1 day
"""
STRICT = [f"p{n}@strict.example" for n in range(6)]
SCATTERED = [f"p{n}@d{n}.example" for n in range(20)]
FORM = {"name": "Demo", "fields": [{"name": "email", "type": "email", "required": True}]}


async def _campaigns(office: PostOffice, server: Server) -> None:
    """A campaign's life, with a second person's word, and with refusals that stop it."""
    api, now = office.api, server.clock.now()
    number = ids.decode("cmp", await office.start(LEADS)) or 0
    await office.settle()
    text = {"source": LEADS.replace("1 day", "2 days")}
    plan = (await office.made("/v1/campaigns/Big/plan", text, 200))["hash"]
    await office.made("/v1/campaigns/Big/apply", {**text, "plan": plan}, 200)
    for hint in await tripping.tripped(server.database):
        assert await tripping.trip(server.database, *hint.args, now=now) == 1
    await office.does("paid", "good")
    for verb in ("resume", "pause", "stop", "archive"):
        answer = await api.post(f"/v1/campaigns/Big/{verb}", json={})
        assert answer.status_code < 300, answer.text
    async with server.database.transaction() as tx:
        asks = {"plan": "a" * 64, "contacts": 3}
        ann, bob = Signer("mem_a", "Ann", True), Signer("mem_b", "Bob", True)
        for _ in range(2):  # who asks again is not told of again
            await approvals.ask(tx, server.workspace_id, number, **asks, by=ann, now=now)
        said = {"plan": "a" * 64, "by": bob, "now": now}
        await declining.decline(tx, server.workspace_id, number, **said, reason="too many")
        await approvals.ask(tx, server.workspace_id, number, **asks, by=ann, again=True, now=now)
        await approvals.approve(tx, server.workspace_id, number, **said)


async def _messages(office: PostOffice, server: Server, world: MailDouble) -> None:
    """What becomes of messages, by our own server's word and by a provider's."""
    server.clock.advance(breakers.OPEN + timedelta(seconds=1))
    world.rcpt = {}
    strict = {"contact": {"email": STRICT[0]}, "email": "Hello", "transactional": True}
    await office.made("/v1/send", strict, 202)
    dead = {"contact": {"external_id": "dead"}, "email": "Hello", "transactional": True}
    await office.made("/v1/send", dead, 202)
    await office.settle()
    sendgrid = provider.SendGrid()
    made = await office.made(
        "/v1/channels",
        {
            "name": "Main", "provider": "smtp",
            "settings": {"host": "mail.example.com", "relay": "sendgrid"},
            "secrets": {"webhook_key": sendgrid.public},
        },
    )  # fmt: skip
    (number,) = (
        await office.rows(
            "select m.id from message m join contact c on c.id = m.contact_id"
            " where c.external_id = 'good' and m.state = 2"
        )
    )[0]
    base = {"hm": ids.encode("msg", number), "timestamp": 1795426200}
    events = [
        {**base, "sg_event_id": name, "event": name, "url": "https://a.example/"}
        for name in ("delivered", "open", "click", "spamreport")
    ]
    body, headers = sendgrid.request(*events)
    async with server.client() as outside:
        for _ in range(2):  # told twice, counted once
            path = made["events_url"].removeprefix("http://testserver")
            answer = await outside.post(path, content=body, headers=headers)
            assert answer.json() == {"taken": 4}
    async with server.database.transaction() as tx:
        words = {"sender": "good@good.example", "words": "thanks", "key": "reply:1"}
        assert await taking.replied(tx, message_id=number, **words, now=server.clock.now())


async def _contacts(office: PostOffice, good: str, gone: str) -> None:
    """What people do, and what is done about them."""
    api = office.api
    for action in ("withdrawn", "granted"):
        said = {"contact": {"id": good}, "about": "sms", "action": action, "proof": "rang us"}
        await office.made("/v1/consents", said)
    await api.patch(f"/v1/contacts/{good}", json={"time_zone": "Europe/Paris"})
    await api.post("/v1/segments/Leads/members", json={"remove": [good]})
    await office.made("/v1/forms", FORM)
    async with office.server.client() as reader:
        sent = await reader.post("/f/demo", data={"email": "new@example.com"})
        assert sent.status_code == 200
    await office.made("/v1/contacts/merge", {"kept": good, "gone": gone}, 200)
    erased = await office.contact("erased")
    assert (await api.delete(f"/v1/contacts/{erased}")).status_code == 204
    rows = "email\nimported@example.com\n"
    came = await api.post("/v1/imports", content=rows, headers={"Content-Type": "text/csv"})
    assert came.json()["state"] == "done", came.text


async def test_every_type_of_the_catalogue_is_told(
    server: Server, api: httpx.AsyncClient, told: Told
) -> None:
    made = await hook(api, told)
    async with MailDouble() as world:
        keys = tuple(key.encode() for key in server.app.state.house.settings.secret_keys)
        post = Post(
            server.database, server.clock.now, keys=keys, base_url="http://testserver",
            smtp_url=world.url,
        )  # fmt: skip
        office = PostOffice(server, api, post)
        try:
            await office.made("/v1/segments", {"name": "Leads"})
            await office.email("Hello", html='<a href="https://a.example/">look</a>')
            good = await office.contact("good", email="good@good.example")
            gone = await office.contact("gone", stage="Buyer")
            people = [good, await office.contact("dead", email="dead@dead.example")]
            people += [await office.contact(one, email=one) for one in (*STRICT, *SCATTERED)]
            await office.made("/v1/segments/Leads/members", {"add": people}, 200)
            world.rcpt = {one: ["550 5.7.1 blocked"] for one in (*STRICT, *SCATTERED)}
            world.rcpt["dead@dead.example"] = ["550 5.1.1 no such user"]
            for on in (True, False):
                await office.made("/v1/hold", {"on": on, "reason": "wait", "channel": "sms"}, 200)
            await _campaigns(office, server)
            await _messages(office, server, world)
            await _contacts(office, good, gone)
        finally:
            await post.close()
    await api.post(f"/v1/webhooks/{made['id']}/ping")
    server.clock.advance(timedelta(seconds=1))
    first = await told.types()
    told.receiver.statuses = [410, 200]  # this endpoint is gone; another hears of that
    await hook(api, told, "webhook.disabled")
    await office.contact("last")
    await told.all()
    server.clock.advance(timedelta(seconds=1))
    counted = Counter(await told.types())
    assert sorted(set(TYPES) - set(counted)) == []
    assert counted["campaign.approval_requested"] == 2
    assert counted["campaign.declined"] == counted["message.delivered"] == 1
    assert first
    for event in told.receiver.events():
        jsonschema_rs.validator_for(schema(event["type"])).validate(event)
    _says(told.receiver.events(), good, gone)


def _says(events: list[dict[str, Any]], good: str, gone: str) -> None:
    """What the data of some of them say."""
    said = {event["type"]: event["data"] for event in events}
    assert said["contact.merged"] == {"contact_id": gone, "into_id": good}
    assert said["hold.on"] == {"scope": "channel", "subject": "sms", "reason": "wait"}
    assert said["campaign.approved"]["plan"] == said["campaign.declined"]["plan"] == "a" * 64
    assert said["campaign.declined"]["reason"] == "too many"
    assert said["campaign.archived"]["name"] == "Big"
    assert said["channel.recovered"] == {"channel": "email", "domain": "strict.example"}
    lines = [event["data"] for event in events if event["type"] == "contact.consent_changed"]
    mine = [(one["about"], one["action"]) for one in lines if one["contact_id"] == good]
    assert ("sms", "withdrawn") in mine
    assert ("push", "withdrawn") in mine
