"""`?dry_run=true`: every check, the answer that there would be, and nothing kept."""

import httpx
from api_server import Server
from every_route import every, example, furnish
from sqlalchemy import text

from headless.api import openapi
from headless.api.auth import mutates, queries_of
from headless.storage.tables import metadata

Api = httpx.AsyncClient
DRY = {"dry_run": "true"}


async def test_the_answer_comes_and_nothing_is_kept(api: Api, server: Server) -> None:
    body = {"email": "ada@example.com", "tags": {"add": ["vip"]}}
    dry = await api.post("/v1/contacts", params=DRY, json=body)
    assert (dry.status_code, dry.headers["headless-dry-run"]) == (201, "true"), dry.text
    told = dry.json()
    assert (told["email"], told["tags"], told["created"]) == ("ada@example.com", ["vip"], True)
    made = {one["what"]: one["made"] for one in told["would"]["changes"]}
    assert (made["contact"], made["contact_tag"], told["would"]["status"]) == (1, 1, 201)
    assert "location" not in dry.headers
    assert (await api.get("/v1/contacts")).json()["data"] == []
    assert (await api.get("/v1/tags")).json()["data"] == []
    acts = [one["act"] for one in (await api.get("/v1/audit")).json()["data"]]
    assert acts == ["list_contacts"]
    wet = await api.post("/v1/contacts", params={"dry_run": "false"}, json=body)
    assert (wet.status_code, "would" in wet.json(), "headless-dry-run" in wet.headers) == (
        201,
        False,
        False,
    )


async def test_the_checks_are_the_same(api: Api) -> None:
    dry = await api.post("/v1/contacts", params=DRY, json={"emial": "x"})
    assert (dry.status_code, dry.json()["code"]) == (400, "unknown_field")
    assert dry.headers["headless-dry-run"] == "true"
    odd = await api.post("/v1/contacts", params={"dry_run": "perhaps"}, json={"email": "a@b.test"})
    assert (odd.status_code, odd.json()["code"]) == (400, "invalid_value")
    read = await api.get("/v1/contacts", params=DRY)
    assert (read.status_code, read.json()["code"]) == (400, "unknown_field")


async def test_what_answers_nothing_says_what_it_would_do(api: Api) -> None:
    contact = (await api.post("/v1/contacts", json={"email": "ada@example.com"})).json()["id"]
    dry = await api.delete(f"/v1/contacts/{contact}", params=DRY)
    assert dry.status_code in (200, 202), dry.text
    deleted = {one["what"]: one["deleted"] for one in dry.json()["would"]["changes"]}
    assert deleted["contact"] == 1
    assert (await api.get(f"/v1/contacts/{contact}")).status_code == 200


async def test_what_was_before_is_not_counted(api: Api) -> None:
    for number in range(5):  # the same connection has done this a moment ago
        await api.post("/v1/contacts", json={"external_id": str(number)})
    dry = await api.post("/v1/contacts", params=DRY, json={"external_id": "0"})
    changes = {one["what"]: one for one in dry.json()["would"]["changes"]}
    assert changes.get("contact", {}).get("made", 0) == 0


async def test_a_key_is_not_used_up_by_a_rehearsal(api: Api) -> None:
    key = {"Idempotency-Key": "once"}
    body = {"name": "CI", "scopes": ["contacts:read"]}
    assert (await api.post("/v1/tokens", params=DRY, json=body, headers=key)).status_code == 201
    real = await api.post("/v1/tokens", json=body, headers=key)
    assert (real.status_code, "idempotent-replayed" in real.headers) == (201, False)


async def test_every_route_that_changes_something_can_be_rehearsed(
    api: Api, server: Server
) -> None:
    described = openapi.describe(server.app)
    house = await furnish(server.app, api, described)
    tables = [table.name for table in metadata.sorted_tables if table.name != "audit"]
    # what a rehearsed import has to tell stands in its job
    kept = {"job": " where (detail->>'dry_run')::bool is not true"}
    rows = text(
        " union all ".join(
            f"select '{name}', count(*) from {name}{kept.get(name, '')}" for name in tables
        )
    )
    async with server.database.transaction() as tx:
        before = {tuple(row) for row in await tx.execute(rows)}
    came: dict[bool, int] = {True: 0, False: 0}
    for route in every(server.app):
        if not route.path.startswith("/v1") or route.needs is None:
            continue
        rehearsed = mutates(route.handler)
        assert ("dry_run" in queries_of(route.handler)) == rehearsed, route.path
        if rehearsed:
            body = example(described, route)[1]
            asked = route.at(*(house.names(route) or ["nobody"] * len(route.places)))
            body = {} if body is None or isinstance(body, str) else house.real(body)
            answer = await api.request(route.method, asked, params=DRY, json=body)
            assert answer.status_code < 500, (route.method, asked, answer.text)
            came[answer.is_success] += 1
    assert came[True] > 40, came
    async with server.database.transaction() as tx:
        after = {tuple(row) for row in await tx.execute(rows)}
    assert after - before == set()
