"""Bulk changes over HTTP: planned first, then done as a job, each contact as if it were alone."""

from typing import Any

import httpx
from api_server import Server
from sqlalchemy import text

from headless.audience import bulk
from headless.ids import encode
from headless.runtime.engine import Engine
from headless.storage.codes import ActivityKind

Api = httpx.AsyncClient


async def people(api: Api, count: int) -> list[str]:
    await api.post("/v1/fields", json={"name": "spend", "type": "number"})
    items = [
        {"external_id": str(n), "email": f"{n}@example.com", "fields": {"spend": n * 10}}
        for n in range(count)
    ]
    answer = await api.post("/v1/contacts/batch", json={"contacts": items})
    return [item["id"] for item in answer.json()["results"]]


async def agreed(api: Api, **body: Any) -> dict[str, Any]:
    """Ask, agree, and answer the queued job."""
    asked = await api.post("/v1/contacts/bulk", json=body)
    assert (asked.status_code, asked.json()["code"]) == (428, "plan_required"), asked.text
    done = await api.post("/v1/contacts/bulk", json=body | {"plan": asked.json()["plan"]["hash"]})
    assert done.status_code == 202, done.text
    assert done.headers["location"] == f"/v1/jobs/{done.json()['id']}"
    return dict(done.json())


async def rows(server: Server, query: str) -> list[tuple[Any, ...]]:
    async with server.database.transaction() as tx:
        return [tuple(row) for row in await tx.execute(text(query))]


async def test_it_is_planned_then_done_in_pieces(api: Api, server: Server) -> None:
    ids = await people(api, 25)
    body = {
        "where": "spend >= 20 and not has tag vip",
        "do": {"add_tag": "vip", "fields": {"spend": 1}, "stage": "Customer"},
    }
    asked = await api.post("/v1/contacts/bulk", json=body)
    assert asked.status_code == 428
    plan = asked.json()["plan"]
    assert (plan["contacts"], plan["examples"]) == (23, ids[2:22])
    job = await agreed(api, **body)
    assert (job["kind"], job["state"], job["done"], job["total"]) == ("bulk", "queued", 0, 23)
    assert (await api.get(f"/v1/contacts/{ids[3]}")).json()["tags"] == []
    path = f"/v1/jobs/{job['id']}"
    now = server.clock.now()
    assert await bulk.work(server.database, server.workspace_id, now=now, most=10) == 10
    running = (await api.get(path)).json()
    assert (running["state"], running["done"], running["counts"]["updated"]) == ("running", 10, 10)
    # though the change has made its own condition false, everybody who was meant is changed
    await Engine(server.database).settle(now=now)
    over = (await api.get(path)).json()
    assert (over["state"], over["done"], over["result"]["do"]) == ("done", 23, body["do"])
    assert over["counts"] == {"updated": 23, "unchanged": 0, "rejected": 0}
    changed = (await api.post("/v1/contacts/search", json={"where": "has tag vip"})).json()["data"]
    assert [one["id"] for one in changed] == ids[2:]
    assert {(one["stage"], one["fields"]["spend"]) for one in changed} == {("Customer", 1)}
    assert await rows(server, "select * from bulk_target") == []
    acts = (await api.get("/v1/audit?act=change_in_bulk")).json()["data"]
    assert [(one["subject"], one["detail"]["contacts"]) for one in acts] == [(job["id"], 23)]


async def test_whoever_waits_for_it_hears_of_it(api: Api, server: Server) -> None:
    await people(api, 3)
    await api.post("/v1/tags", json={"name": "vip"})
    await api.post("/v1/segments", json={"name": "Big", "condition": "has tag vip"})
    async with server.database.transaction() as tx:
        await tx.execute(
            text(
                "insert into listener (workspace_id, kind, ref, version_id, step)"
                " select workspace_id, :kind, id, 1, 1 from tag"
            ),
            {"kind": int(ActivityKind.GOT_TAG)},
        )
    await api.post("/v1/segments", json={"name": "Leads"})
    await agreed(api, where="spend >= 10", do={"add_tag": "vip", "add_to_segment": "Leads"})
    await Engine(server.database).settle(now=server.clock.now())
    assert (await api.get("/v1/segments/Big")).json()["members"] == 2
    assert (await api.get("/v1/segments/Leads")).json()["members"] == 2
    assert await rows(server, "select count(*) from activity where kind = 16") == [(2,)]
    job = (await api.get("/v1/jobs")).json()["data"][0]
    assert job["counts"]["joined"] == 2
    await agreed(api, where="spend >= 20", do={"remove_from_segment": "Leads"})
    await Engine(server.database).settle(now=server.clock.now())
    assert (await api.get("/v1/segments/Leads")).json()["members"] == 1


