"""A rename keeps the id; the old name leads to it for thirty days."""

from datetime import timedelta
from typing import Any

import httpx
from api_server import Server

from headless.api import commits
from headless.api.routes.components import FACES

Api = httpx.AsyncClient
MAIL = {"name": "Old mail", "subject": "s", "html": "<p>x</p>"}


def test_every_kind_of_component_is_known_by_its_path() -> None:
    kinds = {one.path.strip("/"): one.kind.prefix for one in FACES}
    others = {"campaigns": "cmp", "channels": "chn", "emails": "eml", "segments": "seg"}
    assert kinds | others == commits.RENAMED


async def test_the_old_name_leads_to_the_id(api: Api, server: Server) -> None:
    mail = (await api.post("/v1/emails", json=MAIL)).json()["id"]
    text = (await api.post("/v1/sms", json={"name": "Old text", "body": "b"})).json()["id"]
    group = (await api.post("/v1/segments", json={"name": "Old group"})).json()["id"]
    await api.put(f"/v1/emails/{mail}", json={**MAIL, "name": "New mail"})
    await api.put("/v1/sms/Old text", json={"name": "New text", "body": "b"})
    await api.patch("/v1/segments/Old group", json={"name": "New group"})
    for old, id_, collection in (
        ("Old mail", mail, "emails"),
        ("old TEXT", text, "sms"),
        ("Old group", group, "segments"),
    ):
        moved = await api.get(f"/v1/{collection}/{old}")
        assert (moved.status_code, moved.headers["location"]) == (308, f"/v1/{collection}/{id_}")
        there = await api.get(f"/v1/{collection}/{old}", follow_redirects=True)
        assert (there.status_code, there.json()["id"]) == (200, id_)
    deeper = await api.get("/v1/emails/Old mail/versions?limit=1")
    assert deeper.headers["location"] == f"/v1/emails/{mail}/versions?limit=1"
    again = await api.put("/v1/emails/Old mail", json=MAIL, follow_redirects=True)
    assert (again.status_code, again.json()["name"]) == (200, "Old mail")
    assert (await api.get("/v1/emails/New mail")).status_code == 308
    server.clock.advance(timedelta(days=30))
    assert (await api.get("/v1/sms/Old text")).status_code == 404


async def test_a_campaign_is_called_what_its_text_says(api: Api) -> None:
    def text(name: str) -> dict[str, str]:
        return {"source": f'campaign "{name}"\nstart when did "x"\nadd points 1'}

    made = (await api.post("/v1/campaigns", json=text("One"))).json()
    two = (await api.put("/v1/campaigns/One/source", json=text("Two"))).json()
    assert (two["id"], two["name"]) == (made["id"], "Two")
    assert (await api.post("/v1/campaigns", json=text("Three"))).status_code == 201
    clash = await api.put("/v1/campaigns/Two/source", json=text("Three"))
    assert (clash.status_code, clash.json()["code"]) == (409, "name_taken")
    for method, behind, body in (
        ("GET", "", None),
        ("GET", "/stats?sums=true", None),
        ("PATCH", "", {"name": "Two"}),
        ("DELETE", "", None),
        ("PUT", "/source", text("Two")),
        ("POST", "/start", {}),
        ("POST", "/start?dry_run=true", {}),
    ):
        moved = await api.request(method, f"/v1/campaigns/One{behind}", json=body)
        there = moved.headers.get("location")
        assert (moved.status_code, there) == (308, f"/v1/campaigns/{made['id']}{behind}"), method
    agreed = {"plan": two["hash"]}
    started = await api.post("/v1/campaigns/One/start", json=agreed, follow_redirects=True)
    assert (started.status_code, started.json()["state"]) == (200, "running"), started.text
    asked = await api.post("/v1/campaigns/Two/apply", json=text("Four"))
    done = text("Four") | {"plan": asked.json()["plan"]["hash"]}
    assert (await api.post("/v1/campaigns/Two/apply", json=done)).json()["name"] == "Four"
    assert (await api.get("/v1/campaigns/two")).status_code == 308


async def test_a_channel_keeps_its_id_under_a_new_name(api: Api) -> None:
    hook = {"provider": "smtp", "settings": {"host": "smtp.example.com"}}
    made = (await api.post("/v1/channels", json={**hook, "name": "Old"})).json()
    await api.post("/v1/channels", json={**hook, "name": "Other"})
    clash = await api.patch("/v1/channels/Old", json={"name": "Other"})
    assert (clash.status_code, clash.json()["code"]) == (409, "name_taken")
    assert (await api.patch("/v1/channels/Old", json={"name": "New"})).json()["name"] == "New"
    for method, behind in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test")):
        moved = await api.request(method, f"/v1/channels/Old{behind}", json={})
        there = moved.headers.get("location")
        assert (moved.status_code, there) == (308, f"/v1/channels/{made['id']}{behind}"), method


async def test_a_query_in_other_bytes_goes_along(api: Api, server: Server) -> None:
    await api.post("/v1/segments", json={"name": "A"})
    id_ = (await api.patch("/v1/segments/A", json={"name": "B"})).json()["id"]

    async def odd(scope: Any, receive: Any, send: Any) -> None:
        await server.app({**scope, "query_string": b"cursor=\xe9"}, receive, send)

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(odd), base_url="http://testserver", headers=api.headers
    ) as client:
        moved = await client.get("/v1/segments/A/members")
    assert moved.status_code == 308, moved.text
    location = dict(moved.headers.raw)[b"location"]
    assert location == f"/v1/segments/{id_}/members?cursor=".encode() + b"\xe9"


async def test_a_name_that_is_taken_again_is_the_new_thing(api: Api) -> None:
    await api.post("/v1/segments", json={"name": "A"})
    await api.patch("/v1/segments/A", json={"name": "B"})
    second = (await api.post("/v1/segments", json={"name": "A"})).json()["id"]
    found = await api.get("/v1/segments/A")
    assert (found.status_code, found.json()["id"]) == (200, second)


async def test_nobody_elses_rename_leads_anywhere(api: Api, server: Server) -> None:
    await api.post("/v1/segments", json={"name": "A"})
    await api.patch("/v1/segments/A", json={"name": "B"})
    other = await server.workspace("Other")
    _, token = await server.new_token("admin", workspace_id=other)
    async with server.client(token) as foreign:
        assert (await foreign.get("/v1/segments/A")).status_code == 404
