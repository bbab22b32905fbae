"""The tracking script in a real Chromium, on a website of another origin with a strict policy."""

import asyncio
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from browser import Browser, Tab, chromium, running, until
from servers import TestServers
from sqlalchemy import insert, select

from headless import ids
from headless.api.routes.web import script_tag
from headless.channels import outbox
from headless.channels.answers import SENT, Answer
from headless.channels.email import EmailCourier
from headless.channels.links import Links
from headless.channels.ports import NullSender
from headless.clock import SystemClock
from headless.storage import tables
from headless.storage.codes import ActivityKind, Channel
from headless.storage.database import Database, connect
from headless.workspace import tokens, workspaces

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium is installed")
KEY = "k" * 40


class Recorder(NullSender):
    def __init__(self) -> None:
        super().__init__(width=1)
        self.bodies: list[bytes] = []

    async def send(self, sender: str, recipient: str, body: bytes) -> Answer:
        self.bodies.append(body)
        return SENT


class Web:
    """A running API, a website of another origin, and what the database knows."""

    def __init__(self, database: Database, url: str, site: str) -> None:
        self.database = database
        self.url = url
        self.site = site
        self.workspace_id = 0  # the test's own
        self.api = httpx.AsyncClient()

    async def begin(self) -> None:
        """A workspace that nobody used before."""
        now = SystemClock().now()
        async with self.database.transaction() as tx:
            self.workspace_id = (await workspaces.create(tx, "Acme", now=now)).id
            _, token = await tokens.make(
                tx, self.workspace_id, "test", ["admin"], kind="test", now=now
            )
        self.api = httpx.AsyncClient(
            base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=20
        )
        put = await self.api.put("/v1/site", json={"hosts": ["localhost"]})
        assert put.status_code == 200, put.text

    async def contact(self, email: str) -> int:
        made = await self.api.post("/v1/contacts", json={"email": email})
        return ids.decode("con", made.json()["id"]) or 0

    async def mail_link(self, contact_id: int) -> str:
        """The tracked link in a mail that went out to a contact."""
        html = f'<a href="{self.site}/welcome?utm_source=mail#top">Look</a>'
        made = await self.api.post("/v1/emails", json={"name": "W", "subject": "s", "html": html})
        now, sender = SystemClock().now(), Recorder()
        async with self.database.transaction() as tx:
            await tx.execute(
                insert(tables.message).values(
                    workspace_id=self.workspace_id, contact_id=contact_id,
                    channel=int(Channel.EMAIL), ref=ids.decode("eml", made.json()["id"]),
                    created_at=now, due_at=now,
                )
            )  # fmt: skip
        courier = EmailCourier(Links((KEY.encode(),), self.url), sender)
        sent = await outbox.deliver(self.database, courier, workspace_id=self.workspace_id, now=now)
        assert sent.sent == 1
        part = message_from_bytes(sender.bodies[0], policy=SMTP).get_body(("html",))
        assert part is not None
        found = re.search(rf"{self.url}/c/[\w-]{{34}}", part.get_content())
        assert found is not None
        return found.group()

    async def visitors(self) -> list[Any]:
        async with self.database.transaction() as tx:
            v = tables.visitor
            own = v.c.workspace_id == self.workspace_id
            return list(await tx.execute(select(v.c.key, v.c.contact_id, v.c.waiting).where(own)))

    async def waiting(self) -> list[dict[str, Any]]:
        return [item for row in await self.visitors() for item in row.waiting.get("items", ())]

    async def done(self) -> list[tuple[int, str, dict[str, Any]]]:
        a = tables.activity.c
        async with self.database.transaction() as tx:
            rows = await tx.execute(
                select(a.contact_id, a.kind, a.properties)
                .where(a.workspace_id == self.workspace_id)
                .order_by(a.occurred_at)
            )
        return [
            (row.contact_id, ActivityKind(row.kind).name.lower(), row.properties or {})
            for row in rows
        ]


def seconds(items: list[dict[str, Any]], page: str) -> int:
    return sum(
        item["properties"]["seconds"] for item in items
        if item["kind"] == ActivityKind.SPENT and item["properties"]["url"].endswith(page)
    )  # fmt: skip


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


WATCH = """
    const shown = [];
    const watch = () => {
        const last = shown[shown.length - 1];
        if (document.visibilityState === 'visible') shown.push([performance.now(), null]);
        else if (last && last[1] === null) last[1] = performance.now();
    };
    document.addEventListener('visibilitychange', watch);
    watch();
    window.seen = which => {
        const [from, to] = shown[which] || [0, 0];
        return (to === null ? performance.now() : to) - from;
    };
"""
"""How long the page was to be seen, the first time and the second, kept beside the script."""
PAGES = {
    "/form": '<form data-hc-form="meet" action="/thanks"><input name="email"><input name="agree" '
    'type="checkbox"><input name="password" type="password"><button>Send</button></form>',
    "/slot": '<div data-hc-slot="Hero">as it was</div>',
}


