"""Components of every kind: saved in versions, checked, named, kept while they are needed."""

from typing import Any

import httpx
import pytest
from api_server import Server
from sqlalchemy import select

from headless.seals import Seals
from headless.storage import tables

GOOD: dict[str, dict[str, Any]] = {
    "/v1/sms": {"name": "Code", "body": "Your code is {{ entry.code }}"},
    "/v1/push-messages": {"name": "Ping", "title": "Hi {{ contact.id }}", "body": "x", "url": None},
    "/v1/snippets": {"name": "Footer", "body": "Bye"},
    "/v1/contents": {"name": "Offer", "body": "<b>{{ contact.email }}</b>"},
    "/v1/slots": {"name": "Hero", "default_content": None},
    "/v1/pages": {"name": "Pricing", "body": "<h1>Prices</h1>"},
    "/v1/forms": {"name": "Demo", "fields": [{"name": "email", "type": "email"}]},
    "/v1/assets": {"name": "Guide", "url": "https://files.example/guide.pdf"},
    "/v1/webhook-targets": {"name": "ERP", "url": "https://erp.example/in"},
    "/v1/integrations": {"name": "HubSpot", "provider": "hubspot", "secrets": {"token": "pat-1"}},
}
CHANGE: dict[str, dict[str, Any]] = {
    "/v1/slots": {"name": "Hero again"},
    "/v1/forms": {"submit": "Go"},
    "/v1/webhook-targets": {"method": "PUT"},
    "/v1/integrations": {"settings": {"fields": {"email": "email", "score": "points"}}},
    "/v1/assets": {"url": "https://files.example/guide-2.pdf"},
    "/v1/push-messages": {"title": "Hello"},
}


