"""Topics and the page of choices: who has left something does not get it, and `why` says so."""

import httpx
from api_server import Server
from post_office import PostOffice, post_office

from headless import ids

NEWS = """campaign "{name}"
start when did "{event}"
send email {email}
"""


async def furnished(office: PostOffice) -> None:
    await office.made("/v1/topics", {"name": "News", "description": "Once a month"})
    await office.made("/v1/topics", {"name": "Offers", "opt_in": True})
    await office.email("Letter", topic="News")
    await office.email("Sale", topic="Offers")
    await office.email("Plain")
    for name in ("Letter", "Sale", "Plain"):
        await office.start(NEWS.format(name=name, event=name.lower(), email=name))


async def test_a_topic_reaches_those_who_want_it(server: Server, api: httpx.AsyncClient) -> None:
    async with post_office(server, api) as office:
        await furnished(office)
        ada, bob = await office.contact("ada"), await office.contact("bob")
        changed = await api.patch(
            f"/v1/contacts/{ada}/topics",
            json={
                "remove": ["news"],
                "add": ["Offers"],
                "text": "Send me offers",
                "proof": "phone",
            },
        )
        assert changed.status_code == 200, changed.text
        assert [(c["topic"], c["subscribed"]) for c in changed.json()["data"]] == [
            ("News", False), ("Offers", True),
        ]  # fmt: skip
        for event in ("letter", "sale", "plain"):
            await office.does(event, "ada", "bob")
        assert await office.subjects("ada") == ["Sale", "Plain"]
        assert await office.subjects("bob") == ["Letter", "Plain"]
        assert "unsubscribed from `News`" in await office.why("ada", "Letter")
        assert "not subscribed to `Offers`" in await office.why("bob", "Sale")

        # left between the intent and the hand-over
        await office.made(
            "/v1/contacts/batch",
            {"contacts": [{"external_id": "cy", "email": "cy@example.com"}]},
            200,
        )
        await office.made("/v1/hold", {"reason": "wait"}, 200)
        await office.does("letter", "cy")
        cy = (await office.made("/v1/contacts/lookup", {"external_id": "cy"}, 200))["id"]
        await api.patch(f"/v1/contacts/{cy}/topics", json={"remove": ["News"]})
        await office.made("/v1/hold", {"on": False}, 200)
        await office.settle()
        assert await office.mails("cy") == []
        assert "unsubscribed from `News`" in await office.why("cy", "Letter")
        ledger = (await api.get("/v1/consents", params={"contact": ada})).json()["data"]
        assert [(e["topic"], e["action"], e["text"], e["proof"]) for e in ledger] == [
            ("Offers", "granted", "Send me offers", "phone"),
            ("News", "withdrawn", "Send me offers", "phone"),
        ]
        assert bob not in str(ledger)


async def test_the_page_of_choices(server: Server, api: httpx.AsyncClient) -> None:
    async with post_office(server, api) as office:
        await furnished(office)
        await office.contact("ada", phone="+493012345678")
        await office.does("plain", "ada")
        (mail,) = await office.mails("ada")
        link = mail["links"]["unsubscribe"]
        tops = {t["name"]: t["id"] for t in (await api.get("/v1/topics")).json()["data"]}
        async with server.client() as reader:
            shown = await reader.get(link)
            assert "Once a month" in shown.text
            assert f'value="{tops["News"]}" checked' in shown.text
            assert f'value="{tops["Offers"]}">' in shown.text
            assert 'value="sms" checked' in shown.text
            assert "ada@" not in shown.text
            assert await office.rows("select count(*) from consent") == [(0,)]

            wanted = {"choose": "1", "topic": [tops["Offers"], ids.encode("top", 999), "x"],
                      "channel": ["email"]}  # fmt: skip
            saved = await reader.post(link, data=wanted, headers={"User-Agent": "Reader/1"})
            assert "Saved." in saved.text
            assert f'value="{tops["Offers"]}" checked' in saved.text
            assert 'value="sms">' in saved.text
            assert await office.rows("select channel, reason, source from suppression") == [
                (2, "unsubscribed", "preferences")
            ]
            told = await office.rows(
                "select about, action, source, evidence->>'user_agent' from consent order by id"
            )
            assert told == [
                ("sms", "withdrawn", "preferences", "Reader/1"),
                ("topic", "withdrawn", "preferences", "Reader/1"),
                ("topic", "granted", "preferences", "Reader/1"),
            ]
            for event in ("letter", "sale"):
                await office.does(event, "ada")
            assert await office.subjects("ada") == ["Plain", "Sale"]

            # one click still closes the channel, and the page opens it again
            await reader.post(link, data={"List-Unsubscribe": "One-Click"})
            await office.does("sale", "ada")
            again = {"choose": "1", "topic": [tops["Offers"]], "channel": ["email", "sms"]}
            await reader.post(link, data=again)
            assert await office.rows("select count(*) from suppression") == [(0,)]
            assert await office.rows(
                "select channel, reason from lifted_suppression order by channel"
            ) == [(1, "unsubscribed"), (2, "unsubscribed")]


async def test_what_others_decided_is_not_opened_by_the_page(
    server: Server, api: httpx.AsyncClient
) -> None:
    async with post_office(server, api) as office:
        await furnished(office)
        await office.contact("ada")
        await office.does("plain", "ada")
        (mail,) = await office.mails("ada")
        await office.made("/v1/suppressions", {"email": "ada@example.com", "because": "she rang"})
        async with server.client() as reader:
            shown = await reader.get(mail["links"]["unsubscribe"])
            assert "we were asked to stop" in shown.text
            await reader.post(
                mail["links"]["unsubscribe"], data={"choose": "1", "channel": ["email"]}
            )
        assert await office.rows("select reason from suppression") == [("by_hand",)]


async def test_topics_are_kept_while_they_are_used(api: httpx.AsyncClient) -> None:
    made = await api.post("/v1/topics", json={"name": "News"})
    assert made.headers["location"] == f"/v1/topics/{made.json()['id']}"
    taken = await api.post("/v1/topics", json={"name": "news"})
    assert (taken.status_code, taken.json()["code"]) == (409, "name_taken")
    body = {"name": "Letter", "subject": "x", "html": "x", "topic": "Weather"}
    unknown = await api.post("/v1/emails", json=body)
    assert (unknown.status_code, "no topic `Weather`" in unknown.text) == (400, True)
    email = (await api.post("/v1/emails", json=body | {"topic": "News"})).json()
    assert email["topic"] == "News"
    used = await api.delete("/v1/topics/News")
    assert (used.status_code, used.json()["code"]) == (409, "in_use")
    stale = await api.patch("/v1/topics/News", json={"name": "N"}, headers={"If-Match": '"7"'})
    assert stale.status_code == 412
    renamed = await api.patch("/v1/topics/News", json={"name": "Monthly"})
    assert (renamed.json()["name"], renamed.headers["etag"]) == ("Monthly", '"2"')
    del body["topic"]
    assert (await api.put("/v1/emails/Letter", json=body)).json()["topic"] is None
    assert (await api.delete("/v1/topics/Monthly")).status_code == 204
    assert (await api.get("/v1/topics")).json()["data"] == []
