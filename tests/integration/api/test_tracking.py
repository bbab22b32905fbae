"""Tracking is a consent of its own: without it nothing is seen, and the journal says so."""

from datetime import timedelta

import httpx
from api_server import Server
from post_office import PostOffice, post_office

HELLO = """campaign "Hello"
start when did "signed up"
send email Welcome
when opened email Welcome within 3d then add points 10 else add points 1
"""
HTML = '<p>Hi <a href="https://example.com/a">look</a></p>'


async def test_who_refused_is_not_seen(server: Server, api: httpx.AsyncClient) -> None:
    async with post_office(server, api) as office, server.client() as reader:
        await office.email("Welcome", html=HTML)
        await office.start(HELLO)
        ids = {name: await office.contact(name) for name in ("seen", "hidden", "late")}
        no = {"about": "tracking", "action": "denied", "text": "no pixels"}
        await office.made("/v1/consents", {"contact": {"id": ids["hidden"]}, **no})
        await office.does("signed up", "seen", "hidden", "late")

        (mail,) = await office.mails("hidden")
        assert mail["links"]["open"] is None
        assert mail["links"]["clicks"] == []
        assert mail["links"]["unsubscribe"] is not None
        assert "https://example.com/a" in mail["text"]
        assert await office.rows(
            "select c.external_id, m.tracked from message m join contact c on c.id = m.contact_id"
            " order by 1"
        ) == [("hidden", False), ("late", True), ("seen", True)]

        # who takes it back is no longer recorded, and links go on working
        await office.made("/v1/consents", {"contact": {"id": ids["late"]}, **no})
        for name in ("late", "seen"):
            (mail,) = await office.mails(name)
            assert (await reader.get(mail["links"]["open"])).status_code == 200
            followed = await reader.get(mail["links"]["clicks"][0])
            assert followed.headers["location"].startswith("https://example.com/a")
        assert await office.rows(
            "select distinct c.external_id from activity a join contact c on c.id = a.contact_id"
            " where a.kind in (2, 3)"
        ) == [("seen",)]
        for _ in range(4):
            server.clock.advance(timedelta(days=1))
            await office.settle()
        points = await office.rows("select external_id, points from contact order by 1")
        assert points == [("hidden", 1), ("late", 1), ("seen", 10)]
        assert "no: untracked" in await office.why("hidden", "Hello")
        assert "untracked" not in await office.why("late", "Hello")
        told = await api.get(f"/v1/contacts/{ids['hidden']}/why", headers={"Accept": "text/plain"})
        assert "tracking: no\n  refused at" in told.text


async def test_what_not_having_been_asked_means(server: Server, api: httpx.AsyncClient) -> None:
    async with post_office(server, api) as office:
        await office.email("Welcome", html=HTML)
        await office.start(HELLO)
        assert (await api.get("/v1/workspace/tracking")).json() == {
            "unknown": "granted", "countries": {}, "untracked": "else",
        }  # fmt: skip
        wrong = await api.put("/v1/workspace/tracking", json={"countries": {"Germany": "denied"}})
        assert (wrong.status_code, "two capital letters" in wrong.text) == (400, True)
        said = {"unknown": "denied", "countries": {"US": "granted"}}
        kept = (await api.put("/v1/workspace/tracking", json=said)).json()
        assert kept == {**said, "untracked": "else"}
        create = {"fields_mode": "create"}
        await office.contact("de", fields={"country": "DE"}, **create)
        await office.contact("us", fields={"country": "us"}, **create)
        yes = await office.contact("yes", fields={"country": "DE"}, **create)
        granted = {"about": "tracking", "action": "granted", "proof": "ticked the box"}
        await office.made("/v1/consents", {"contact": {"id": yes}, **granted})
        await office.does("signed up", "de", "us", "yes")
        seen = {
            name: (await office.mails(name))[0]["links"]["open"] is not None
            for name in ("de", "us", "yes")
        }
        assert seen == {"de": False, "us": True, "yes": True}


UNOPENED = """campaign "Unopened"
start when did "signed up"
send email Welcome
when not opened email Welcome within 3d then
  add points 1
else
  add points 10
"""
ANY = """campaign "Any"
start when did "came back"
send email Welcome
when clicked link "https://example.com/*" within 3d then
  add points 100
or when did "bought" within 1d then
  add points 1000
else
  add points 5
"""


