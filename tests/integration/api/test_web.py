"""Pages, forms, downloads, slots and the beacon, as a browser or a stranger would call them."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from api_server import Server
from sqlalchemy import func, insert, select

from headless import ids
from headless.api.routes.web import INTEGRITY, SCRIPT
from headless.channels.handover import Ticket
from headless.storage import tables
from headless.storage.codes import ActivityKind

BROWSER = "b" * 32
OTHER = "c" * 32
DEMO = {
    "name": "Demo",
    "fields": [
        {"name": "email", "type": "email", "required": True},
        {"name": "size", "type": "number", "contact": "size"},
        {"name": "plan", "type": "choice", "options": ["free", "pro"]},
        {"name": "agree", "type": "checkbox", "required": True},
    ],
    "thanks": "Until <soon>.",
}
GOOD = {"email": "ann@example.com", "size": "12", "plan": "pro", "agree": "on"}


async def activities(server: Server) -> list[tuple[str, dict[str, Any] | None, int]]:
    a = tables.activity.c
    async with server.database.transaction() as tx:
        rows = await tx.execute(select(a.kind, a.properties, a.ref).order_by(a.occurred_at, a.id))
    return [(ActivityKind(row.kind).name.lower(), row.properties, row.ref) for row in rows]


async def contact(server: Server, email: str = "ann@example.com", **more: Any) -> int:
    now = server.clock.now()
    async with server.database.transaction() as tx:
        values = {"workspace_id": server.workspace_id, "email": email, "created_at": now,
                  "updated_at": now, **more}  # fmt: skip
        made = insert(tables.contact).values(values).returning(tables.contact.c.id)
        number: int = await tx.scalar(made)
    return number


async def demo(api: httpx.AsyncClient, **more: Any) -> None:
    await api.post("/v1/fields", json={"name": "size", "type": "number"})
    made = await api.post("/v1/forms", json=DEMO | more)
    assert made.status_code == 201, made.text


def site(server: Server) -> str:
    return ids.encode("wsp", server.workspace_id)


async def beacon(
    client: httpx.AsyncClient, server: Server, *events: dict[str, Any], **more: Any
) -> httpx.Response:
    body = {"s": site(server), "v": BROWSER, "e": list(events)} | more
    headers = {"Content-Type": "text/plain", "User-Agent": "Mozilla/5.0 (iPhone) Mobile"}
    return await client.post("/t", json=body, headers=headers | more.pop("headers", {}))


def event(number: int, **more: Any) -> dict[str, Any]:
    return {"i": f"{number:032d}", "k": "view", "u": "https://www.acme.example/pricing"} | more


def ticket(server: Server, contact_id: int, message: int = 1) -> str:
    made = Ticket(server.workspace_id, contact_id, message)
    return server.app.state.house.handover.ticket(made, now=server.clock.now())


async def test_the_script_is_served_for_other_origins_and_pinned(
    api: httpx.AsyncClient, server: Server
) -> None:
    put = await api.put("/v1/site", json={"hosts": ["WWW.acme.example"]})
    assert put.json()["hosts"] == ["www.acme.example"]
    assert f'integrity="{INTEGRITY}"' in put.json()["script"]
    assert f'data-site="{site(server)}"' in put.json()["script"]
    bad = await api.put("/v1/site", json={"hosts": ["https://acme.example/"]})
    assert bad.status_code == 400
    async with server.client() as anybody:
        for path in ("/t.js", "/t-1.js"):
            answer = await anybody.get(path)
            assert answer.content == SCRIPT
            assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
            assert answer.headers["access-control-allow-origin"] == "*"
        asked = await anybody.request("OPTIONS", "/f/x")
        assert asked.headers["access-control-allow-headers"] == "Content-Type"


async def test_what_an_unknown_browser_did_becomes_its_contacts(
    api: httpx.AsyncClient, server: Server
) -> None:
    ann = await contact(server)
    page = await api.post(
        "/v1/pages", json={"name": "Pricing", "url": "https://www.acme.example/pricing"}
    )
    number = ids.decode("pag", page.json()["id"])
    async with server.client() as anybody:
        url = "https://www.acme.example/pricing?utm_source=news&_hc=x#a"
        first = await beacon(anybody, server, event(1, u=url, r="https://ref.example/"))
        assert (first.status_code, first.headers["access-control-allow-origin"]) == (204, "*")
        assert await activities(server) == []
        server.clock.advance(timedelta(minutes=1))
        again = await beacon(anybody, server, event(1), event(2, k="spent", n=7.9),
                             t=ticket(server, ann))  # fmt: skip
        assert again.status_code == 204
    assert await activities(server) == [
        ("visited", {
            "url": "https://www.acme.example/pricing?utm_source=news#a", "device": "mobile",
            "os": "ios", "brand": "Apple", "referrer": "https://ref.example/",
            "utm": {"source": "news"},
        }, number),
        ("spent", {"url": "https://www.acme.example/pricing", "seconds": 7}, number),
    ]  # fmt: skip
    async with server.database.transaction() as tx:
        assert await tx.scalar(select(tables.contact.c.utm)) == {"source": "news"}


async def test_a_forwarded_mail_makes_nobody_else_the_contact(server: Server) -> None:
    ann, bob = await contact(server), await contact(server, "bob@example.com")
    async with server.client() as anybody:
        await beacon(anybody, server, event(1), t=ticket(server, ann, 7))
        # a friend opens the same mail: a new ticket, but its message has handed over already
        await beacon(anybody, server, event(2), t=ticket(server, ann, 7), v=OTHER)
        # Bob's browser stays Bob's, whatever he clicks on
        late = ticket(server, bob, 8)
        await beacon(anybody, server, event(3), t=ticket(server, ann, 9), v="d" * 32)
        await beacon(anybody, server, event(4), t=late, v="d" * 32)
        # and a ticket is good for ten minutes
        old = ticket(server, bob, 10)
        server.clock.advance(timedelta(minutes=11))
        await beacon(anybody, server, event(5), t=old, v="e" * 32)
        await beacon(anybody, server, event(6), t="A" * 48, v="f" * 32)
    v = tables.visitor.c
    async with server.database.transaction() as tx:
        rows = (await tx.execute(select(v.key, v.contact_id))).all()
    assert {row.key[0]: row.contact_id for row in rows} == {
        "b": ann, "c": None, "d": ann, "e": None, "f": None,
    }  # fmt: skip


@pytest.mark.parametrize("header", ["Sec-GPC", "DNT"])
async def test_who_asks_not_to_be_followed_is_not(server: Server, header: str) -> None:
    async with server.client() as anybody:
        answer = await beacon(anybody, server, event(1), headers={header: "1"})
    assert answer.status_code == 204
    async with server.database.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(tables.visitor)) == 0


async def test_beacons_are_bounded(server: Server) -> None:
    async with server.client() as anybody:
        for body in (
            {"s": "wsp_nobody", "v": BROWSER},
            {"s": ids.encode("wsp", 99), "v": BROWSER},
            {"s": site(server), "v": "short"},
            {"s": site(server), "v": BROWSER, "e": [event(n) for n in range(21)]},
            {"s": site(server), "v": BROWSER, "e": [event(1, u="x" * 9_000)]},
        ):
            answer = await anybody.post("/t", json=body)
            assert answer.status_code in (400, 404), answer.text
        assert (await anybody.post("/t", content=b"x" * 20_000)).status_code == 413
        for n in range(1, 80):
            await beacon(anybody, server, event(n))
    async with server.database.transaction() as tx:
        waiting = await tx.scalar(select(tables.visitor.c.waiting))
    assert len(waiting["items"]) == 50


async def test_a_form_makes_its_contact_and_ties_its_browser(
    api: httpx.AsyncClient, server: Server
) -> None:
    await demo(api)
    async with server.client() as anybody:
        await beacon(anybody, server, event(1))
        server.clock.advance(timedelta(seconds=1))
        shown = await anybody.get("/f/demo")
        assert "<option>pro</option>" in shown.text
        assert "script-src http://testserver/t-1.js;" in shown.headers["content-security-policy"]
        answer = await anybody.post("/f/demo", data=GOOD | {"_hv": BROWSER})
        assert answer.status_code == 200
        assert "Until &lt;soon&gt;." in answer.text
    done = await activities(server)
    assert [kind for kind, _, _ in done] == ["visited", "submitted"]
    assert done[1][1] == {"email": "ann@example.com", "size": 12, "plan": "pro", "agree": True}
    async with server.database.transaction() as tx:
        made = (await tx.execute(select(tables.contact))).one()
        answers = await tx.scalar(select(tables.form_answer.c.answers))
    assert (made.email, made.fields) == ("ann@example.com", {"size": 12})
    assert answers["plan"] == "pro"


async def test_who_answers_for_another_stays_who_they_are(
    api: httpx.AsyncClient, server: Server
) -> None:
    await demo(api)
    ann = await contact(server)
    async with server.client() as anybody:
        await beacon(anybody, server, t=ticket(server, ann))
        sent = GOOD | {"email": "bob@example.com", "_hv": BROWSER}
        assert (await anybody.post("/f/demo", json=sent)).status_code == 200
    a, v = tables.activity.c, tables.visitor.c
    async with server.database.transaction() as tx:
        bob = await tx.scalar(
            select(tables.contact.c.id).where(tables.contact.c.email == "bob@example.com")
        )
        assert await tx.scalar(select(a.contact_id)) == bob
        assert await tx.scalar(select(v.contact_id)) == ann


async def test_a_stranger_overwrites_nothing(api: httpx.AsyncClient, server: Server) -> None:
    await demo(api)
    ann = await contact(server, fields={"size": 500})
    async with server.client() as anybody:
        sent = GOOD | {"_hv": BROWSER}
        assert (await anybody.post("/f/demo", json=sent)).json()["thanks"] == "Until <soon>."
        async with server.database.transaction() as tx:
            assert await tx.scalar(select(tables.contact.c.fields)) == {"size": 500}
            assert await tx.scalar(select(tables.visitor.c.contact_id)) is None
        await beacon(anybody, server, t=ticket(server, ann))
        await anybody.post("/f/demo", json=sent)
    async with server.database.transaction() as tx:
        assert await tx.scalar(select(tables.contact.c.fields)) == {"size": 12}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"email": "no"}, "no mail address"),
        ({"email": ""}, "this is needed"),
        ({"size": "many"}, "no number"),
        ({"plan": "gold"}, "none of the choices"),
        ({"agree": ""}, "must be ticked"),
        ({"plan": "x" * 1_001}, "too long"),
    ],
)
async def test_a_bad_answer_is_shown_again_and_kept_nowhere(
    api: httpx.AsyncClient, server: Server, change: dict[str, str], said: str
) -> None:
    await demo(api)
    async with server.client() as anybody:
        page = await anybody.post("/f/demo", data=GOOD | change)
        assert page.status_code == 400
        assert said in page.text
        refused = await anybody.post("/f/demo", json=GOOD | change)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_value")
    async with server.database.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(tables.contact)) == 0


async def test_traps_redirects_and_confirmation(api: httpx.AsyncClient, server: Server) -> None:
    await api.put("/v1/site", json={"hosts": ["www.acme.example"]})
    await demo(api, redirect="https://www.acme.example/thanks", confirm=True)
    async with server.client() as anybody:
        trapped = await anybody.post("/f/demo", data=GOOD | {"website_url": "https://spam.example"})
        assert trapped.status_code == 303
        async with server.database.transaction() as tx:
            assert await tx.scalar(select(func.count()).select_from(tables.contact)) == 0
        sent = await anybody.post("/f/demo", data=GOOD)
        assert sent.headers["location"] == "https://www.acme.example/thanks"
        await api.put("/v1/site", json={"hosts": []})
        assert (await anybody.post("/f/demo", data=GOOD)).status_code == 200
        assert (await anybody.post("/f/nothing", data=GOOD)).status_code == 404
        assert (await anybody.post("/f/demo", content=b"x" * 70_000)).status_code == 413
    async with server.database.transaction() as tx:
        assert await tx.scalar(select(tables.suppression.c.reason)) == "unconfirmed"


async def test_a_file_is_downloaded_and_told(api: httpx.AsyncClient, server: Server) -> None:
    ann = await contact(server)
    await api.post("/v1/assets", json={"name": "Guide"})
    async with server.client() as anybody:
        assert (await anybody.get("/a/guide")).status_code == 404
        up = await api.put(
            "/v1/assets/Guide/file?file_name=guide.html",
            content=b"<script>1</script>",
            headers={"Content-Type": "text/html"},
        )
        assert up.status_code == 200, up.text
        assert (await api.get("/v1/assets/Guide")).json()["size"] == 18
        for _ in range(2):
            got = await anybody.get("/a/guide", params={"_hc": ticket(server, ann)})
            assert got.content == b"<script>1</script>"
            assert got.headers["content-disposition"] == 'attachment; filename="guide.html"'
            assert "sandbox" in got.headers["content-security-policy"]
        await beacon(anybody, server, t=ticket(server, ann, 2))
        await beacon(anybody, server, {"i": "1" * 32, "k": "download", "a": "guide"})
    assert [kind for kind, _, _ in await activities(server)] == ["downloaded", "downloaded"]
    bad = await api.put("/v1/assets/Guide/file?file_name=a%22b", content=b"x")
    assert bad.status_code == 400


async def test_a_slot_shows_what_campaigns_say(api: httpx.AsyncClient, server: Server) -> None:
    ann = await contact(server, fields={"first_name": "<Ann>"})
    for name, body in (("All", "everybody"), ("Own", "for {{ contact.first_name }}")):
        await api.post("/v1/contents", json={"name": name, "body": body})
    made = await api.post("/v1/slots", json={"name": "Hero", "default_content": "All"})
    slot = ids.decode("slt", made.json()["id"])
    async with server.database.transaction() as tx:
        own = await tx.scalar(select(tables.content.c.id).where(tables.content.c.name == "Own"))
        await tx.execute(
            insert(tables.slot_content).values(
                workspace_id=server.workspace_id, contact_id=ann, slot_id=slot, content_id=own,
                at=server.clock.now(),
            )
        )  # fmt: skip
    ask = {"s": site(server), "v": BROWSER, "n": ["hero", "nope"]}
    async with server.client() as anybody:
        assert (await anybody.post("/t/slots", json=ask)).json() == {"hero": "everybody"}
        known = await anybody.post("/t/slots", json=ask | {"t": ticket(server, ann)})
        assert known.json() == {"hero": "for &lt;Ann&gt;"}
    done = await activities(server)
    assert {(kind, ref) for kind, _, ref in done} == {("requested", slot)}


async def test_a_landing_page_carries_the_script(api: httpx.AsyncClient, server: Server) -> None:
    await api.post("/v1/pages", json={"name": "Prices", "body": "<h1>{{ workspace.name }}</h1>"})
    async with server.client() as anybody:
        got = await anybody.get("/p/prices")
        assert "<h1>Acme</h1>" in got.text
        assert INTEGRITY in got.text
        assert "script-src http://testserver/t-1.js;" in got.headers["content-security-policy"]
        assert (await anybody.get("/p/nothing")).status_code == 404
