"""The development inbox: pages that hold whatever a mail holds, JSON, and deeds by hand."""

import asyncio
import smtplib
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from api_server import NOW, Server

from headless.api.app import build
from headless.channels.links import Links
from headless.channels.post import Post
from headless.channels.sink import Sink, run_sink
from headless.runtime.engine import Engine

Api = httpx.AsyncClient
Deliver = Callable[..., Coroutine[Any, Any, None]]
PERSON = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PROGRAM = {"Accept": "application/json"}
NASTY = "<script>alert(1)</script>\"'&<b>bold"
CAMPAIGN = """\
campaign "Hello $you"
start when did "signed up"
send email Welcome
when opened email Welcome within 3d then add points 10
"""


@pytest.fixture
async def sink(server: Server) -> AsyncIterator[Sink]:
    async with run_sink(server.database, clock=server.clock) as made:
        yield made


@pytest.fixture
async def reader(server: Server) -> AsyncIterator[Api]:
    """Somebody without a token."""
    async with server.client() as client:
        yield client


@pytest.fixture
def deliver(sink: Sink) -> Deliver:
    """Send a mail to the development server, as any program would."""

    async def send(to: str, subject: str, *, text: str = "Hello\n", html: str = "") -> None:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "them@example.org", to, subject
        mail.set_content(text)
        if html:
            mail.add_alternative(html, subtype="html")

        def hand_over() -> None:
            with smtplib.SMTP("127.0.0.1", sink.port) as client:
                client.send_message(mail)

        await asyncio.to_thread(hand_over)

    return send


class Town:
    """What a worker does, by hand, and one person who has got a mail with two links."""

    def __init__(self, server: Server, api: Api, post: Post) -> None:
        self.server = server
        self.api = api
        self.post = post
        self.engine = Engine(server.database)

    async def settle(self) -> None:
        for _ in range(3):
            await self.engine.settle(now=self.server.clock.now())
            for wake in await self.post.due():
                await self.post.deliver(wake)

    async def person(self) -> dict[str, Any]:
        found = await self.api.post("/v1/contacts/lookup", json={"external_id": "42"})
        return dict(found.json())


@pytest.fixture
async def town(server: Server, api: Api, sink: Sink) -> AsyncIterator[Town]:
    settings = server.app.state.house.settings
    keys = tuple(key.encode() for key in settings.secret_keys)
    clock = server.clock.now
    post = Post(server.database, clock, keys=keys, base_url=settings.url, smtp_url=sink.url)
    town = Town(server, api, post)
    html = (
        '<p><a href="https://example.com/one">1</a> <a href="https://example.com/two?a=b&c=d">2</a>'
    )
    email = {"name": "Welcome", "subject": "Hello Ada", "html": html}
    assert (await api.post("/v1/emails", json=email)).status_code == 201
    person = {"external_id": "42", "email": "ada@example.com"}
    assert (await api.post("/v1/contacts", json=person)).status_code == 201
    made = await api.post("/v1/campaigns", content=CAMPAIGN, headers={"Content-Type": "text/plain"})
    path = f"/v1/campaigns/{made.json()['id']}/start"
    plan = (await api.post(path)).json()["plan"]["hash"]
    assert (await api.post(path, json={"plan": plan})).status_code == 200
    did = {"contact": {"external_id": "42"}, "did": "signed up", "id": "evt-1"}
    assert (await api.post("/v1/activities", json=did)).status_code == 202
    await town.settle()
    yield town
    await post.close()


async def first(reader: Api, **query: Any) -> dict[str, Any]:
    answer = await reader.get("/dev/inbox", params=query, headers=PROGRAM)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["data"][0])


# ---------------------------------------------------------------- the list


