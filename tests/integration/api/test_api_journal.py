"""The journal over HTTP: page by page, by filter, while it grows."""

from datetime import timedelta
from typing import Any, get_args

import httpx
from api_server import Server

from headless import ids
from headless.api.shapes import instant, sealed
from headless.campaigns.journal import OutcomeWord
from headless.runtime.engine import Engine
from headless.storage.codes import Outcome, word

TEXT = 'campaign "Hello"\nstart when did "signed up"\nadd tag new\nwait 3d\nadd points 5'


def test_every_outcome_can_be_asked_for() -> None:
    assert set(get_args(OutcomeWord)) == {word(one) for one in Outcome}


async def pages(api: httpx.AsyncClient, path: str, **query: Any) -> list[Any]:
    """Every page of a list."""
    found, cursor = [], None
    while True:
        asked = {**query, **({"cursor": cursor} if cursor else {})}
        page = (await api.get(path, params=asked)).json()
        found.append(page["data"])
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def test_the_journal_is_read_to_its_end(server: Server) -> None:
    engine = Engine(server.database)
    async with server.client(server.token) as api:
        made = (await api.post("/v1/campaigns", json={"source": TEXT})).json()
        path = f"/v1/campaigns/{made['id']}"
        plan = (await api.post(f"{path}/start")).json()["plan"]["hash"]
        assert (await api.post(f"{path}/start", json={"plan": plan})).status_code == 200
        began = server.clock.now()
        for day in range(3):
            for who in range(2):
                await api.post("/v1/contacts", json={"external_id": f"{day}{who}"})
                act = {"contact": {"external_id": f"{day}{who}"}, "did": "signed up"}
                assert (await api.post("/v1/activities", json=act)).status_code < 300
            await engine.settle(now=server.clock.now())
            server.clock.advance(timedelta(days=4))
        await engine.settle(now=server.clock.now())

        path += "/journal"
        whole = (await api.get(path, params={"limit": 500, "count": "exact"})).json()
        lines = whole["data"]
        assert [line["at"] for line in lines] == sorted((one["at"] for one in lines), reverse=True)
        assert (len(lines), whole["count"], whole["next_cursor"]) == (24, 24, None)
        for limit in (1, 5):
            parts = await pages(api, path, limit=limit)
            assert [line for part in parts for line in part] == lines
            assert {len(part) for part in parts[:-1]} == {limit}
        few = (await api.get(path, params={"limit": 2, "count": "exact"})).json()
        assert few["count"] == 24, "the count is of the whole, not of the span that was read"

        one = lines[0]["contact_id"]
        mine = (await api.get(path, params={"contact": one})).json()["data"]
        assert mine == [line for line in lines if line["contact_id"] == one] != []
        entered = await pages(api, path, outcome="entered", limit=4)
        assert [len(part) for part in entered] == [4, 2]
        first = {"since": instant(began), "until": instant(began + timedelta(days=1))}
        early = (await api.get(path, params=first)).json()["data"]
        assert early == [line for line in lines if line["at"] < first["until"]]
        assert len(early) == 4

        cursor = (await api.get(path, params={"limit": 1})).json()["next_cursor"]
        for query in (
            {"cursor": cursor, "outcome": "done"},
            {"cursor": cursor[:-2]},
            {"cursor": "%00"},
            {"cursor": "ü" * 40},
        ):
            refused = await api.get(path, params=query)
            assert (refused.status_code, refused.json()["code"]) == (400, "cursor_mismatch")
        odd = await api.get(path, params={"outcome": "odd"})
        assert (odd.status_code, odd.json()["code"]) == (400, "invalid_value")
        assert (await api.get(path, params={"contact": "con_x"})).status_code == 404


async def test_a_cursor_that_was_made_up_is_refused_clearly(server: Server) -> None:
    async with server.client(server.token) as api:
        made = (await api.post("/v1/campaigns", json={"source": TEXT})).json()
        path = f"/v1/campaigns/{made['id']}/journal"
        asked = dict.fromkeys(("contact", "outcome", "since", "until"))
        number = ids.decode("cmp", made["id"])
        for micros in (2**63 - 1, -(2**63)):
            cursor = sealed((micros, 1, 1, 1), "!qqhi", **asked, list="journal", campaign=number)
            refused = await api.get(path, params={"cursor": cursor})
            assert (refused.status_code, refused.json()["code"]) == (400, "cursor_mismatch")
        for raw in (2**63 - 1, -1):
            cursor = sealed((raw,), "!q", list="campaigns", state=None)
            assert (await api.get("/v1/campaigns", params={"cursor": cursor})).status_code == 200
