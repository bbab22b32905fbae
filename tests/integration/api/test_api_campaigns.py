"""Campaigns over HTTP: checked, stored, started with a plan, paused, resumed, stopped."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from api_server import Server

from headless.runtime.engine import Engine

Api = httpx.AsyncClient
TEXT = {"Content-Type": "text/plain"}
RULE = 'start when did "signed up"\nadd tag new\nwait 3d\nadd points 5\n'


async def stored(api: Api, source: str, **query: str) -> dict[str, Any]:
    answer = await api.post("/v1/campaigns", content=source, headers=TEXT, params=query)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def started(api: Api, campaign: dict[str, Any]) -> httpx.Response:
    path = f"/v1/campaigns/{campaign['id']}/start"
    return await api.post(path, json={"plan": campaign["hash"]})


async def signs_up(api: Api, external_id: str, **more: Any) -> httpx.Response:
    await api.post("/v1/contacts", json={"external_id": external_id})
    body = {"contact": {"external_id": external_id}, "did": "signed up", **more}
    return await api.post("/v1/activities", json=body)


async def test_check_answers_and_stores_nothing(api: Api) -> None:
    answer = await api.post("/v1/check", content=RULE, headers=TEXT)
    assert (answer.status_code, answer.json()["ok"]) == (200, True)
    faulty = "when opned email Welcome within 3d then add points 10"
    answer = await api.post("/v1/check", content=faulty, headers=TEXT)
    assert (answer.status_code, answer.json()["ok"]) == (200, False)
    found = answer.json()["diagnostics"][0]
    assert found["span"]["start"] == {"line": 1, "column": 6, "offset": 5}
    assert "opened" in found["fix"]["text"]
    for path in ("/v1/check", "/v1/format", "/v1/explain"):
        people = await api.post(path, content=faulty, headers={**TEXT, "Accept": "text/plain"})
        assert people.status_code == 200
        assert "^" in people.text
    answer = await api.post("/v1/check", json={"source": RULE})
    assert answer.json()["ok"] is True
    assert (await api.get("/v1/campaigns")).json()["data"] == []


async def test_faulty_text_tells_every_fault(api: Api) -> None:
    source = 'campaign "X"\nsend email Nowhere\nadd points many\nwait 3 dayz\n'
    answer = await api.post("/v1/campaigns", content=source, headers=TEXT)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_text")
    lines = {found["span"]["start"]["line"] for found in answer.json()["diagnostics"]}
    assert lines >= {3, 4}
    assert "text" not in answer.json()
    assert "faults" not in answer.json()


async def test_stored_with_a_name_of_its_own_or_given(api: Api) -> None:
    one = await stored(api, f'campaign "Hello"\n{RULE}')
    assert (one["name"], one["state"], one["version"]) == ("Hello", "draft", 1)
    assert one["explain"]
    two = await stored(api, RULE, name="Given")
    assert two["name"] == "Given"
    answer = await api.post("/v1/campaigns", content=f'campaign "HELLO"\n{RULE}', headers=TEXT)
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
    assert answer.json()["id"] == one["id"]
    for which in (one["id"], "hello"):
        assert (await api.get(f"/v1/campaigns/{which}")).json()["id"] == one["id"]
    assert (await api.get("/v1/campaigns/nobody")).status_code == 404


async def test_edit_with_and_without_if_match(api: Api) -> None:
    one = await stored(api, f'campaign "Hello"\n{RULE}')
    path = f"/v1/campaigns/{one['id']}/source"
    etag = (await api.get(f"/v1/campaigns/{one['id']}")).headers["etag"]
    changed = f'campaign "Hello"\n{RULE}add points 1\n'
    answer = await api.put(path, content=changed, headers={**TEXT, "If-Match": etag})
    assert (answer.status_code, answer.json()["version"]) == (200, 2), answer.text
    answer = await api.put(path, content=RULE, headers={**TEXT, "If-Match": etag})
    assert (answer.status_code, answer.json()["code"]) == (412, "stale_version")
    again = await api.put(path, content=changed, headers=TEXT)
    assert again.json()["version"] == 2, "the same text is no new version"


async def test_a_start_takes_the_plan_that_was_seen(api: Api) -> None:
    one = await stored(api, f'campaign "Hello"\n{RULE}')
    path = f"/v1/campaigns/{one['id']}/start"
    taught = await api.post(path)
    assert (taught.status_code, taught.json()["code"]) == (428, "plan_required")
    assert taught.json()["plan"]["hash"] == one["hash"]
    drifted = await api.post(path, json={"plan": "sha256:0000"})
    assert (drifted.status_code, drifted.json()["code"]) == (409, "plan_drifted")
    assert (await started(api, one)).json()["state"] == "running"
    second = await started(api, one)
    assert (second.status_code, second.json()["code"]) == (409, "wrong_state")
    edited = await api.put(f"/v1/campaigns/{one['id']}/source", content=RULE, headers=TEXT)
    assert (edited.status_code, edited.json()["code"]) == (409, "wrong_state")
    listed = (await api.get("/v1/campaigns?state=running")).json()["data"]
    assert [row["name"] for row in listed] == ["Hello"]
    assert (await api.get("/v1/campaigns?state=draft")).json()["data"] == []
    assert (await api.get("/v1/campaigns?state=odd")).status_code == 400
    for since, names in (
        ("updated_since=2026-11-23T09:00:00Z", ["Hello"]),
        ("updated_since=2030-01-01T00:00:00Z", []),
    ):
        shown = (await api.get(f"/v1/campaigns?state=running&{since}")).json()["data"]
        assert [row["name"] for row in shown] == names
    assert (await api.get("/v1/campaigns?updated_since=now")).status_code == 400


async def test_pause_resume_stop_stats_and_journal(api: Api, server: Server) -> None:
    engine = Engine(server.database)
    one = await stored(api, f'campaign "Hello"\n{RULE}')
    await started(api, one)
    for who in ("1", "2", "3"):
        assert (await signs_up(api, who)).json()["accepted"] == 1
    await engine.settle(now=server.clock.now())
    path = f"/v1/campaigns/{one['id']}"
    stats = (await api.get(f"{path}/stats")).json()
    assert stats["enrollments"] == {"running": 3}
    assert sum(step["waiting"] for step in stats["steps"]) == 3
    drawn = await api.get(f"{path}/diagram.svg", params={"counts": True})
    assert drawn.headers["content-type"].startswith("image/svg+xml")
    assert (">3<" in drawn.text, ">3<" in (await api.get(f"{path}/diagram.svg")).text) == (
        True,
        False,
    )
    photo = await api.get(f"{path}/diagram.png")
    assert photo.content.startswith(b"\x89PNG")
    people = await api.get(f"{path}/stats", headers={"Accept": "text/plain"})
    assert people.headers["content-type"].startswith("text/plain")
    assert 'add tag "new"' in people.text
    lines = (await api.get(f"{path}/journal?limit=2")).json()["data"]
    assert len(lines) == 2
    assert lines[0]["contact_id"].startswith("con_")
    assert (await api.post(f"{path}/pause")).json()["state"] == "paused"
    assert (await api.post(f"{path}/pause")).status_code == 409
    server.clock.advance(timedelta(days=4))
    await engine.settle(now=server.clock.now())
    assert (await api.get(f"{path}/stats")).json()["enrollments"] == {"running": 3}
    resumed = await api.post(f"{path}/resume")
    assert (resumed.json()["state"], resumed.json()["overdue"]) == ("running", 3)
    await engine.settle(now=server.clock.now())
    assert (await api.get(f"{path}/stats")).json()["enrollments"] == {"finished": 3}
    found = await api.post("/v1/contacts/lookup", json={"external_id": "1"})
    assert (found.json()["points"], found.json()["tags"]) == (5, ["new"])
    assert (await api.post(f"{path}/stop")).json()["state"] == "stopped"
    assert (await api.post(f"{path}/resume")).status_code == 409


async def test_activities_one_by_one_and_in_batches(api: Api) -> None:
    await api.post("/v1/contacts", json={"external_id": "1"})
    good = {"contact": {"external_id": "1"}, "did": "signed up", "id": "a"}
    batch = [good, good, {**good, "id": "b"}, {**good, "contact": {"external_id": "9"}}]
    answer = await api.post("/v1/activities", json=batch)
    assert answer.status_code == 202
    body = answer.json()
    assert (body["accepted"], body["duplicates"]) == (2, 1)
    assert [(item["index"], item["problem"]["code"]) for item in body["rejected"]] == [
        (3, "not_found")
    ]
    answer = await api.post("/v1/activities", json={**good, "contact": {"external_id": "9"}})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    answer = await api.post("/v1/activities", json={**good, "evnt": 1})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_field")
    answer = await api.post("/v1/activities", json=[{**good, "id": str(n)} for n in range(1001)])
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_entering_by_hand(api: Api, server: Server) -> None:
    one = await stored(api, 'campaign "Hand"\nadd tag new\nwait 1d\nadd points 1\n')
    made = (await api.post("/v1/contacts", json={"external_id": "1"})).json()
    path = f"/v1/campaigns/{one['id']}/contacts"
    assert (await api.post(path, json={"contacts": [made["id"]]})).status_code == 409
    await started(api, one)
    assert (await api.post(path, json={"contacts": [made["id"]]})).json() == {"contacts": 1}
    assert (await api.post(path, json={"contacts": [made["id"]]})).json() == {"contacts": 0}
    await Engine(server.database).settle(now=server.clock.now())
    gone = await api.post(f"{path}/remove", json={"contacts": [made["id"]]})
    assert gone.json() == {"contacts": 1}
    why = await api.get(f"/v1/contacts/{made['id']}/why?campaign=Hand")
    assert [run["state"] for run in why.json()["runs"]] == ["removed"]


@pytest.mark.parametrize("path", ["/v1/campaigns", "/v1/check"])
async def test_texts_have_a_size_and_a_kind(api: Api, path: str) -> None:
    answer = await api.post(path, content="# x\n" * 70_000, headers=TEXT)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    answer = await api.post(path, content=b"\xff\xfe", headers=TEXT)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_body")
    answer = await api.post(path, content=RULE, headers={"Content-Type": "text/html"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media")
    assert "`application/json` or `text/plain`" in answer.json()["detail"]


async def test_another_workspace_sees_no_campaign(api: Api, server: Server) -> None:
    one = await stored(api, f'campaign "Hello"\n{RULE}')
    made = (await api.post("/v1/contacts", json={"external_id": "1"})).json()
    other = await server.workspace("Other")
    _, token = await server.new_token(workspace_id=other)
    async with server.client(token) as stranger:
        for which in (one["id"], "Hello"):
            path = f"/v1/campaigns/{which}"
            assert (await stranger.get(path)).status_code == 404
            for verb in ("start", "pause", "resume", "stop"):
                assert (await stranger.post(f"{path}/{verb}")).status_code == 404
            assert (await stranger.get(f"{path}/stats")).status_code == 404
            assert (await stranger.get(f"{path}/journal")).status_code == 404
        why = await stranger.get(f"/v1/contacts/{made['id']}/why?campaign={one['id']}")
        assert why.status_code == 404


async def test_publishing_needs_its_own_scope(api: Api, server: Server) -> None:
    one = await stored(api, f'campaign "Hello"\n{RULE}')
    _, token = await server.new_token("campaigns:read", "campaigns:write")
    async with server.client(token) as editor:
        assert (await editor.get(f"/v1/campaigns/{one['id']}")).status_code == 200
        for verb in ("start", "pause", "resume", "stop"):
            answer = await editor.post(f"/v1/campaigns/{one['id']}/{verb}")
            assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


async def test_a_text_is_drawn_without_being_stored(api: httpx.AsyncClient) -> None:
    rule = {"content": "when opened email X within 3d then add points 10"}
    plain = {"Content-Type": "text/plain"}
    await api.post("/v1/emails", json={"name": "X", "subject": "x", "html": "<p>x</p>"})
    svg = await api.post("/v1/diagram", headers=plain, **rule)
    assert (svg.status_code, svg.headers["content-type"]) == (200, "image/svg+xml")
    assert "opened email X" in svg.text
    png = await api.post("/v1/diagram", headers={**plain, "Accept": "image/png"}, **rule)
    assert png.content.startswith(b"\x89PNG")
    faulty = await api.post("/v1/diagram", headers=plain, content="when opned email X then exit")
    assert (faulty.status_code, faulty.json()["code"]) == (422, "invalid_text")
    assert (await api.get("/v1/campaigns")).json()["data"] == []
