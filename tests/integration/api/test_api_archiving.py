"""Campaigns that nobody wants any more, and their names, over HTTP."""

import httpx

TEXT = 'start when did "signed up"\nadd tag new'


async def start(api: httpx.AsyncClient, name: str) -> None:
    plan = (await api.post(f"/v1/campaigns/{name}/start")).json()["plan"]["hash"]
    told = await api.post(f"/v1/campaigns/{name}/start", json={"plan": plan})
    assert told.status_code == 200, told.text


async def test_only_drafts_vanish(api: httpx.AsyncClient) -> None:
    for name in ("Kept", "Gone"):
        await api.post("/v1/campaigns", json={"source": TEXT, "name": name})
    await start(api, "Kept")
    refused = await api.delete("/v1/campaigns/Kept")
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    assert (await api.delete("/v1/campaigns/Gone")).status_code == 204
    assert (await api.get("/v1/campaigns/Gone")).status_code == 404
    again = await api.post("/v1/campaigns", json={"source": TEXT, "name": "Gone"})
    assert again.status_code == 201, "the name is free again"


async def test_what_is_over_is_put_away(api: httpx.AsyncClient) -> None:
    await api.post("/v1/campaigns", json={"source": TEXT, "name": "Old"})
    early = await api.post("/v1/campaigns/Old/archive")
    assert "delete it instead" in early.json()["detail"]
    await start(api, "Old")
    running = await api.post("/v1/campaigns/Old/archive")
    assert "stop it first" in running.json()["detail"]
    await api.post("/v1/campaigns/Old/stop")
    assert (await api.post("/v1/campaigns/Old/archive")).json()["state"] == "archived"
    assert "already" in (await api.post("/v1/campaigns/Old/archive")).json()["detail"]
    assert (await api.get("/v1/campaigns/Old/stats")).status_code == 200


async def test_a_campaign_is_renamed(api: httpx.AsyncClient) -> None:
    await api.post("/v1/campaigns", json={"source": TEXT, "name": "One"})
    await api.post("/v1/campaigns", json={"source": f'campaign "Two"\n{TEXT}'})
    taken = await api.patch("/v1/campaigns/One", json={"name": "two"})
    assert (taken.status_code, taken.json()["code"]) == (409, "name_taken")
    assert (await api.patch("/v1/campaigns/One", json={"name": " "})).status_code == 400
    named = await api.patch("/v1/campaigns/One", json={"name": "Uno"})
    assert named.json()["name"] == "Uno"
    old = await api.get("/v1/campaigns/One")
    assert old.status_code == 308
    assert old.headers["location"] == f"/v1/campaigns/{named.json()['id']}"
    said = await api.patch("/v1/campaigns/Two", json={"name": "Dos"})
    assert "change it there" in said.json()["detail"]