async def test_the_newest_come_first_and_pages_go_further(reader: Api, deliver: Deliver) -> None:
    for number in range(1, 6):
        await deliver("odd@example.com" if number % 2 else "even@example.com", f"no {number}")
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = (await reader.get("/dev/inbox", params=query, headers=PROGRAM)).json()
        seen += [mail["subject"] for mail in page["data"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == ["no 5", "no 4", "no 3", "no 2", "no 1"]
    only = (await reader.get("/dev/inbox?to=ODD@example.com")).json()
    assert [mail["subject"] for mail in only["data"]] == ["no 5", "no 3", "no 1"]
    assert only["next_cursor"] is None
    other = await reader.get("/dev/inbox", params={**query, "to": "odd@example.com"})
    assert (other.status_code, other.json()["code"]) == (400, "cursor_mismatch")


async def test_who_follows_gets_them_in_their_order(reader: Api, deliver: Deliver) -> None:
    for number in range(1, 5):
        await deliver("a@example.com", f"no {number}")
    everything = (await reader.get("/dev/inbox", headers=PROGRAM)).json()["data"]
    oldest = everything[-1]["id"]
    page = (await reader.get(f"/dev/inbox?after={oldest}&limit=2")).json()
    assert [mail["subject"] for mail in page["data"]] == ["no 2", "no 3"]
    page = (await reader.get(f"/dev/inbox?after={page['data'][-1]['id']}")).json()
    assert [mail["subject"] for mail in page["data"]] == ["no 4"]
    assert (await reader.get(f"/dev/inbox?after={everything[0]['id']}")).json()["data"] == []


@pytest.mark.parametrize("query", ["to=a@example.com&wait=30", "wait=30", "after=0&wait=30"])
async def test_the_long_poll_ends_with_the_mail(reader: Api, deliver: Deliver, query: str) -> None:
    waiting = asyncio.create_task(reader.get(f"/dev/inbox?{query}"))
    if query.startswith("to"):
        await deliver("b@example.com", "not for them")
    done, _ = await asyncio.wait([waiting], timeout=0.3)
    assert not done
    await deliver("a@example.com", "now")
    async with asyncio.timeout(10):
        answer = await waiting
    assert [mail["subject"] for mail in answer.json()["data"]] == ["now"]


async def test_the_long_poll_has_an_end(reader: Api) -> None:
    answer = await reader.get("/dev/inbox?wait=0.2")
    assert answer.json() == {"data": [], "next_cursor": None}
    for wrong, code in (("wait=31", "invalid_value"), ("wiat=3", "unknown_field")):
        answer = await reader.get(f"/dev/inbox?{wrong}")
        assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_people_get_a_page_and_programs_json(reader: Api, deliver: Deliver) -> None:
    empty = await reader.get("/dev/inbox", headers=PERSON)
    assert "No mail yet" in empty.text
    await deliver("ada@example.com", "Hello")
    for query, headers, kind in (
        ("", {}, "text/html"),
        ("", PERSON, "text/html"),
        ("?to=ada@example.com", PERSON, "text/html"),
        ("", PROGRAM, "application/json"),
        ("?to=ada@example.com", {}, "application/json"),
        ("?after=0", {}, "application/json"),
        ("?wait=1", {}, "application/json"),
    ):
        answer = await reader.get(f"/dev/inbox{query}", headers=headers)
        assert answer.headers["content-type"].startswith(kind), (query, headers)
        assert "Hello" in answer.text
    none = await reader.get("/dev/inbox?to=<b>bob@example.com", headers=PERSON)
    assert "No mail to <b>&lt;b&gt;bob@example.com</b> yet" in none.text


# ---------------------------------------------------------------- one mail


async def test_whatever_a_mail_holds_is_shown_and_not_obeyed(reader: Api, deliver: Deliver) -> None:
    html = f"<html><head><title>x</title></head><body>{NASTY}</body></html>"
    await deliver("ada@example.com", NASTY, text=f"{NASTY}\n", html=html)
    mail = await first(reader)
    assert mail["subject"] == NASTY
    listed = await reader.get("/dev/inbox", headers=PERSON)
    shown = await reader.get(f"/dev/inbox/{mail['id']}?done=<b>", headers=PERSON)
    for answer in (listed, shown):
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
        assert "<script>alert" not in answer.text
        assert "<b>bold" not in answer.text
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'sha256-" in policy
        assert "'unsafe-inline'" not in policy.partition("script-src")[2]
        assert "http" not in policy
    frame = await reader.get(f"/dev/inbox/{mail['id']}/html", headers=PERSON)
    assert '<head><base target="_blank"><title>' in frame.text
    policy = frame.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert policy.endswith("sandbox allow-popups allow-popups-to-escape-sandbox")
    assert "script" not in policy
    raw = await reader.get(f"/dev/inbox/{mail['id']}/raw", headers=PERSON)
    assert raw.headers["content-type"] == "text/plain; charset=utf-8"
    assert raw.headers["x-content-type-options"] == "nosniff"


async def test_pictures_of_others_load_when_a_person_says_so(reader: Api, deliver: Deliver) -> None:
    await deliver("a@example.com", "plain", html='<p><a href="https://example.org">go</a></p>')
    await deliver("a@example.com", "logo", html='<img src="https://cdn.example.org/logo.png">')
    logo, plain = (await reader.get("/dev/inbox", headers=PROGRAM)).json()["data"]
    offer = "?pictures=all"
    assert offer not in (await reader.get(f"/dev/inbox/{plain['id']}", headers=PERSON)).text
    assert offer in (await reader.get(f"/dev/inbox/{logo['id']}", headers=PERSON)).text
    path = f"/dev/inbox/{logo['id']}/html"
    strict = (await reader.get(path)).headers["content-security-policy"]
    assert "img-src 'self' data: http://testserver;" in strict
    shown = await reader.get(f"/dev/inbox/{logo['id']}?pictures=all", headers=PERSON)
    assert f'src="{path}?pictures=all"' in shown.text
    loose = (await reader.get(f"{path}?pictures=all")).headers["content-security-policy"]
    assert "img-src * data:;" in loose


async def test_a_mail_that_is_not_there(reader: Api) -> None:
    page = await reader.get("/dev/inbox/999", headers=PERSON)
    assert (page.status_code, "There is no mail 999 here" in page.text) == (404, True)
    for answer in (
        await reader.get("/dev/inbox/999"),
        await reader.get("/dev/inbox/999/html"),
        await reader.post("/dev/inbox/999/open"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_one_mail_as_json(reader: Api, town: Town) -> None:
    listed = await first(reader, to="ada@example.com")
    mail = (await reader.get(f"/dev/inbox/{listed['id']}", headers=PROGRAM)).json()
    html = mail.pop("html")
    assert mail == listed
    assert mail["links"]["open"] in html
    assert all(link in html for link in mail["links"]["clicks"])
    assert mail["received_at"] == "2026-11-23T09:30:00.000Z"
    assert mail["message_id"].startswith("msg_")
    assert mail["headers"]["List-Unsubscribe"] == f"<{mail['links']['unsubscribe']}>"
    person = await town.person()
    assert mail["why"].startswith(f"/v1/contacts/{person['id']}/why?campaign=cmp_")
    why = await town.api.get(mail["why"])
    assert why.json()["campaign"] == "Hello $you"
    assert (await reader.get(mail["why"])).status_code == 401


# ---------------------------------------------------------------- to do by hand


async def test_the_page_holds_the_pixel_and_the_buttons(reader: Api, town: Town) -> None:
    mail = await first(reader)
    path = f"/dev/inbox/{mail['id']}"
    page = await reader.get(path, headers=PERSON)
    assert f'<iframe title="the mail" src="{path}/html"' in page.text
    assert "headless why ada@example.com &#x27;Hello $you&#x27;" in page.text
    for action in ("open", "click?link=0", "click?link=1", "unsubscribe"):
        assert f'<form method="post" action="{path}/{action}">' in page.text
    assert "https://example.com/two?a=b&amp;c=d" in page.text
    await town.settle()
    assert (await town.person())["points"] == 0, "the page alone opens nothing: the pixel does"
    assert mail["links"]["open"] in (await reader.get(f"{path}/html")).text


async def test_opening_by_hand_gives_the_points(reader: Api, town: Town) -> None:
    mail = await first(reader)
    town.server.clock.advance(timedelta(seconds=17))
    for _ in range(2):
        answer = await reader.post(f"/dev/inbox/{mail['id']}/open")
        assert answer.json() == {
            "done": "opened", "message_id": mail["message_id"], "target": None,
        }  # fmt: skip
        await town.settle()
    assert (await town.person())["points"] == 10


async def test_clicks_take_a_place_or_a_target(reader: Api, town: Town) -> None:
    path = f"/dev/inbox/{(await first(reader))['id']}/click"
    one, two = "https://example.com/one", "https://example.com/two?a=b&c=d"
    for query, body, target in (
        ("", None, one),
        ("?link=0", None, one),
        ("?link=1", None, two),
        ("", {"link": 1}, two),
        ("", {"link": two}, two),
    ):
        answer = await reader.post(path + query, json=body)
        assert (answer.status_code, answer.json().get("target")) == (200, target)
    for query, body in (("?link=2", None), ("", {"link": -1}), ("", {"link": "https://x.y"})):
        answer = await reader.post(path + query, json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert "2 links of ours" in answer.json()["detail"]
    assert (await reader.post(f"{path}?place=1")).status_code == 400
    await town.settle()
    assert (await town.person())["points"] == 10, "a click opens the mail"


async def test_a_button_brings_its_presser_back(reader: Api, town: Town) -> None:
    path = f"/dev/inbox/{(await first(reader))['id']}"
    for action, said in (
        ("open", "The mail was opened"),
        ("click?link=1", "The link was followed"),
        ("unsubscribe", "The recipient is unsubscribed"),
    ):
        answer = await reader.post(f"{path}/{action}", headers=PERSON)
        verb = action.partition("?")[0]
        assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?done={verb}")
        page = await reader.get(answer.headers["location"], headers=PERSON)
        assert said in page.text
    assert (await town.person())["suppressed"] == ["email"]


async def test_a_strangers_mail_has_nothing_to_follow(
    server: Server, reader: Api, deliver: Deliver
) -> None:
    forged = Links((b"another key than ours",), "http://testserver")
    links = [
        forged.url(kind, workspace_id=server.workspace_id, message_id=1, made=NOW)
        for kind in ("open", "click", "unsubscribe")
    ]
    await deliver("a@example.com", "nothing")
    await deliver("a@example.com", "forged", text="\n".join(links))
    for mail in (await reader.get("/dev/inbox", headers=PROGRAM)).json()["data"]:
        assert mail["why"] is None
        path = f"/dev/inbox/{mail['id']}"
        for verb in ("open", "click", "unsubscribe"):
            answer = await reader.post(f"{path}/{verb}")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
            said = "signed with another key" if mail["subject"] == "forged" else f"no {verb} link"
            assert said in answer.json()["detail"]
        page = (await reader.get(path, headers=PERSON)).text
        assert f"{path}/open" not in page
        assert f"{path}/click" not in page
        assert f"{path}/unsubscribe" not in page


async def test_only_in_development(server: Server) -> None:
    house = server.app.state.house
    app = build(server.database, house.settings, server.clock)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        for path in ("/dev/inbox", "/dev/inbox/1", "/dev/inbox/1/html"):
            assert (await client.get(path)).status_code == 404
        assert (await client.post("/dev/inbox/1/open")).status_code == 404
