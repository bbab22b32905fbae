"""Emails: saved in versions, looked at for a contact, tried on oneself, deleted when unused."""

from typing import Any

import httpx
from api_server import Server
from sqlalchemy import insert, select, update

from headless.storage import tables

MJML = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>Hello {{ contact.first_name }}</mj-text>"
    '<mj-button href="https://shop.example/{{ entry.cart }}">Buy</mj-button>'
    "</mj-column></mj-section></mj-body></mjml>"
)


async def make(api: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    given = {"name": "Cart", "subject": "Your cart, {{ contact.first_name }}", "mjml": MJML}
    answer = await api.post("/v1/emails", json=given | more)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def contact(api: httpx.AsyncClient) -> str:
    await api.post("/v1/fields", json={"name": "first_name", "type": "text"})
    answer = await api.post(
        "/v1/contacts", json={"email": "ann@example.com", "fields": {"first_name": "Ann <b>"}}
    )
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["id"])


async def test_mjml_is_kept_and_made_into_html(api: httpx.AsyncClient) -> None:
    made = await make(api)
    assert made["mjml"] == MJML
    assert "{{ contact.first_name }}" in made["html"]
    assert made["links"] == ["https://shop.example/{{ entry.cart }}"]
    again = await api.put(
        "/v1/emails/Cart", json={m: made[m] for m in ("name", "subject", "html", "mjml")}
    )
    assert (again.status_code, again.json()["version"]) == (200, 1)
    bad = await api.put("/v1/emails/Cart", json={"name": "Cart", "subject": "x", "mjml": "<mjml>"})
    assert (bad.status_code, bad.json()["errors"][0]["pointer"]) == (422, "/mjml")


async def test_a_preview_is_what_the_contact_would_read(api: httpx.AsyncClient) -> None:
    await contact(api)
    await make(api)
    ask = {"contact": {"email": "ANN@example.com"}, "entry": {"cart": "c7"}}
    shown = (await api.post("/v1/emails/Cart/preview", json=ask)).json()
    assert shown["subject"] == "Your cart, Ann <b>"
    assert "Hello Ann &lt;b&gt;" in shown["html"]
    assert 'href="https://shop.example/c7"' in shown["html"]
    assert "https://shop.example/c7" in shown["text"]
    assert shown["size"] == len(shown["html"].encode())
    page = await api.post("/v1/emails/Cart/preview", json=ask, headers={"Accept": "text/html"})
    assert page.text == shown["html"]
    assert "sandbox" in page.headers["content-security-policy"]
    nobody = await api.post("/v1/emails/Cart/preview")
    assert nobody.json()["subject"] == "Your cart,"
    missing = await api.post(
        "/v1/emails/Cart/preview", json={"contact": {"email": "no@one.example"}}
    )
    assert missing.status_code == 404


async def test_versions_stay(api: httpx.AsyncClient) -> None:
    await make(api)
    for subject in ("Two", "Three"):
        await api.put("/v1/emails/Cart", json={"name": "Cart", "subject": subject, "html": "x"})
    first = (await api.get("/v1/emails/Cart/versions?limit=2")).json()
    assert [(row["version"], row["subject"]) for row in first["data"]] == [(3, "Three"), (2, "Two")]
    rest = await api.get(f"/v1/emails/Cart/versions?limit=2&cursor={first['next_cursor']}")
    assert [row["version"] for row in rest.json()["data"]] == [1]
    assert (await api.get("/v1/emails/Cart?version=1")).json()["mjml"] == MJML


async def test_a_test_takes_the_outboxs_way_and_counts_nowhere(
    api: httpx.AsyncClient, server: Server
) -> None:
    await make(api)
    lonely = await api.post("/v1/emails/Cart/test", json={"to": "me@acme.example"})
    assert lonely.status_code == 400
    who = await contact(api)
    sent = await api.post(
        "/v1/emails/Cart/test", json={"to": "me@acme.example", "contact": {"id": who}}
    )
    assert sent.status_code == 202, sent.text
    async with server.database.transaction() as tx:
        (row,) = (await tx.execute(select(tables.message))).all()
    assert row.data["to"] == "me@acme.example"
    assert row.data["test"] is True
    assert (row.enrollment_id, row.version_id) == (None, None)


async def test_a_live_workspace_tests_on_its_own_people_only(
    api: httpx.AsyncClient, server: Server
) -> None:
    await make(api)
    await contact(api)
    async with server.database.transaction() as tx:
        await tx.execute(
            update(tables.workspace).values(mode="live", sender="Acme <hi@acme.example>")
        )
        await tx.execute(
            insert(tables.member).values(
                workspace_id=server.workspace_id, name="Zoe", email="zoe@acme.example",
                created_at=server.clock.now(),
            )
        )  # fmt: skip
    for to, status in (
        ("stranger@example.com", 400), ("zoe@acme.example", 202), ("hi@acme.example", 202),
    ):  # fmt: skip
        answer = await api.post(
            "/v1/emails/Cart/test", json={"to": to, "contact": {"email": "ann@example.com"}}
        )
        assert answer.status_code == status, answer.text


async def test_an_email_that_is_used_cannot_be_deleted(api: httpx.AsyncClient) -> None:
    await make(api)
    source = 'campaign Carts\nstart when did "left"\nsend email Cart\n'
    made = await api.post("/v1/campaigns", json={"source": source})
    assert made.status_code == 201, made.text
    used = await api.delete("/v1/emails/Cart")
    assert (used.status_code, used.json()["code"]) == (409, "in_use")
    assert used.json()["used_by"] == [{"kind": "campaign", "name": "Carts"}]
    await api.delete("/v1/campaigns/Carts")
    await make(api, name="Free")
    assert (await api.delete("/v1/emails/Free")).status_code == 204
    assert (await api.get("/v1/emails/Free")).status_code == 404
