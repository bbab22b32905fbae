"""`/v1/workspace`: read, changed, made live by saying its name; each token changes its own."""

import httpx
import pytest
from api_server import Server

Api = httpx.AsyncClient


async def test_what_is_given_changes_and_the_rest_stays(api: Api) -> None:
    before = (await api.get("/v1/workspace")).json()
    assert (before["mode"], before["caps"], before["postal_address"]) == ("sandbox", [], None)
    body = {
        "name": "Acme Ltd",
        "time_zone": "europe/paris",
        "sender": "Acme <news@mail.acme.test>",
        "postal_address": "Acme Ltd\n1 Main Street",
        "caps": [{"count": 3, "channel": "email", "period": "week"}],
    }
    changed = await api.patch("/v1/workspace", json=body)
    assert changed.status_code == 200, changed.text
    assert changed.json() == {**before, **body, "time_zone": "Europe/Paris"}
    cleared = await api.patch("/v1/workspace", json={"postal_address": None, "caps": []})
    assert cleared.json() == {**before, **body, "time_zone": "Europe/Paris"} | {
        "postal_address": None,
        "caps": [],
    }


async def test_live_needs_its_name_and_an_honest_sender(api: Api) -> None:
    for confirm in ({}, {"confirm": "acme"}, {"confirm": "Other"}):
        refused = await api.patch("/v1/workspace", json={"mode": "live", **confirm})
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_value")
        assert '"confirm": "Acme"' in refused.json()["detail"]
    made_up = await api.patch("/v1/workspace", json={"mode": "live", "confirm": "Acme"})
    assert "set `sender` first" in made_up.json()["detail"]
    body = {"mode": "live", "confirm": "Acme", "sender": "news@mail.acme.test"}
    live = await api.patch("/v1/workspace", json=body)
    assert (live.status_code, live.json()["mode"]) == (200, "live")
    made = await api.post("/v1/tokens", json={"name": "a", "scopes": ["contacts:read"]})
    assert made.json()["token"].startswith("hk_live_")
    again = await api.patch("/v1/workspace", json={"mode": "live", "name": "Beta"})
    assert again.status_code == 200
    assert (await api.patch("/v1/workspace", json={"mode": "sandbox"})).json()["mode"] == "sandbox"


@pytest.mark.parametrize(
    "body",
    [
        {"time_zone": "Mars/Phobos"},
        {"sender": "nobody"},
        {"sender": "a@acme.test\r\nBcc: b@acme.test"},
        {"name": " "},
        {"mode": "dead"},
        {"postal_address": "x" * 501},
        {"caps": [{"count": 0, "channel": "email", "period": "day"}]},
        {"caps": [{"count": 1, "channel": "email", "period": "day"}] * 2},
        {"postal": "x"},
    ],
)
async def test_what_does_not_fit_changes_nothing(api: Api, body: dict[str, object]) -> None:
    before = (await api.get("/v1/workspace")).json()
    assert (await api.patch("/v1/workspace", json={"name": "New", **body})).status_code == 400
    assert (await api.get("/v1/workspace")).json() == before


async def test_a_stale_save_is_refused(api: Api) -> None:
    etag = (await api.get("/v1/workspace")).headers["etag"]
    first = await api.patch("/v1/workspace", json={"name": "A"}, headers={"If-Match": etag})
    assert first.headers["etag"] != etag
    second = await api.patch("/v1/workspace", json={"name": "B"}, headers={"If-Match": etag})
    assert (second.status_code, second.json()["code"]) == (412, "stale_version")


async def test_each_token_sees_and_changes_its_own(api: Api, server: Server) -> None:
    other = await server.workspace("Other")
    _, text = await server.new_token("workspace:write", workspace_id=other)
    async with server.client(text) as client:
        assert (await client.patch("/v1/workspace", json={"name": "Third"})).status_code == 200
        assert (await client.get("/v1/workspace")).json()["name"] == "Third"
    assert (await api.get("/v1/workspace")).json()["name"] == "Acme"