async def test_a_plan_of_other_contacts_is_refused(api: Api, server: Server) -> None:
    ids = await people(api, 3)
    body: dict[str, Any] = {"where": "spend >= 10", "do": {"add_tag": "vip"}}
    old = (await api.post("/v1/contacts/bulk", json=body)).json()["plan"]
    # as many as before, and others
    await api.patch(f"/v1/contacts/{ids[0]}", json={"fields": {"spend": 50}})
    await api.patch(f"/v1/contacts/{ids[1]}", json={"fields": {"spend": 0}})
    drifted = await api.post("/v1/contacts/bulk", json=body | {"plan": old["hash"]})
    assert (drifted.status_code, drifted.json()["code"]) == (409, "plan_drifted")
    new = drifted.json()["plan"]
    assert (new["contacts"], new["examples"]) == (2, [ids[0], ids[2]])
    assert (await api.get("/v1/jobs")).json()["data"] == []
    other = {**body, "do": {"add_tag": "cold"}, "plan": new["hash"]}
    assert (await api.post("/v1/contacts/bulk", json=other)).json()["code"] == "plan_drifted"
    dry = await api.post("/v1/contacts/bulk?dry_run=true", json=body | {"plan": new["hash"]})
    assert (dry.status_code, dry.headers["headless-dry-run"]) == (202, "true")
    made = {one["what"]: one["made"] for one in dry.json()["would"]["changes"]}
    assert made == {"bulk_target": 2, "job": 1}
    assert await rows(server, "select 1 from bulk_target union all select 1 from job") == []


async def test_who_is_gone_meanwhile_and_who_cancels(api: Api, server: Server) -> None:
    ids = await people(api, 6)
    job = await agreed(api, where="spend >= 10", do={"add_tag": "vip"})
    await api.delete(f"/v1/contacts/{ids[1]}")
    await api.post("/v1/contacts/merge", json={"kept": ids[5], "gone": ids[2]})
    gone = encode("con", 1)
    async with server.database.transaction() as tx:  # merged a moment before its turn came
        await tx.execute(
            text("insert into bulk_target select workspace_id, job_id, 1 from bulk_target limit 1")
        )
        await tx.execute(text("delete from contact where id = 1"))
    await bulk.work(server.database, server.workspace_id, now=server.clock.now(), most=2)
    path = f"/v1/jobs/{job['id']}"
    half = (await api.get(path)).json()
    assert (half["done"], half["counts"]["updated"], half["counts"]["rejected"]) == (2, 1, 1)
    faults = (await api.get(f"{path}/errors")).json()["data"]
    assert faults == [{"line": 1, "column": None, "reason": f"{gone}: the contact is gone"}]
    assert (await api.delete(path)).json()["state"] == "cancelled"
    await Engine(server.database).settle(now=server.clock.now())
    tagged = (await api.get("/v1/contacts?tag=vip")).json()["data"]
    assert [one["id"] for one in tagged] == [ids[3]]
    assert await rows(server, "select * from bulk_target") == []


async def test_what_cannot_be_done(api: Api, server: Server) -> None:
    await people(api, 2)
    await api.post("/v1/segments", json={"name": "Big", "condition": "spend >= 30"})
    await api.post("/v1/segments", json={"name": "Leads"})
    for where, do, code in (
        ("spendd > 1", {"add_tag": "x"}, "invalid_text"),
        ("spend > 1", {}, "invalid_value"),
        ("spend > 1", {"ad_tag": "x"}, "unknown_field"),
        ("spend > 1", {"fields": {"spennd": 1}}, "unknown_field"),
        ("spend > 1", {"fields": {"spend": "much"}}, "invalid_value"),
        ("spend > 1", {"add_to_segment": "Nobody"}, "not_found"),
        ("spend > 1", {"add_to_segment": "Big"}, "wrong_state"),
    ):
        answer = await api.post("/v1/contacts/bulk", json={"where": where, "do": do})
        assert answer.json()["code"] == code, (where, do, answer.text)
    job = await agreed(api, where="spend >= 0", do={"add_to_segment": "Leads"})
    await api.patch("/v1/segments/Leads", json={"condition": "spend > 1"})
    await Engine(server.database).settle(now=server.clock.now())
    failed = (await api.get(f"/v1/jobs/{job['id']}")).json()
    assert (failed["state"], failed["done"]) == ("failed", 0)
    assert "a condition decides who is in `Leads`" in failed["detail"]
    other = await server.workspace("Other")
    _, token = await server.new_token("admin", workspace_id=other)
    async with server.client(token) as foreign:
        asked = await foreign.post(
            "/v1/contacts/bulk", json={"where": "points >= 0", "do": {"add_tag": "x"}}
        )
    assert asked.json()["plan"]["contacts"] == 0
