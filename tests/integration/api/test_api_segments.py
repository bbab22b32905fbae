"""Segments over HTTP: lists, conditions, members, counts."""

from typing import Any

import httpx
from api_server import Server
from sqlalchemy import text

from headless.runtime.engine import Engine

Api = httpx.AsyncClient


async def people(api: Api, count: int) -> list[str]:
    await api.post("/v1/fields", json={"name": "spend", "type": "number"})
    items = [
        {"external_id": str(n), "email": f"{n}@example.com", "fields": {"spend": n * 10}}
        for n in range(count)
    ]
    answer = await api.post("/v1/contacts/batch", json={"contacts": items})
    return [item["id"] for item in answer.json()["results"]]


async def made(api: Api, **body: Any) -> dict[str, Any]:
    answer = await api.post("/v1/segments", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_list_and_its_members(api: Api) -> None:
    ids = await people(api, 5)
    leads = await made(api, name="Leads")
    assert (leads["dynamic"], leads["members"]) == (False, 0)
    path = f"/v1/segments/{leads['id']}/members"
    change = {
        "add": [ids[0], {"external_id": "1"}, {"email": "2@EXAMPLE.com"}, {"email": "x@y.zz"}]
    }
    answer = await api.post(path, json=change)
    assert answer.json() == {"added": 3, "removed": 0, "unknown": [{"list": "add", "index": 3}]}
    answer = await api.post(path, json={"add": [ids[0]], "remove": [ids[1], ids[4]]})
    assert answer.json() == {"added": 0, "removed": 1, "unknown": []}
    listed = (await api.get("/v1/segments/leads/members?limit=1")).json()
    assert [one["id"] for one in listed["data"]] == [ids[0]]
    more = (await api.get(f"{path}?limit=1&cursor={listed['next_cursor']}")).json()
    assert [one["id"] for one in more["data"]] == [ids[2]]
    assert more["next_cursor"] is None
    assert (await api.get("/v1/segments/LEADS")).json()["members"] == 2
    contact = (await api.get(f"/v1/contacts/{ids[0]}")).json()
    assert contact["segments"] == ["Leads"]


async def test_a_condition_decides(api: Api, server: Server) -> None:
    ids = await people(api, 5)
    count = await api.post("/v1/segments/preview", json={"condition": "spend >= 30"})
    assert count.json() == {"contacts": 2}
    big = await made(api, name="Big", condition="spend >= 30")
    assert (big["dynamic"], big["members"]) == (True, 2)
    await api.patch(f"/v1/contacts/{ids[0]}", json={"fields": {"spend": 99}})
    await Engine(server.database).settle(now=server.clock.now())
    assert (await api.get("/v1/segments/Big")).json()["members"] == 3
    answer = await api.post("/v1/segments/Big/members", json={"add": ids})
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    answer = await api.patch("/v1/segments/Big", json={"condition": "spend < 20", "name": "Small"})
    assert (answer.json()["name"], answer.json()["members"]) == ("Small", 1)
    frozen = await api.patch("/v1/segments/Small", json={"condition": None})
    assert (frozen.json()["dynamic"], frozen.json()["members"]) == (False, 1)


async def test_faulty_conditions_and_names(api: Api) -> None:
    await people(api, 1)
    answer = await api.post("/v1/segments", json={"name": "X", "condition": "spent > 1 and and"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_text")
    found = answer.json()["diagnostics"][0]
    assert found["code"].startswith("E")
    assert found["span"]["start"]["line"] == 1
    wrong = {"name": "X", "condition": "spendd > 1"}
    answer = await api.post("/v1/segments", json=wrong)
    assert "`spend`" in str(answer.json()["diagnostics"])
    answer = await api.post("/v1/segments", json=wrong, headers={"Accept": "text/plain"})
    assert "^^^^^" in answer.text
    await made(api, name="Leads")
    answer = await api.post("/v1/segments", json={"name": "leads"})
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
    assert answer.json()["id"].startswith("seg_")
    assert (await api.post("/v1/segments", json={"name": " "})).status_code == 400
    assert (await api.get("/v1/segments/nobody")).status_code == 404
    assert (await api.patch("/v1/segments/Leads", json={"name": "LEADS"})).json()["name"] == "LEADS"


async def test_a_stale_save_is_refused_and_what_is_used_stays(api: Api) -> None:
    await people(api, 1)
    new = await api.post("/v1/segments", json={"name": "Leads"})
    old = {"If-Match": new.headers["etag"]}
    assert (await api.get("/v1/segments/Leads")).headers["etag"] == old["If-Match"]
    first = await api.patch("/v1/segments/Leads", json={"condition": "spend > 1"}, headers=old)
    assert first.status_code == 200
    assert first.headers["etag"] != old["If-Match"]
    for method, body in (("PATCH", {"name": "X"}), ("DELETE", None)):
        stale = await api.request(method, "/v1/segments/Leads", json=body, headers=old)
        assert (stale.status_code, stale.json()["code"]) == (412, "stale_version"), method
    await made(api, name="Best", condition="in segment Leads and spend > 5")
    used = await api.delete("/v1/segments/Leads")
    assert (used.status_code, used.json()["code"]) == (409, "in_use")
    assert used.json()["used_by"] == [{"kind": "segment", "name": "Best"}]
    assert (await api.delete("/v1/segments/Best")).status_code == 204
    last = {"If-Match": first.headers["etag"]}
    assert (await api.delete("/v1/segments/Leads", headers=last)).status_code == 204
    assert (await api.get("/v1/segments")).json()["data"] == []


async def test_who_listens_hears_of_joining_and_leaving(api: Api, server: Server) -> None:
    ids = await people(api, 2)
    leads = await made(api, name="Leads")
    async with server.database.transaction() as tx:
        await tx.execute(
            text(
                "insert into listener (workspace_id, kind, ref, version_id, step)"
                " select workspace_id, kind, id, 1, 1 from segment, (values (12), (13)) k(kind)"
            )
        )
    path = f"/v1/segments/{leads['id']}/members"
    await api.post(path, json={"add": ids})
    await api.post(path, json={"add": ids, "remove": []})
    await api.post(path, json={"remove": ids[:1]})
    async with server.database.transaction() as tx:
        rows = await tx.execute(text("select kind, count(*) from activity group by 1 order by 1"))
        assert [tuple(row) for row in rows] == [(12, 2), (13, 1)]


async def test_hidden_segments_of_campaigns_are_not_shown(api: Api, server: Server) -> None:
    async with server.database.transaction() as tx:
        await tx.execute(
            text(
                "insert into segment (workspace_id, name, campaign_id, created_at)"
                " values (:w, 'cmp source 1', 1, now())"
            ),
            {"w": server.workspace_id},
        )
    assert (await api.get("/v1/segments")).json()["data"] == []
    assert (await api.get("/v1/segments/cmp source 1")).status_code == 404