@pytest.fixture(scope="module")
async def served(
    servers: TestServers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Web]:
    """One API and one website for all tests here."""
    with servers.database() as database_url:
        place = tmp_path_factory.mktemp("web")
        async with _served(database_url, servers.redis(), place) as web_:
            yield web_


@pytest.fixture
async def web_(served: Web) -> AsyncIterator[Web]:
    await served.begin()
    yield served
    await served.api.aclose()


@asynccontextmanager
async def _served(database_url: str, redis_url: str, place: Path) -> AsyncIterator[Web]:
    port, site_port = free_port(), free_port()
    url, site = f"http://127.0.0.1:{port}", f"http://localhost:{site_port}"
    environ = {
        **{n: t for n, t in os.environ.items() if not n.startswith("HEADLESS_")},
        "DATABASE_URL": database_url, "REDIS_URL": redis_url, "HEADLESS_SECRET_KEYS": KEY,
        "HEADLESS_URL": url, "HEADLESS_DATA_DIR": str(place),
    }  # fmt: skip
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "granian", "--interface", "asgi", "--factory",
        "headless.api.app:create", "--host", "127.0.0.1", "--port", str(port), "--no-log",
        env=environ,
    )  # fmt: skip
    database = connect(database_url, pool_size=2)
    world = Web(database, url, site)

    async def page(request: web.Request) -> web.Response:
        tag = script_tag(url, ids.encode("wsp", world.workspace_id))
        if request.path == "/ask":
            tag = tag.replace(" defer", ' data-consent="ask" defer')
        policy = f"default-src 'none'; script-src {url}; connect-src {url}; form-action 'self'"
        html = f"<!doctype html><html><head>{tag}</head><body>{PAGES.get(request.path, 'x')}</body>"
        return web.Response(
            text=html, content_type="text/html", headers={"Content-Security-Policy": policy}
        )

    application = web.Application()
    application.router.add_get("/{tail:.*}", page)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "localhost", site_port).start()

    async def healthy() -> bool:
        try:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"{url}/healthz")).status_code == 200
        except httpx.TransportError:
            return False

    try:
        await until(healthy, 60)
        yield world
    finally:
        server.terminate()
        await server.wait()
        await runner.cleanup()
        await database.close()


@pytest.fixture(scope="module")
async def started() -> AsyncIterator[Browser]:
    async with running() as one:
        yield one


@pytest.fixture
async def browser(started: Browser) -> AsyncIterator[Browser]:
    async with started.person() as one:
        yield one


async def loaded(tab: Tab) -> None:
    await until(lambda: tab.ask("typeof hc === 'object' && document.readyState === 'complete'"))


async def reports(tab: Tab) -> int:
    """How often the page has called our server."""
    found = "performance.getEntriesByType('resource').filter(e => /\\/t(\\/slots)?$/.test(e.name))"
    return int(await tab.ask(f"{found}.length"))


async def test_views_active_time_and_a_hidden_tab(web_: Web, browser: Browser) -> None:
    one = await browser.tab()
    await one.before_each_page(WATCH)
    await one.goto(f"{web_.site}/pricing?utm_source=news&utm_medium=cpc")

    async def viewed() -> list[dict[str, Any]]:
        return await web_.waiting()

    first = (await until(viewed))[0]
    assert first["kind"] == ActivityKind.VISITED
    assert first["properties"]["utm"] == {"source": "news", "medium": "cpc"}
    assert first["properties"]["url"].endswith("/pricing?utm_source=news&utm_medium=cpc")
    assert first["properties"]["device"] == "desktop"

    async def five_seconds(page: str) -> bool:
        return seconds(await web_.waiting(), page) >= 5

    await until(lambda: five_seconds("utm_medium=cpc"))
    two = await browser.tab()
    await two.goto(f"{web_.site}/other")
    assert await one.ask("document.visibilityState") == "hidden"
    await until(lambda: five_seconds("/other"))
    before = seconds(await web_.waiting(), "utm_medium=cpc")
    await one.show()
    await until(lambda: one.ask("seen(1) > 2000"))  # by the page's own clock, since it is back
    await two.show()

    async def reported() -> bool:
        return seconds(await web_.waiting(), "utm_medium=cpc") > before

    await until(reported)
    whole = seconds(await web_.waiting(), "utm_medium=cpc")
    assert 5 <= whole <= await one.ask("(seen(0) + seen(1)) / 1000")
    await two.ask("history.pushState(null, '', '/next')")

    async def next_page() -> list[Any]:
        return [i for i in await web_.waiting() if i["properties"]["url"].endswith("/next")]

    (found,) = await until(next_page)
    assert found["properties"]["referrer"].endswith("/other")
    assert len(await web_.visitors()) == 1
    assert browser.errors == []


