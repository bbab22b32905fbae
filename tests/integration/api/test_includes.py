"""`?include=`: what goes with a thing, for a whole page at once."""

import httpx
from api_server import Server

from headless.runtime.engine import Engine

Api = httpx.AsyncClient


async def test_campaigns_with_their_numbers_and_versions(api: Api, server: Server) -> None:
    for name in ("One", "Two"):
        text = {"source": f'campaign "{name}"\nstart when did "x"\nadd points 1\nwait 1d'}
        made = (await api.post("/v1/campaigns", json=text)).json()
        text["source"] += "\nadd points 2"
        edited = (await api.put(f"/v1/campaigns/{made['id']}/source", json=text)).json()
    await api.post("/v1/campaigns/Two/start", json={"plan": edited["hash"]})
    for number in range(3):
        await api.post("/v1/contacts", json={"external_id": str(number)})
        did = {"contact": {"external_id": str(number)}, "did": "x", "id": str(number)}
        assert (await api.post("/v1/activities", json=did)).status_code == 202
    await Engine(server.database).settle(now=server.clock.now())
    one, two = (await api.get("/v1/campaigns?include=stats,versions")).json()["data"]
    assert (one["stats"]["enrollments"], two["stats"]["enrollments"]) == ({}, {"running": 3})
    alone = (await api.get("/v1/campaigns/Two/stats")).json()
    assert {name: alone[name] for name in two["stats"]} == two["stats"]
    assert [step["waiting"] for step in two["stats"]["steps"]] == [0, 0, 3, 0]
    versions = (await api.get("/v1/campaigns/Two/versions")).json()["data"]
    assert two["versions"] == versions
    assert [(v["number"], v["running"], v["current"]) for v in versions] == [
        (2, 3, True),
        (1, 0, False),
    ]
    assert [v["number"] for v in one["versions"]] == [2, 1]
    got = (await api.get("/v1/campaigns/Two?include=stats")).json()
    assert (got["stats"], "versions" in got) == (two["stats"], False)
    assert "stats" not in (await api.get("/v1/campaigns")).json()["data"][0]
    wrong = await api.get("/v1/campaigns?include=stat")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_value")
    assert "`stats`" in wrong.json()["detail"]


async def test_a_rename_over_somebody_elses_save_is_refused(api: Api) -> None:
    text = {"source": 'start when did "x"\nadd points 1', "name": "One"}
    made = await api.post("/v1/campaigns", json=text)
    old = {"If-Match": made.headers["etag"]}
    text["source"] += "\nadd points 2"
    assert (await api.put("/v1/campaigns/One/source", json=text, headers=old)).status_code == 200
    stale = await api.patch("/v1/campaigns/One", json={"name": "Two"}, headers=old)
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    new = {"If-Match": (await api.get("/v1/campaigns/One")).headers["etag"]}
    renamed = await api.patch("/v1/campaigns/One", json={"name": "Two"}, headers=new)
    assert renamed.headers["etag"] == (await api.get("/v1/campaigns/Two")).headers["etag"]
    again = await api.patch("/v1/campaigns/Two", json={"name": "One"}, headers=new)
    assert again.status_code == 412
    late = await api.post("/v1/campaigns/Two/apply", json={"source": text["source"]}, headers=old)
    assert (late.status_code, late.json()["code"]) == (412, "stale_version")


async def test_contacts_with_their_consents(api: Api, server: Server) -> None:
    ids = []
    for number in range(2):
        contact = {"email": f"{number}@example.com"}
        ids.append((await api.post("/v1/contacts", json=contact)).json()["id"])
        for action in ("granted", "withdrawn")[: number + 1]:
            said = {"contact": contact, "about": "sms", "action": action, "proof": "by phone"}
            assert (await api.post("/v1/consents", json=said)).status_code == 201
    ledger = (await api.get("/v1/consents")).json()["data"]
    one, two = (await api.get("/v1/contacts?include=consents")).json()["data"]
    assert two["consents"] == [line for line in ledger if line["contact_id"] == ids[1]]
    assert [line["action"] for line in two["consents"]] == ["withdrawn", "granted"]
    assert [line["action"] for line in one["consents"]] == ["granted"]
    alone = (await api.get(f"/v1/contacts/{ids[1]}?include=consents")).json()
    assert alone == two
    assert "consents" not in (await api.get(f"/v1/contacts/{ids[1]}")).json()
    _, token = await server.new_token("contacts:read")
    async with server.client(token) as poor:
        refused = await poor.get("/v1/contacts?include=consents")
        assert (refused.status_code, refused.json()["scopes"]) == (403, ["suppressions:read"])
        assert (await poor.get("/v1/contacts?include=")).status_code == 200
