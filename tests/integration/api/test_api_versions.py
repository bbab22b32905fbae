"""New versions of running campaigns over HTTP: planned, agreed to, gone back from."""

from api_server import Server
from test_api_campaigns import RULE, Api, signs_up, started, stored

from headless.runtime.engine import Engine

OTHER = RULE.replace("wait 3d", "add tag seen\nwait 5d")


async def test_a_version_is_planned_applied_and_gone_back_from(api: Api, server: Server) -> None:
    one = await stored(api, f'campaign "Hello"\n{RULE}')
    await started(api, one)
    await signs_up(api, "1")
    await Engine(server.database).settle(now=server.clock.now())
    path = f"/v1/campaigns/{one['id']}"
    text = f'campaign "Hello"\n{OTHER}'
    plan = (await api.post(f"{path}/plan", json={"source": text})).json()
    assert (plan["was"], plan["becomes"], plan["inside"], plan["stranded"]) == (1, 2, 1, [])
    assert [(c["sign"], c["people"]) for c in plan["changes"]] == [("+", 0), ("~", 1)]
    told = await api.post(f"{path}/plan", json={"source": text}, headers={"Accept": "text/plain"})
    assert "they keep their promised time" in told.text
    assert told.text.rstrip().endswith(plan["hash"])

    asked = await api.post(f"{path}/apply", json={"source": text})
    assert (asked.status_code, asked.json()["code"]) == (428, "plan_required")
    assert asked.json()["plan"]["hash"] == plan["hash"]
    wrong = await api.post(f"{path}/apply", json={"source": text, "plan": "sha256:0"})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "plan_drifted")
    done = await api.post(f"{path}/apply", json={"source": text, "plan": plan["hash"]})
    assert (done.status_code, done.json()["version"]) == (200, 2)

    back = (await api.post(f"{path}/plan", json={"version": 1})).json()
    done = await api.post(f"{path}/apply", json={"version": 1, "plan": back["hash"]})
    assert (done.json()["version"], done.json()["hash"]) == (3, one["hash"])
    listed = (await api.get(f"{path}/versions")).json()["data"]
    assert [(v["number"], v["running"], v["current"]) for v in listed] == [
        (3, 1, True),
        (2, 0, False),
        (1, 0, False),
    ]


async def test_people_are_not_lost_and_a_text_is_needed(api: Api, server: Server) -> None:
    one = await stored(api, f'campaign "Hello"\n{RULE}')
    await started(api, one)
    await signs_up(api, "1")
    await Engine(server.database).settle(now=server.clock.now())
    path = f"/v1/campaigns/{one['id']}"
    text = f'campaign "Hello"\n{RULE}'.replace("wait 3d", "")
    plan = (await api.post(f"{path}/plan", json={"source": text})).json()
    assert len(plan["stranded"]) == 1
    refused = await api.post(f"{path}/apply", json={"source": text, "plan": plan["hash"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "stranded")
    for body in ({}, {"source": text, "version": 1}):
        answer = await api.post(f"{path}/plan", json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_value")
    assert (await api.post(f"{path}/plan", json={"version": 9})).status_code == 404
    assert (await api.post(f"{path}/plan", json={"source": "wait"})).status_code == 422