async def test_a_click_in_a_mail_ties_the_browser_and_a_friends_not(
    web_: Web, browser: Browser
) -> None:
    ann = await web_.contact("ann@example.com")
    link = await web_.mail_link(ann)
    tab = await browser.tab()
    await tab.goto(f"{web_.site}/before")
    await until(web_.waiting)
    await tab.goto(link)

    async def tied() -> bool:
        return any(row.contact_id == ann for row in await web_.visitors())

    await until(tied)
    await loaded(tab)
    assert await tab.ask("location.href") == f"{web_.site}/welcome?utm_source=mail#top"
    visited = [
        (who, properties["url"].rpartition("/")[2])
        for who, kind, properties in await web_.done()
        if kind == "visited"
    ]
    assert visited == [(ann, "before"), (ann, "welcome?utm_source=mail")]
    friend = await browser.tab(context=await browser.profile())
    await friend.goto(link)

    async def another() -> bool:
        return len(await web_.visitors()) == 2

    await until(another)
    assert await friend.ask("location.search") == "?utm_source=mail"
    assert {row.contact_id for row in await web_.visitors()} == {ann, None}
    assert browser.errors == []


async def test_a_form_on_a_website_reaches_us_without_its_password(
    web_: Web, browser: Browser
) -> None:
    fields = [
        {"name": "email", "type": "email", "required": True},
        {"name": "agree", "type": "checkbox"},
        {"name": "password"},
    ]
    await web_.api.post("/v1/forms", json={"name": "Meet", "fields": fields})
    tab = await browser.tab()
    await tab.goto(f"{web_.site}/form")
    await loaded(tab)
    await tab.ask(
        "document.forms[0].email.value = 'zoe@example.com';"
        "document.forms[0].agree.checked = true;"
        "document.forms[0].password.value = 'secret';"
        "document.querySelector('button').click()"
    )

    async def submitted() -> list[Any]:
        return [done for done in await web_.done() if done[1] == "submitted"]

    ((who, _, answers),) = await until(submitted)
    assert answers == {"email": "zoe@example.com", "agree": True}

    async def tied() -> bool:
        return any(row.contact_id == who for row in await web_.visitors())

    await until(tied)


async def test_nothing_is_stored_or_sent_before_consent(web_: Web, browser: Browser) -> None:
    tab = await browser.tab()
    await tab.goto(f"{web_.site}/ask")
    await loaded(tab)
    assert await tab.ask("localStorage.length") == 0
    assert await reports(tab) == 0
    await tab.ask("hc.consent(true)")
    await until(web_.waiting)
    await tab.goto(f"{web_.site}/ask?again")

    async def twice() -> bool:
        return len(await web_.waiting()) >= 2

    await until(twice)
    await tab.ask("hc.consent(false)")
    assert await tab.ask("[localStorage.hc_id, localStorage.hc_ok]") == [None, "0"]
    before = await reports(tab)
    await tab.ask("history.pushState(null, '', '/ask?more')")
    assert await reports(tab) == before


@pytest.mark.parametrize(
    "signal", ["globalPrivacyControl: {value: true}", "doNotTrack: {value: '1'}"]
)
async def test_the_browsers_own_refusal_goes_before_everything(
    web_: Web, browser: Browser, signal: str
) -> None:
    tab = await browser.tab()
    await tab.before_each_page(f"Object.defineProperties(navigator, {{{signal}}})")
    await tab.goto(f"{web_.site}/pricing")
    await loaded(tab)
    await tab.ask("hc.consent(true)")
    assert await tab.ask("localStorage.hc_id === undefined")
    assert await reports(tab) == 0


async def test_slots_and_our_own_pages(web_: Web, browser: Browser) -> None:
    await web_.api.post("/v1/contents", json={"name": "All", "body": "<b>for all</b>"})
    await web_.api.post("/v1/slots", json={"name": "Hero", "default_content": "All"})
    fields = [{"name": "email", "type": "email", "required": True}]
    await web_.api.post("/v1/forms", json={"name": "Demo", "fields": fields})
    body = '<h1>Prices</h1><div data-hc-slot="hero">as it was</div><a href="/f/demo">ask</a>'
    await web_.api.post("/v1/pages", json={"name": "Prices", "body": body})
    tab = await browser.tab()
    for address in (f"{web_.site}/slot", f"{web_.url}/p/prices"):
        await tab.goto(address)
        await until(lambda: tab.ask("document.querySelector('[data-hc-slot] b') !== null"))
    await tab.goto(f"{web_.url}/f/demo")
    await loaded(tab)
    await tab.ask("document.forms[0].email.value = 'kim@example.com'")
    await tab.ask("document.querySelector('button').click()")

    async def whose() -> set[Any]:
        rows = await web_.visitors()
        return {row.contact_id for row in rows if row.contact_id}

    (kim,) = await until(whose)
    kinds = [kind for who, kind, _ in await web_.done() if who == kim]
    assert "submitted" in kinds
    assert "visited" in kinds
    assert browser.errors == []