async def test_what_cannot_be_seen_takes_the_branch_that_is_named(
    server: Server, api: httpx.AsyncClient
) -> None:
    async with post_office(server, api) as office, server.client() as reader:
        await office.email("Welcome", html=HTML)
        names = ("seen", "idle", "hidden")
        ids = {name: await office.contact(name) for name in names}
        seen = (await office.made("/v1/check", {"source": UNOPENED}, 200))["unseen"]
        assert seen is None, "nobody was asked"
        no = {"about": "tracking", "action": "denied"}
        await office.made("/v1/consents", {"contact": {"id": ids["hidden"]}, **no})
        seen = (await office.made("/v1/check", {"source": UNOPENED}, 200))["unseen"]
        assert seen == {"contacts": 1, "of": 3, "branch": "else", "endless": []}
        plain = await api.post(
            "/v1/check", json={"source": UNOPENED}, headers={"Accept": "text/plain"}
        )
        assert plain.text.endswith(
            "33 % (1 of 3 contacts) cannot be seen opening or clicking; "
            "a `when` that asks for it takes `else` for them\n"
        )
        waits = UNOPENED.replace("not opened email Welcome within 3d", "opened email Welcome")
        either = waits.replace("else\n", 'or when did "pay" then\n')
        waits = waits.partition("else\n")[0]
        for source, lines in ((waits, [4]), (either, [])):
            seen = (await office.made("/v1/check", {"source": source}, 200))["unseen"]
            assert seen["endless"] == lines
        terminal = {"Accept": "text/plain"}
        plain = await api.post("/v1/check", json={"source": waits}, headers=terminal)
        assert plain.text.endswith("but they wait for ever on line 4: give it a `within`\n")
        blind = UNOPENED.replace("opened email Welcome", 'did "pay"')
        assert (await office.made("/v1/check", {"source": blind}, 200))["unseen"] is None
        await office.start(UNOPENED)
        await office.does("signed up", *names)
        (mail,) = await office.mails("seen")
        await reader.get(mail["links"]["open"])
        await _days_pass(server, office)
        points = "select external_id, points from contact order by 1"
        assert await office.rows(points) == [("hidden", 10), ("idle", 1), ("seen", 10)]
        assert "no: untracked" in await office.why("hidden", "Unopened")
        for name in ("seen", "idle"):
            assert "untracked" not in await office.why(name, "Unopened")

        # the workspace names the other branch, whatever email was waited for
        said = {"untracked": "then", "unknown": "granted"}
        assert (await api.put("/v1/workspace/tracking", json=said)).status_code == 200
        await office.start(ANY)
        await office.does("came back", *names)
        await office.does("bought", "idle")
        await _days_pass(server, office)
        assert await office.rows(points) == [("hidden", 110), ("idle", 1001), ("seen", 15)]
        assert "yes: untracked" in await office.why("hidden", "Any")
        assert "untracked" not in await office.why("idle", "Any")
        wrong = await api.put("/v1/workspace/tracking", json={"untracked": "both"})
        assert wrong.status_code == 400


async def test_a_start_tells_how_many_cannot_be_seen(
    server: Server, api: httpx.AsyncClient
) -> None:
    async with post_office(server, api) as office:
        await office.email("Welcome", html=HTML)
        await office.made("/v1/segments", {"name": "Leads"})
        people = [await office.contact(name) for name in ("a", "b", "c", "d")]
        await office.made("/v1/segments/Leads/members", {"add": people[:2]}, 200)
        no = {"about": "tracking", "action": "denied"}
        await office.made("/v1/consents", {"contact": {"id": people[0]}, **no})
        text = HELLO.replace('start when did "signed up"', "from segment Leads")
        made = await office.made("/v1/campaigns", {"source": text})
        plan = (await api.post(f"/v1/campaigns/{made['id']}/start")).json()["plan"]
        assert plan["unseen"] == {"contacts": 1, "of": 2, "branch": "else", "endless": []}
        assert plan["warnings"][-1].startswith("50 % (1 of 2 contacts) cannot be seen opening")


async def _days_pass(server: Server, office: PostOffice) -> None:
    for _ in range(4):
        server.clock.advance(timedelta(days=1))
        await office.settle()
