"""`/v1/channels`: secrets go in and never come out; messages go the way of the channel in use."""

from typing import Any
from urllib.parse import urlsplit

import httpx
from api_server import Server
from mail_double import MailDouble
from sqlalchemy import text

from headless.channels.post import Post
from headless.runtime.engine import Engine

Api = httpx.AsyncClient
MAIL = {
    "name": "Main",
    "provider": "smtp",
    "settings": {"host": "smtp.example.com", "username": "u"},
    "secrets": {"password": "s3cret-word"},
}


async def test_a_secret_goes_in_and_never_comes_out(server: Server, api: Api) -> None:
    made = await api.post("/v1/channels", json=MAIL)
    assert made.status_code == 201, made.text
    shape = made.json()
    assert shape["secrets"] == ["password"]
    assert shape["in_use"] is True
    assert shape["settings"]["tls"] == "required"
    listed = await api.get("/v1/channels")
    one = await api.get("/v1/channels/Main")
    for answer in (made, listed, one):
        assert "s3cret-word" not in answer.text
    async with server.database.transaction() as tx:
        kept = await tx.scalar(text("select secrets from channel"))
    assert b"s3cret-word" not in kept


async def test_what_does_not_fit_is_told_with_its_place(api: Api) -> None:
    body: dict[str, Any] = {
        "name": "X", "provider": "smtp", "settings": {"host": "a", "prt": 25, "tls": "maybe"},
    }  # fmt: skip
    answer = await api.post("/v1/channels", json=body)
    assert answer.status_code == 400
    told = {each["pointer"]: each["detail"] for each in answer.json()["errors"]}
    assert "did you mean `port`?" in told["/settings/prt"]
    assert "/settings/tls" in told
    unknown = await api.post("/v1/channels", json={**body, "provider": "smpt"})
    assert "did you mean `smtp`?" in unknown.json()["detail"]


async def test_of_each_kind_one_channel_is_in_use(api: Api) -> None:
    await api.post("/v1/channels", json=MAIL)
    second = await api.post("/v1/channels", json={**MAIL, "name": "Second"})
    assert second.json()["in_use"] is False
    changed = await api.patch("/v1/channels/Second", json={"in_use": True})
    assert changed.json()["in_use"] is True
    assert (await api.get("/v1/channels/Main")).json()["in_use"] is False
    assert (await api.delete("/v1/channels/Second")).json()["code"] == "in_use"
    assert (await api.delete("/v1/channels/Main")).status_code == 204
    assert (await api.get("/v1/channels/Main")).status_code == 404


async def test_settings_and_secrets_must_fit_together(api: Api) -> None:
    settings = {"host": "smtp.example.com", "dkim_domain": "example.com", "dkim_selector": "h1"}
    body: dict[str, Any] = {"name": "X", "provider": "smtp", "settings": settings}
    answer = await api.post("/v1/channels", json=body)
    assert answer.json()["code"] == "invalid_value"
    assert "`secrets.dkim_key`" in answer.json()["detail"]
    answer = await api.post("/v1/channels", json={**body, "secrets": {"dkim_key": "nonsense"}})
    assert "no private key in PEM" in answer.json()["detail"]
    assert (await api.post("/v1/channels", json=MAIL)).status_code == 201
    answer = await api.patch("/v1/channels/Main", json={"secrets": {"password": None}})
    assert "needs `secrets.password`" in answer.json()["detail"]


async def test_a_stale_save_and_a_taken_name_are_refused(api: Api) -> None:
    made = await api.post("/v1/channels", json=MAIL)
    assert (await api.post("/v1/channels", json=MAIL)).json()["code"] == "name_taken"
    old = {"If-Match": made.headers["etag"]}
    assert (await api.patch("/v1/channels/Main", json={"secrets": {"password": "new"}},
                            headers=old)).status_code == 200  # fmt: skip
    stale = await api.patch("/v1/channels/Main", json={"in_use": True}, headers=old)
    assert stale.status_code == 412
    without = {"settings": {"host": "smtp.example.com"}, "secrets": {"password": None}}
    gone = await api.patch("/v1/channels/Main", json=without)
    assert gone.json()["secrets"] == []


async def test_mails_go_by_the_workspaces_own_server(server: Server, api: Api) -> None:
    async with MailDouble() as double:
        port = urlsplit(double.url).port
        settings = {"host": "127.0.0.1", "port": port, "tls": "never"}
        own = {"name": "Own", "provider": "smtp", "settings": settings}
        assert (await api.post("/v1/channels", json=own)).status_code == 201
        mail = {"name": "Welcome", "subject": "Hello", "html": "<p>Hi</p>"}
        assert (await api.post("/v1/emails", json=mail)).status_code == 201
        ada = {"external_id": "7", "email": "ada@example.com"}
        assert (await api.post("/v1/contacts", json=ada)).status_code == 201
        await _start(api, 'campaign Hello\nstart when did "signed up"\nsend email Welcome\n')
        done = {"contact": {"external_id": "7"}, "did": "signed up", "id": "evt-1"}
        assert (await api.post("/v1/activities", json=done)).status_code == 202
        post = Post(
            server.database,
            server.clock.now,
            keys=tuple(key.encode() for key in server.app.state.house.settings.secret_keys),
            base_url="http://testserver",
            smtp_url=None,
        )
        try:
            await Engine(server.database).settle(now=server.clock.now())
            for wake in await post.due():
                await post.deliver(wake)
        finally:
            await post.close()
        assert dict(double.taken) == {"ada@example.com": 1}


async def _start(api: Api, source: str) -> None:
    media = {"Content-Type": "text/plain"}
    made = await api.post("/v1/campaigns", content=source, headers=media)
    assert made.status_code == 201, made.text
    path = f"/v1/campaigns/{made.json()['id']}/start"
    plan = (await api.post(path)).json()["plan"]["hash"]
    assert (await api.post(path, json={"plan": plan})).status_code == 200
