"""Campaigns tried over HTTP, on a clock that jumps: of a contact, and of a text alone."""

from typing import Any

import httpx
from api_server import Server

TEXT = (
    'campaign "Hello"\nstart when did "signed up"\nsend email Hello\n'
    "when opened email Hello within 5d then add points 10 else add tag cold\nwait 30d\nadd tag old"
)


def steps(answer: httpx.Response) -> list[tuple[str, str]]:
    assert answer.status_code == 200, answer.text
    return [(line["step"], line["outcome"]) for line in answer.json()["journal"]]


async def test_a_campaign_is_tried_and_nothing_comes_of_it(server: Server) -> None:
    async with server.client(server.token) as api:
        email = {"name": "Hello", "subject": "Hi", "html": "<p>Hi</p>"}
        assert (await api.post("/v1/emails", json=email)).status_code == 201
        made = await api.post("/v1/contacts", json={"email": "ada@example.com"})
        assert (await api.post("/v1/campaigns", json={"source": TEXT})).status_code == 201
        path = "/v1/campaigns/Hello/try"

        alone = await api.post(path)
        assert ("add tag cold", "done") in steps(alone)
        assert alone.json()["contact_id"] is None
        body: dict[str, Any] = {"contact": {"email": "ada@example.com"}, "until": "10d"}
        body["activities"] = [{"at": "+1d", "did": "opened email Hello"}]
        opened = await api.post(path, json=body)
        assert ("add points 10", "done") in steps(opened)
        assert ("add tag old", "done") not in steps(opened), "it ends after ten days"
        assert opened.json()["contact_id"] == made.json()["id"]
        assert steps(opened)[-1][1] == "waiting"

        stats = (await api.get("/v1/campaigns/Hello/stats")).json()
        assert (stats["enrollments"], stats["messages"]) == ({}, {})
        known = (await api.get(f"/v1/contacts/{made.json()['id']}")).json()
        assert (known["points"], known["tags"]) == (0, [])

        for wrong, code in (
            ({"until": "soon"}, "invalid_value"),
            ({"activities": [{"at": "+1d", "did": "opened nothing at all"}]}, "invalid_body"),
            ({"activities": [{"at": "+1d", "did": "left segment X"}] * 1001}, "invalid_body"),
            ({"activities": [{"at": "+1d", "set": {"city": "\0"}}]}, "invalid_body"),
            ({"contact": {"email": "nobody@example.com"}}, "not_found"),
            ({"contacts": {}}, "unknown_field"),
        ):
            refused = await api.post(path, json=wrong)
            assert refused.json()["code"] == code, refused.text
        _, token = await server.new_token("campaigns:read")
        async with server.client(token) as reader:
            poor = await reader.post(path, json={"contact": {"email": "ada@example.com"}})
        assert (poor.status_code, poor.json()["code"]) == (403, "insufficient_scope")


async def test_a_text_is_simulated_with_people_of_its_own(server: Server) -> None:
    body = {
        "source": "from segment Leads\nwait 1d\nadd points 5",
        "contacts": [{"id": "7", "segments": "Leads"}, {"id": "8"}],
        "activities": [{"at": "+2h", "contact": "7", "did": "opened email Other"}],
    }
    async with server.client(server.token) as api:
        told = await api.post("/v1/simulate", json=body)
        assert steps(told)[-1] == ("add points 5", "done")
        assert {one: who["points"] for one, who in told.json()["contacts"].items()} == {
            "7": 5,
            "8": 0,
        }
        assert told.json()["stats"]["enrollments"] == {"finished": 1}
        assert (await api.get("/v1/contacts")).json()["data"] == []
        faulty = await api.post("/v1/simulate", json={"source": "wait for ever"})
        assert (faulty.status_code, faulty.json()["code"]) == (422, "invalid_text")
        twice = await api.post("/v1/simulate", json={**body, "contacts": [{"id": "7"}] * 2})
        assert twice.json()["errors"][0]["pointer"] == "/contacts/1"
        many = await api.post("/v1/simulate", json={**body, "contacts": [{"id": "7"}] * 101})
        assert many.json()["code"] == "invalid_body"
