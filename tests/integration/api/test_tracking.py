"""Tracking is a consent of its own: without it nothing is seen, and the journal says so."""

from datetime import timedelta

import httpx
from api_server import Server
from post_office import post_office

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
            "unknown": "granted", "countries": {},
        }  # fmt: skip
        wrong = await api.put("/v1/workspace/tracking", json={"countries": {"Germany": "denied"}})
        assert (wrong.status_code, "two capital letters" in wrong.text) == (400, True)
        said = {"unknown": "denied", "countries": {"US": "granted"}}
        assert (await api.put("/v1/workspace/tracking", json=said)).json() == said
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