@pytest.mark.parametrize("path", GOOD)
async def test_each_kind_is_saved_read_listed_and_deleted(
    api: httpx.AsyncClient, path: str
) -> None:
    given = GOOD[path]
    made = await api.post(path, json=given)
    assert made.status_code == 201, made.text
    first = made.json()
    assert (first["name"], first["version"]) == (given["name"], 1)
    twice = await api.post(path, json=given)
    assert (twice.status_code, twice.json()["code"]) == (409, "name_taken")
    place = f"{path}/{given['name']}"
    read = await api.get(place)
    assert read.json() == {k: v for k, v in first.items() if k not in ("variables", "warnings")}
    assert read.headers["etag"] == '"1"'
    known = {name: value for name, value in given.items() if name != "secrets"}
    same = await api.put(f"{path}/{first['id']}", json=known)
    assert (same.status_code, same.json()["version"]) == (200, 1), same.text
    change = given | CHANGE.get(path, {"body": "other"})
    second = await api.put(place, json=change)
    assert (second.status_code, second.json()["version"]) == (200, 2), second.text
    stale = await api.put(place, json=given, headers={"If-Match": '"1"'})
    if path == "/v1/slots":
        place = f"{path}/{first['id']}"
        stale = await api.put(place, json=given, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    saves = (await api.get(f"{place}/versions")).json()["data"]
    assert [save["version"] for save in saves] == [2, 1]
    old = (await api.get(f"{place}?version=1")).json()
    assert (old["version"], old["created_at"]) == (1, first["created_at"])
    listed = (await api.get(path)).json()["data"]
    assert [(row["id"], row["version"]) for row in listed] == [(first["id"], 2)]
    assert (await api.delete(place)).status_code == 204
    assert (await api.get(place)).status_code == 404


@pytest.mark.parametrize(
    ("path", "given", "said"),
    [
        ("/v1/sms", {"name": "A", "body": "{{ x"}, "body"),
        ("/v1/sms", {"name": "A", "body": "x" * 1601}, "1,600"),
        ("/v1/sms", {"name": "A\nB", "body": "x"}, "name"),
        ("/v1/multi-messages", {"name": "A"}, "one at least"),
        ("/v1/multi-messages", {"name": "A", "sms": "Nope"}, "there is no sms `Nope`"),
        ("/v1/snippets", {"name": "A", "body": "{% render 'B' %}"}, "another snippet"),
        ("/v1/contents", {"name": "A", "body": "{% render 'B' %}"}, "no snippet `B`"),
        ("/v1/pages", {"name": "A"}, "or `url`"),
        ("/v1/pages", {"name": "A", "body": "x", "slug": "Not This"}, "slug"),
        ("/v1/pages", {"name": "A", "url": "javascript:alert(1)"}, "https://example.com"),
        ("/v1/forms", {"name": "A", "fields": []}, "1 to 50"),
        ("/v1/forms", {"name": "A", "fields": [{"name": "a", "contact": "nope"}]}, "no field"),
        ("/v1/forms", {"name": "A", "fields": [{"name": "a"}], "redirect": "https://evil.example"},
         "PUT /v1/site"),
        ("/v1/forms", {"name": "A", "fields": [{"name": "a"}], "confirm": True}, "`email` field"),
        ("/v1/webhook-targets", {"name": "A", "url": "https://a.example", "headers": {"Host": "b"}},
         "no header"),
        ("/v1/webhook-targets", {"name": "A", "url": "https://a.example", "secret": "short"},
         "whsec_"),
        ("/v1/integrations", {"name": "A", "provider": "x"}, "hubspot"),
        ("/v1/integrations", {"name": "A", "provider": "upsert", "settings": {"ulr": "x"}}, "ulr"),
    ],
)  # fmt: skip
async def test_what_cannot_be_used_is_refused(
    api: httpx.AsyncClient, path: str, given: dict[str, Any], said: str
) -> None:
    answer = await api.post(path, json=given)
    assert answer.status_code in (400, 413, 422), answer.text
    assert said in answer.json()["detail"], answer.text


async def test_a_snippet_reaches_what_it_stands_in(api: httpx.AsyncClient, server: Server) -> None:
    await api.post("/v1/snippets", json={"name": "Footer", "body": "Bye {{ contact.email }}"})
    html = "<p>Hi</p>{% render 'footer' %}"
    await api.post("/v1/emails", json={"name": "Mail", "subject": "S", "html": html})
    await api.post("/v1/sms", json={"name": "Text", "body": "Hi {% render 'Footer' %}"})
    saved = await api.put("/v1/snippets/Footer", json={"name": "Footer", "body": "Ciao"})
    assert saved.json()["version"] == 2, saved.text
    mail = (await api.get("/v1/emails/Mail")).json()
    assert (mail["version"], mail["html"]) == (2, html)
    shown = await api.post("/v1/emails/Mail/preview")
    assert "Ciao" in shown.json()["html"]
    async with server.database.transaction() as tx:
        assert await tx.scalar(select(tables.sms.c.body)) == "Hi Ciao"
    assert (await api.get("/v1/sms/Text")).json()["body"] == "Hi {% render 'Footer' %}"
    too_much = await api.put("/v1/snippets/Footer", json={"name": "Footer", "body": "x" * 2000})
    assert too_much.status_code == 400
    assert "the sms" in too_much.json()["detail"]
    assert (await api.get("/v1/snippets/Footer")).json()["version"] == 2
    for refused in (
        await api.delete("/v1/snippets/Footer"),
        await api.put("/v1/snippets/Footer", json={"name": "Feet", "body": "x"}),
    ):
        assert (refused.status_code, len(refused.json()["used_by"])) == (409, 2)


async def test_a_multi_message_follows_its_parts(api: httpx.AsyncClient) -> None:
    text = (await api.post("/v1/sms", json={"name": "Text", "body": "x"})).json()
    made = await api.post("/v1/multi-messages", json={"name": "Both", "sms": text["id"]})
    assert (made.json()["sms"], made.json()["email"]) == ("Text", None)
    await api.put("/v1/sms/Text", json={"name": "Renamed", "body": "x"})
    assert (await api.get("/v1/multi-messages/Both")).json()["sms"] == "Renamed"
    used = await api.delete("/v1/sms/Renamed")
    assert used.json()["used_by"] == [{"kind": "message", "name": "Both"}]


async def test_secrets_are_sealed_and_never_shown(api: httpx.AsyncClient, server: Server) -> None:
    secret = "whsec_" + "QUJD" * 8
    made = await api.post(
        "/v1/webhook-targets",
        json={"name": "ERP", "url": "https://erp.example", "secret": secret},
    )
    assert made.json()["secrets"] == ["secret"]
    assert secret not in made.text
    kept = await api.put(
        "/v1/webhook-targets/ERP", json={"name": "ERP", "url": "https://erp.example/2"}
    )
    assert kept.json()["secrets"] == ["secret"]
    async with server.database.transaction() as tx:
        sealed = await tx.scalar(select(tables.webhook.c.secrets))
        history = (await tx.execute(select(tables.component_version.c.written))).scalars().all()
    assert secret.encode() in Seals([b"k" * 40]).open(server.workspace_id, sealed)
    assert secret not in str(history)
    gone = await api.put(
        "/v1/webhook-targets/ERP",
        json={"name": "ERP", "url": "https://erp.example", "secret": None},
    )
    assert gone.json()["secrets"] == []


async def test_another_workspaces_component_is_not_here(
    api: httpx.AsyncClient, server: Server
) -> None:
    made = (await api.post("/v1/sms", json={"name": "Ours", "body": "x"})).json()
    _, token = await server.new_token("admin", workspace_id=await server.workspace("Other"))
    async with server.client(token) as other:
        for method in ("GET", "DELETE"):
            assert (await other.request(method, f"/v1/sms/{made['id']}")).status_code == 404
        await api.post("/v1/pages", json={"name": "P", "body": "x", "slug": "prices"})
        taken = await other.post("/v1/pages", json={"name": "P", "body": "x", "slug": "prices"})
        assert (taken.status_code, taken.json()["code"]) == (409, "name_taken")
