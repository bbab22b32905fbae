"""The timeline of a contact over HTTP: everything that happened, page by page."""

from datetime import timedelta
from typing import Any

from api_server import Server

from headless.api.shapes import sealed
from headless.runtime.engine import Engine

TEXT = (
    'campaign "Hello"\nre-entry always\nstart when did "signed up"\nsend email Hi\nwait 1d\n'
    "add points 5"
)


async def test_what_happened_to_a_contact_is_told_newest_first(server: Server) -> None:
    engine = Engine(server.database)
    async with server.client(server.token) as api:
        email = {"name": "Hi", "subject": "Hi", "html": "<p>Hi</p>"}
        assert (await api.post("/v1/emails", json=email)).status_code == 201
        who = (await api.post("/v1/contacts", json={"email": "ada@example.com"})).json()["id"]
        other = (await api.post("/v1/contacts", json={"email": "bob@example.com"})).json()["id"]
        made = await api.post("/v1/campaigns", json={"source": TEXT})
        assert made.status_code == 201, made.text
        plan = (await api.post("/v1/campaigns/Hello/start")).json()["plan"]["hash"]
        await api.post("/v1/campaigns/Hello/start", json={"plan": plan})
        for _ in range(2):
            for one in (who, other):
                act = {"contact": {"id": one}, "did": "signed up", "properties": {"plan": "pro"}}
                assert (await api.post("/v1/activities", json=act)).status_code < 300
            await engine.settle(now=server.clock.now())
            server.clock.advance(timedelta(days=2))
            await engine.settle(now=server.clock.now())
        said = {"contact": {"id": who}, "about": "tracking", "action": "denied", "text": "no"}
        assert (await api.post("/v1/consents", json=said)).status_code == 201

        path = f"/v1/contacts/{who}/timeline"
        whole = (await api.get(path, params={"count": "exact"})).json()
        told: list[dict[str, Any]] = whole["data"]
        assert whole["next_cursor"] is None
        assert [one["at"] for one in told] == sorted((one["at"] for one in told), reverse=True)
        assert (told[0]["kind"], told[0]["what"]) == ("consent", "tracking: denied")
        words = {one["what"] for one in told}
        assert {"entered Hello", "left Hello: finished", 'did "signed up"', "email Hi"} <= words
        (first, _) = [one for one in told if one["what"] == 'did "signed up"']
        assert (first["detail"], first["id"][:4]) == ({"plan": "pro"}, "act_")
        assert [one["detail"] for one in told if one["kind"] == "ended"] == [{"run": 2}, {"run": 1}]

        pages, cursor = [], None
        while True:
            asked = {"limit": 2, **({"cursor": cursor} if cursor else {})}
            page = (await api.get(path, params=asked)).json()
            pages += page["data"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert pages == told
        mails = (await api.get(path, params={"kind": "message"})).json()["data"]
        assert mails == [one for one in told if one["kind"] == "message"] != []

        wrong = sealed((2**63 - 1, 1, 1), "!qhq", list="timeline", contact=who, kind=None)
        for cursor in (wrong, "x" * 40):
            refused = await api.get(path, params={"cursor": cursor})
            assert (refused.status_code, refused.json()["code"]) == (400, "cursor_mismatch")
        assert (await api.get("/v1/contacts/con_nobody/timeline")).status_code == 404
        looked = (await api.get("/v1/audit", params={"act": "contact_timeline"})).json()["data"]
        assert looked[0]["subject"] == who
