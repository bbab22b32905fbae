"""Webhooks: other systems hear of what happens, signed, again until they take it, or not at all."""

from datetime import timedelta

import httpx
import jsonschema_rs
from api_server import Server
from sqlalchemy import func, insert, select, update
from webhook_receiver import Told, hook, verified

from headless import ids
from headless.audience.activities import Activity, record
from headless.channels import messages
from headless.channels.messages import Settlement
from headless.channels.ports import Refusal
from headless.runtime.engine import Engine
from headless.storage.codes import ActivityKind, Channel, MessageState
from headless.storage.tables import delivery, message, workspace
from headless.workspace.webhooks.catalogue import TYPES, schema


async def test_what_happens_is_told_once_signed_and_as_its_schema_says(
    server: Server, api: httpx.AsyncClient, told: Told
) -> None:
    await api.post("/v1/contacts", json={"email": "early@example.com"})
    made = await hook(api, told)
    await api.post("/v1/segments", json={"name": "Leads"})
    ann = (await api.post("/v1/contacts", json={"email": "ann@example.com"})).json()["id"]
    await api.patch(f"/v1/contacts/{ann}", json={"time_zone": "Europe/Paris"})
    joined = await api.post("/v1/segments/Leads/members", json={"add": [ann]})
    assert joined.status_code < 300, joined.text
    text = "campaign Hi\nfrom segment Leads\nadd points 5\nwait 1 day\nadd tag x\n"
    done = await api.post("/v1/campaigns", json={"source": text})
    assert done.status_code == 201, done.text
    plan = (await api.post("/v1/campaigns/Hi/start", json={})).json()["plan"]["hash"]
    await api.post("/v1/campaigns/Hi/start", json={"plan": plan})
    await Engine(server.database).settle(now=server.clock.now())
    for verb in ("pause", "resume", "stop"):
        assert (await api.post(f"/v1/campaigns/Hi/{verb}", json={})).status_code < 300
    number = ids.decode("con", ann)
    assert number
    async with server.database.transaction() as tx:
        acts = [
            Activity(contact_id=number, kind=kind, occurred_at=server.clock.now(), ref=1,
                     message_id=9, properties={"url": "https://a.example/"})
            for kind in (ActivityKind.OPENED, ActivityKind.CLICKED, ActivityKind.SUBMITTED,
                         ActivityKind.UNSUBSCRIBED, ActivityKind.DID)
        ]  # fmt: skip
        await record(tx, server.workspace_id, acts, now=server.clock.now())
    types = await told.types()
    assert sorted(types) == sorted([  # what one statement tells has no order
        "contact.created", "contact.updated", "segment.member_added", "campaign.created",
        "campaign.started", "enrollment.entered", "contact.points_changed", "contact.updated",
        "campaign.paused", "campaign.resumed", "enrollment.exited", "campaign.stopped",
        "message.opened", "message.clicked", "form.submitted", "contact.unsubscribed",
    ])  # fmt: skip
    events = told.receiver.events()
    for event, came in zip(events, told.receiver.came, strict=True):
        jsonschema_rs.validator_for(schema(event["type"])).validate(event)
        assert verified(made["secret"], came, server) == event
        assert came[0]["webhook-id"] == event["id"]
    ended = events[types.index("enrollment.exited")]["data"]
    assert (ended["contact_id"], ended["state"]) == (ann, "ended")
    assert await told.all() == 0
    shown = await api.get("/v1/schema/message.clicked.json")
    assert shown.json()["properties"]["type"]["const"] == "message.clicked"
    assert {one["type"] for one in (await api.get("/v1/schema")).json()} == set(TYPES)


async def test_an_endpoint_hears_only_what_it_asked_for_and_nobody_elses(
    server: Server, api: httpx.AsyncClient, told: Told
) -> None:
    await hook(api, told, "contact.updated")
    other = await server.workspace("Other")
    _, token = await server.new_token("admin", workspace_id=other)
    async with server.client(token) as stranger:
        await stranger.post("/v1/contacts", json={"email": "x@example.com"})
        ann = (await stranger.post("/v1/contacts", json={"email": "y@example.com"})).json()["id"]
        await stranger.patch(f"/v1/contacts/{ann}", json={"time_zone": "Europe/Paris"})
    await api.post("/v1/contacts", json={"email": "ann@example.com"})
    assert await told.types() == []
    wrong = await api.post("/v1/webhooks", json={"url": told.url, "events": ["contact.update"]})
    assert "contact.updated" in wrong.json()["detail"]


