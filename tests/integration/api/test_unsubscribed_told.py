"""However a contact leaves, webhooks hear of it once for each channel that is left."""

from collections import Counter

import httpx
import provider_events as provider
from api_server import Server
from post_office import PostOffice, post_office
from webhook_receiver import Told, hook

from headless import ids
from headless.channels.reports import taking
from headless.channels.reports.report import Text

HELLO = 'campaign "Hello"\nstart when did "signed up"\nsend email Hello\n'
LEAVE = 'campaign "Leave"\nstart when did "left"\nunsubscribe from all\n'
PEOPLE = ("click", "page", "ledger", "provider", "spam", "step", "stop")


async def test_every_way_out_is_told(server: Server, api: httpx.AsyncClient, told: Told) -> None:
    async with post_office(server, api) as office:
        await office.email("Hello")
        people = {name: await office.contact(name) for name in PEOPLE}
        await api.patch(f"/v1/contacts/{people['stop']}", json={"phone": "+493012345678"})
        await office.start(HELLO)
        await office.start(LEAVE)
        await office.does("signed up", "click", "page", "provider", "spam")
        await hook(api, told, "contact.unsubscribed")
        links = {
            name: (await office.mails(name))[0]["links"]["unsubscribe"]
            for name in ("click", "page")
        }
        async with server.client() as reader:
            for _ in range(2):  # a second click changes nothing
                await reader.post(links["click"], data={"List-Unsubscribe": "One-Click"})
            await reader.post(links["page"], data={"choose": "1"})
        gone = {"about": "email", "action": "withdrawn"}
        await office.made("/v1/consents", {"contact": {"id": people["ledger"]}, **gone})
        await _reported(office, provider="unsubscribe", spam="spamreport")
        await office.does("left", "step")
        stop = Text(sender="+493012345678", words="STOP", key="twilio:1", stops=True)
        async with server.database.transaction() as tx:
            now = server.clock.now()
            await taking.texted(tx, server.workspace_id, stop, source="twilio", now=now)
        await told.all()
    who = {number: name for name, number in people.items()}
    heard = [event["data"] for event in told.receiver.events()]
    assert Counter(
        (who[one["contact_id"]], one["channel"], one.get("reason")) for one in heard
    ) == {
        ("click", "email", None): 1,
        ("page", "email", None): 1,
        ("ledger", "email", None): 1,
        ("provider", "email", None): 1,
        ("spam", "email", "complaint"): 1,
        ("step", "email", None): 1,
        ("step", "sms", None): 1,
        ("step", "push", None): 1,
        ("stop", "sms", None): 1,
    }


async def _reported(office: PostOffice, **events: str) -> None:
    """SendGrid tells what became of the first mail of each of these."""
    sendgrid = provider.SendGrid()
    settings = {"host": "mail.example.com", "relay": "sendgrid"}
    secrets = {"webhook_key": sendgrid.public}
    body = {"name": "Main", "provider": "smtp", "settings": settings, "secrets": secrets}
    path = (await office.made("/v1/channels", body))["events_url"]
    found = await office.rows(
        "select c.external_id, min(m.id) from message m join contact c on c.id = m.contact_id"
        " group by 1"
    )
    mails = {name: ids.encode("msg", number) for name, number in found}
    told = [
        {"hm": mails[name], "timestamp": 1795426200, "sg_event_id": name, "event": event}
        for name, event in events.items()
    ]
    sent, headers = sendgrid.request(*told)
    async with office.server.client() as outside:
        answer = await outside.post(
            path.removeprefix("http://testserver"), content=sent, headers=headers
        )
    assert answer.json() == {"taken": len(told)}
