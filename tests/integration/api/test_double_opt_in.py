"""Double opt-in: nobody is written to who has not pressed the button, and the ledger proves it."""

from datetime import timedelta

import httpx
from api_server import Server
from post_office import PostOffice, post_office

FORM = {
    "name": "Newsletter",
    "fields": [{"name": "email", "type": "email", "required": True}],
    "confirm": True,
    "consent": "I want the <newsletter>",
}
HELLO = """campaign "Hello"
start when submitted form Newsletter
send email Welcome
"""


async def furnished(office: PostOffice) -> None:
    await office.made("/v1/forms", FORM)
    await office.email("Welcome")
    await office.start(HELLO)


async def test_a_form_asks_and_the_button_confirms(server: Server, api: httpx.AsyncClient) -> None:
    async with post_office(server, api) as office, server.client() as reader:
        await furnished(office)
        assert "I want the &lt;newsletter&gt;" in (await reader.get("/f/newsletter")).text
        for _ in range(2):  # the second time is too soon for a second mail
            await reader.post("/f/newsletter", data={"email": "ada@example.com"})
        await office.settle()
        (mail,) = await office.mails("ada")
        assert mail["subject"] == "Please confirm: Acme"
        assert mail["links"]["open"] is None
        assert mail["links"]["clicks"] == []
        assert "List-Unsubscribe" not in mail["headers"]
        link = mail["links"]["confirm"]
        refused = await api.post(
            "/v1/send",
            json={
                "contact": {"email": "ada@example.com"},
                "email": "Welcome",
                "transactional": False,
            },
        )
        await office.settle()
        assert refused.status_code == 202
        assert len(await office.mails("ada")) == 1  # marketing waits for the button

        asked = await reader.get(link)
        assert "I want the &lt;newsletter&gt;" in asked.text
        assert (await reader.head(link)).status_code in (200, 405)
        assert await office.rows("select reason from suppression") == [("unconfirmed",)]
        agent = {"User-Agent": "Reader/1"}
        for _ in range(2):
            done = await reader.post(link, headers=agent)
            assert (done.status_code, "confirmed" in done.text) == (200, True)
        await office.settle()
        assert await office.rows("select count(*) from suppression") == [(0,)]
        assert await office.subjects("ada") == ["Please confirm: Acme", "Welcome"]

        found = await office.made("/v1/contacts/lookup", {"email": "ada@example.com"}, 200)
        ledger = (await api.get(f"/v1/consents?contact={found['id']}")).json()["data"]
        assert [(e["about"], e["action"], e["text"], e["text_version"]) for e in ledger] == [
            ("email", "granted", "I want the <newsletter>", "1"),
            ("email", "requested", "I want the <newsletter>", "1"),
        ]
        granted = ledger[0]
        assert granted["source"].startswith("form:frm_")
        assert granted["proof"].startswith("the button behind the link in msg_")
        assert granted["evidence"] == {
            "ip": "127.0.0.1", "user_agent": "Reader/1", "token_id": None,
        }  # fmt: skip
        told = await api.get(f"/v1/contacts/{found['id']}/why", headers={"Accept": "text/plain"})
        assert "email: yes\n  agreed at 2026-11-23 09:30:00 (form:frm_" in told.text
        assert "to “I want the <newsletter>” (version 1), proved by the button" in told.text

        # an old mail does not bring back who has left since
        (_, welcome) = await office.mails("ada")
        await reader.post(welcome["links"]["unsubscribe"])
        await reader.post(link)
        assert await office.rows("select reason from suppression") == [("unsubscribed",)]


async def test_links_that_are_old_tampered_or_anothers(
    server: Server, api: httpx.AsyncClient
) -> None:
    async with post_office(server, api) as office, server.client() as reader:
        await office.made(
            "/v1/contacts",
            {"email": "ada@example.com", "confirm": True, "confirm_text": "by phone"},
        )
        await office.settle()
        (mail,) = await office.mails("ada")
        link = mail["links"]["confirm"]
        token = link.rpartition("/")[2]
        for odd in (token[:-1] + ("A" if token[-1] != "A" else "B"), "x", token + "A"):
            assert (await reader.get(f"/s/{odd}")).status_code == 404
            assert (await reader.post(f"/s/{odd}")).status_code == 404
        assert (await reader.post(f"/u/{token}")).status_code == 404  # of another kind
        server.clock.advance(timedelta(days=31))
        for answer in (await reader.get(link), await reader.post(link)):
            assert (answer.status_code, "expired" in answer.text) == (410, True)
        assert await office.rows("select reason from suppression") == [("unconfirmed",)]

        again = await office.made(
            "/v1/contacts", {"email": "ada@example.com", "confirm": True}, 200
        )
        assert again["confirmation"] == "asked"
        await office.settle()
        fresh = (await office.mails("ada"))[-1]["links"]["confirm"]
        await reader.post(fresh)
        assert await office.rows("select count(*) from suppression") == [(0,)]


async def test_what_asking_comes_to(server: Server, api: httpx.AsyncClient) -> None:
    async with post_office(server, api) as office:
        people = [
            {"email": "new@example.com", "confirm": True},
            {"external_id": "no-address", "confirm": True},
            {"email": "old@example.com"},
        ]
        batch = await office.made("/v1/contacts/batch", {"contacts": people}, 200)
        assert [one.get("confirmation") for one in batch["results"]] == [
            "asked", "no_address", None,
        ]  # fmt: skip
        for expected in ("open", "closed"):
            body = {"email": "old@example.com", "confirm": True}
            assert (await office.made("/v1/contacts", body, 200))["confirmation"] == expected
            await office.made(
                "/v1/suppressions", {"email": "old@example.com", "because": "she asked"}
            )
        shut = await office.made("/v1/contacts", {"email": "new@example.com"}, 200)
        assert shut["suppressed"] == ["email"]
        noted = await office.made(
            "/v1/consents",
            {"contact": {"email": "new@example.com"}, "about": "email", "action": "granted",
             "text": "yes, please", "proof": "signed at the fair", "source": "paper"},
        )  # fmt: skip
        assert (noted["source"], noted["proof"]) == ("paper", "signed at the fair")
        unproved = await api.post(
            "/v1/consents",
            json={"contact": {"email": "new@example.com"}, "about": "sms", "action": "granted"},
        )
        assert (unproved.status_code, "`proof`" in unproved.text) == (400, True)
        rows = await office.rows("select reason from suppression")
        assert rows == [("by_hand",)]
        left = {"contact": {"email": "new@example.com"}, "about": "email", "action": "withdrawn"}
        assert (await office.made("/v1/consents", left))["action"] == "withdrawn"
        assert await office.rows("select reason, source from suppression order by 1") == [
            ("by_hand", "by hand: she asked"), ("unsubscribed", "api"),
        ]  # fmt: skip


async def test_a_text_that_cannot_be_kept_is_refused(api: httpx.AsyncClient) -> None:
    await api.post("/v1/contacts", json={"email": "ada@example.com"})
    await api.post("/v1/emails", json={"name": "Receipt", "subject": "x", "html": "x"})
    who = {"contact": {"email": "ada@example.com"}}
    for path, body in (
        ("/v1/consents", {"about": "sms", "action": "denied", "text": "a\0b", **who}),
        ("/v1/send", {"email": "Receipt", "data": {"a": "\0"}, **who}),
        ("/v1/hold", {"reason": "a\0b"}),
    ):
        answer = await api.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_value"), answer.text
        assert "U+0000" in answer.json()["detail"]
