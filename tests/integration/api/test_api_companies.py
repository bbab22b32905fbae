"""Companies over HTTP, and the lists of names that contacts are given."""

import httpx
from api_server import Server

from headless.runtime.engine import Engine

Api = httpx.AsyncClient


async def test_a_company_its_fields_and_its_members(api: Api, server: Server) -> None:
    assert (await api.post("/v1/companies", json={"name": "Acme", "fields": {"size": 3}})).json()[
        "code"
    ] == "unknown_field"
    field = await api.post("/v1/company-fields", json={"name": "size", "type": "number"})
    assert (field.status_code, field.json()) == (201, {"name": "size", "type": "number"})
    assert (await api.post("/v1/company-fields", json={"name": "Size", "type": "text"})).json()[
        "code"
    ] == "name_taken"
    made = await api.post("/v1/companies", json={"name": "Acme", "fields": {"size": 3}})
    assert (made.status_code, made.json()["fields"]) == (201, {"size": 3})
    who = [
        (await api.post("/v1/contacts", json={"external_id": n, "stage": "Lead"})).json()["id"]
        for n in ("1", "2")
    ]
    await api.post("/v1/segments", json={"name": "Big", "condition": "company.size > 100"})
    change = {"add": [who[0], {"external_id": "2"}, {"external_id": "9"}]}
    answer = await api.post("/v1/companies/acme/members", json=change)
    assert answer.json() == {"added": 2, "removed": 0, "unknown": [{"list": "add", "index": 2}]}
    again = await api.post("/v1/companies", json={"name": "ACME", "fields": {"size": 300}})
    assert (again.status_code, again.json()["members"]) == (200, 2)
    await Engine(server.database).settle(now=server.clock.now())
    assert (await api.get("/v1/segments/Big")).json()["members"] == 2
    page = (await api.get("/v1/companies/Acme/members?limit=1")).json()
    assert [one["id"] for one in page["data"]] == [who[0]]
    cleared = await api.post("/v1/companies", json={"name": "Acme", "fields": {"size": None}})
    assert cleared.json()["fields"] == {}
    assert [one["name"] for one in (await api.get("/v1/companies")).json()["data"]] == ["Acme"]
    assert (await api.get("/v1/stages")).json()["data"] == [{"name": "Lead"}]


async def test_a_company_that_a_campaign_names_stays(api: Api) -> None:
    made = (await api.post("/v1/companies", json={"name": "Acme"})).json()
    source = "campaign Join\nstart when did signup\nadd to company Acme"
    campaign = await api.post("/v1/campaigns", json={"source": source})
    assert campaign.status_code == 201, campaign.text
    refused = await api.delete(f"/v1/companies/{made['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    await api.post("/v1/companies", json={"name": "Beta"})
    assert (await api.delete("/v1/companies/Beta")).status_code == 204
    assert (await api.get("/v1/companies/Beta")).status_code == 404
