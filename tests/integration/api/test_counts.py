"""`?count=`: every list says how many there are, by its own filters."""

from typing import Any

import httpx
from api_server import Server

from headless.api import counting

Api = httpx.AsyncClient


async def test_lists_are_counted_by_their_filters(api: Api) -> None:
    items = [
        {"external_id": str(n), "tags": {"add": ["even"] if n % 2 == 0 else []}} for n in range(25)
    ]
    await api.post("/v1/contacts/batch", json={"contacts": items})
    plain = (await api.get("/v1/contacts?limit=10")).json()
    assert "count" not in plain
    first = (await api.get("/v1/contacts?limit=10&count=exact")).json()
    assert (len(first["data"]), first["count"]) == (10, 25)
    assert (await api.get("/v1/contacts?limit=2&tag=even&count=exact")).json()["count"] == 13
    later = await api.get(f"/v1/contacts?limit=10&count=exact&cursor={first['next_cursor']}")
    assert "count" not in later.json()
    told = (await api.get("/v1/contacts?limit=10&count=estimate")).json()
    assert isinstance(told["count"], int)
    assert told["count"] > 0
    wrong = await api.get("/v1/contacts?count=all")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_value")
    search = {"where": "has tag even", "limit": 5, "count": "exact"}
    found = (await api.post("/v1/contacts/search", json=search)).json()
    assert (len(found["data"]), found["count"]) == (5, 13)
    search["cursor"] = found["next_cursor"]
    assert "count" not in (await api.post("/v1/contacts/search", json=search)).json()


async def test_every_list_can_be_counted(api: Api, server: Server) -> None:
    made: dict[str, tuple[str, Any]] = {
        "/v1/tags": ("/v1/tags", {"name": "{}"}),
        "/v1/stages": ("/v1/stages", {"name": "{}"}),
        "/v1/segments": ("/v1/segments", {"name": "{}"}),
        "/v1/sms": ("/v1/sms", {"name": "{}", "body": "x"}),
        "/v1/emails": ("/v1/emails", {"name": "{}", "subject": "s", "html": "<p>x</p>"}),
        "/v1/companies": ("/v1/companies", {"name": "{}"}),
        "/v1/campaigns": ("/v1/campaigns", {"source": "when did {} then add points 1"}),
    }
    for path, body in made.values():
        for number in range(3):
            filled = {key: text.replace("{}", f"a{number}") for key, text in body.items()}
            answer = await api.post(path, json=filled)
            assert answer.status_code == 201, (path, answer.text)
    counted = 0
    for route in server.app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if not route.path.startswith("/v1") or not counting.is_list(handler):
                continue
            if "{" in route.path:
                continue
            limit = "limit" in handler.parsed_fn_signature.parameters
            for way in ("exact", "estimate"):
                params = {"count": way} | ({"limit": "1"} if limit else {})
                answer = await api.get(route.path, params=params)
                assert answer.status_code == 200, (route.path, answer.text)
                told = answer.json()
                assert isinstance(told["count"], int), route.path
                if way == "exact":
                    everything = (await api.get(route.path)).json()["data"]
                    assert told["count"] == len(everything), route.path
                    assert told["count"] >= 3 * (route.path in made), route.path
            counted += 1
    assert counted > 30