async def test_what_fails_is_tried_again_under_the_same_id_then_given_up_and_replayed(
    server: Server, api: httpx.AsyncClient, told: Told
) -> None:
    made = await hook(api, told, "contact.created")
    told.receiver.statuses = [500, 302, 200]
    told.receiver.headers = {"Location": "http://127.0.0.1:1/"}
    await api.post("/v1/contacts", json={"email": "ann@example.com"})
    assert await told.all() == 1
    assert await told.all() == 0  # not before its time
    for _ in range(2):
        server.clock.advance(timedelta(minutes=10))
        assert await told.all() == 1
    assert len({headers["webhook-id"] for headers, _ in told.receiver.came}) == 1
    stamps = [int(headers["webhook-timestamp"]) for headers, _ in told.receiver.came]
    assert stamps[0] < stamps[1] < stamps[2]
    log = (await api.get(f"/v1/webhooks/{made['id']}/deliveries")).json()["data"]
    assert [(d["state"], d["attempts"], d["status"]) for d in log] == [("delivered", 3, 200)]
    again = await api.post(f"/v1/webhooks/{made['id']}/deliveries/{log[0]['id']}/replay")
    assert again.json()["state"] == "pending"
    assert await told.all() == 1
    begun = server.clock.now()
    told.receiver.statuses = [503]
    told.receiver.headers = {"Retry-After": "900"}
    await api.post("/v1/contacts", json={"email": "bob@example.com"})
    assert await told.all() == 1
    server.clock.advance(timedelta(seconds=899))
    assert await told.all() == 0  # it asked for fifteen minutes
    for _ in range(12):
        server.clock.advance(timedelta(days=1))
        await told.all()
    shown = (await api.get(f"/v1/webhooks/{made['id']}")).json()
    assert shown["state"] == "disabled"
    assert "failed since" in shown["reason"]
    await api.post("/v1/contacts", json={"email": "unheard@example.com"})
    failed = await api.get(f"/v1/webhooks/{made['id']}/deliveries?state=failed")
    assert len(failed.json()["data"]) == 1
    told.receiver.statuses = [200]
    await api.patch(f"/v1/webhooks/{made['id']}", json={"state": "enabled"})
    since = begun.isoformat().replace("+00:00", "Z")
    replayed = await api.post(f"/v1/webhooks/{made['id']}/replay", params={"since": since})
    assert replayed.json() == {"replayed": 1}
    assert await told.all() == 1
    naive = await api.post(f"/v1/webhooks/{made['id']}/replay?since=2026-01-01T00:00:00")
    assert naive.status_code == 400


async def test_gone_disables_at_once_and_the_others_are_told(
    server: Server, api: httpx.AsyncClient, told: Told
) -> None:
    gone = await hook(api, told, "contact.created")
    told.receiver.statuses = [410, 200]
    await hook(api, told, "webhook.disabled")
    await api.post("/v1/contacts", json={"email": "ann@example.com"})
    await told.all()
    server.clock.advance(timedelta(seconds=1))
    assert (await told.types())[1:] == ["webhook.disabled"]
    assert told.receiver.events()[1]["data"]["webhook_id"] == gone["id"]


async def test_a_batch_comes_together_a_second_late(
    server: Server, api: httpx.AsyncClient, told: Told
) -> None:
    await hook(api, told, "contact.created", batch=True)
    contacts = [{"email": f"p{n}@example.com"} for n in range(150)]
    await api.post("/v1/contacts/batch", json={"contacts": contacts})
    assert await told.all() == 0
    server.clock.advance(timedelta(seconds=1))
    assert await told.all() == 150
    assert [len(body["data"]) for body in told.receiver.events()] == [100, 50]
    assert len({event["id"] for body in told.receiver.events() for event in body["data"]}) == 150


async def test_a_rotated_secret_signs_beside_the_new_one_for_a_day(
    server: Server, api: httpx.AsyncClient, told: Told
) -> None:
    made = await hook(api, told)
    new = (await api.post(f"/v1/webhooks/{made['id']}/rotate")).json()
    assert new["secret"] != made["secret"]
    pinged = (await api.post(f"/v1/webhooks/{made['id']}/ping")).json()
    assert (pinged["state"], pinged["status"]) == ("delivered", 200)
    for secret in (made["secret"], new["secret"]):
        assert verified(secret, told.receiver.came[-1], server)["type"] == "webhook.ping"
    server.clock.advance(timedelta(hours=25))
    await api.post(f"/v1/webhooks/{made['id']}/ping")
    headers, _ = told.receiver.came[-1]
    assert len(headers["webhook-signature"].split()) == 1
    assert "secret" not in (await api.get(f"/v1/webhooks/{made['id']}")).text
    assert (await api.delete(f"/v1/webhooks/{made['id']}")).status_code == 204
    assert (await api.post(f"/v1/webhooks/{made['id']}/ping")).status_code == 404


async def test_no_webhook_leads_into_our_own_network(
    server: Server, api: httpx.AsyncClient, told: Told
) -> None:
    made = await hook(api, told, "contact.created")
    async with server.database.transaction() as tx:
        await tx.execute(update(workspace).values(mode="live"))
    for url in (
        told.url, "http://10.0.0.8/", "http://169.254.169.254/latest/meta-data", "http://[::1]/",
        "http://[::ffff:10.1.2.3]/", "file:///etc/passwd", "gopher://example.com/",
    ):  # fmt: skip
        refused = await api.post("/v1/webhooks", json={"url": url})
        assert refused.status_code == 400, url
        changed = await api.patch(f"/v1/webhooks/{made['id']}", json={"url": url})
        assert changed.status_code == 400, url
    named = told.url.replace("127.0.0.1", "localhost")  # a name is looked up when it is called
    await api.patch(f"/v1/webhooks/{made['id']}", json={"url": named})
    await api.post("/v1/contacts", json={"email": "ann@example.com"})
    assert await told.all() == 1
    (kept,) = (await api.get(f"/v1/webhooks/{made['id']}/deliveries")).json()["data"]
    assert kept["state"] == "failed"
    assert "may not be called" in kept["answer"]
    assert told.receiver.came == []


async def test_where_nobody_listens_nothing_is_written(
    server: Server, api: httpx.AsyncClient, told: Told
) -> None:
    made = await hook(api, told)
    await api.patch(f"/v1/webhooks/{made['id']}", json={"state": "disabled"})
    await api.post("/v1/contacts", json={"email": "ann@example.com"})
    async with server.database.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(delivery)) == 0
    number = ids.decode("whk", made["id"])
    assert number
    assert await told.notices.deliver(server.workspace_id, number) == 0


async def test_a_worker_tells_on_its_own_and_lets_what_is_under_way_end(
    server: Server, api: httpx.AsyncClient, told: Told
) -> None:
    await hook(api, told, "contact.created")
    for n in range(25):
        await api.post("/v1/contacts", json={"email": f"p{n}@example.com"})
    await told.notices.begin()
    await told.notices.begin()  # while the first is under way
    await told.notices.close()
    assert len(told.receiver.came) == 25


async def test_where_a_message_went_is_told_when_it_is_written_down(
    server: Server, api: httpx.AsyncClient, told: Told
) -> None:
    await hook(api, told)
    now, mine = server.clock.now(), server.workspace_id
    ends = ("sent", "parked", "failed: 550", "bounced: 550", "uncertain")
    row = {"workspace_id": mine, "contact_id": 7, "channel": int(Channel.EMAIL), "state": 1,
           "attempts": 1, "created_at": now, "due_at": now}  # fmt: skip
    async with server.database.transaction() as tx:
        made = await tx.execute(insert(message).returning(message.c.id), [row] * (len(ends) + 1))
        numbers = list(made.scalars())
        states = {"sent": MessageState.SENT, "parked": MessageState.PARKED,
                  "uncertain": MessageState.UNCERTAIN}  # fmt: skip
        settled = [
            Settlement(n, 1, states.get(end, MessageState.SKIPPED), now, end, 1)
            for n, end in zip(numbers, ends, strict=False)
        ]
        await messages.write(tx, mine, settled, now)
        await messages.refuse(tx, mine, [Refusal(numbers[-1], "skipped", "suppressed")], now)
    assert sorted(await told.types()) == [
        "message.failed", "message.failed", "message.parked", "message.sent", "message.skipped",
    ]  # fmt: skip
    for event in told.receiver.events():
        jsonschema_rs.validator_for(schema(event["type"])).validate(event)
    async with server.database.transaction() as tx:
        kept = await tx.execute(select(message.c.state).order_by(message.c.id))
        assert list(kept.scalars()) == [2, 4, 3, 3, 5, 3]
