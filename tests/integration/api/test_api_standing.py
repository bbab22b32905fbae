"""Stages, tags and groups of points: made by name, deleted when nothing speaks of them."""

import httpx
import pytest

Api = httpx.AsyncClient


@pytest.mark.parametrize("path", ["stages", "tags", "point-groups"])
async def test_a_name_is_made_once_and_deleted(api: Api, path: str) -> None:
    made = await api.post(f"/v1/{path}", json={"name": "Gold"})
    assert (made.status_code, made.json()) == (201, {"name": "Gold"})
    again = await api.post(f"/v1/{path}", json={"name": "GOLD"})
    assert (again.status_code, again.json()) == (200, {"name": "Gold"})
    assert (await api.get(f"/v1/{path}")).json()["data"] == [{"name": "Gold"}]
    for odd in ("", " ", 'a"b', "a\nb"):
        assert (await api.post(f"/v1/{path}", json={"name": odd})).status_code == 400
    assert (await api.delete(f"/v1/{path}/gold")).status_code == 204
    assert (await api.delete(f"/v1/{path}/gold")).status_code == 404
    assert (await api.get(f"/v1/{path}")).json()["data"] == []


async def test_nothing_is_deleted_under_those_who_have_it(api: Api) -> None:
    for path in ("stages", "tags"):
        await api.post(f"/v1/{path}", json={"name": "Gold"})
    await api.post("/v1/contacts", json={"email": "a@b.test", "stage": "Gold"})
    await api.post("/v1/contacts", json={"email": "c@b.test", "tags": {"add": ["Gold"]}})
    for path in ("stages", "tags"):
        held = await api.delete(f"/v1/{path}/Gold")
        assert (held.status_code, held.json()["code"]) == (409, "in_use"), held.text
    await api.post("/v1/tags", json={"name": "late"})
    text = 'campaign "C"\nstart when did "x"\nadd tag late'
    assert (await api.post("/v1/campaigns", json={"source": text})).status_code == 201
    named = await api.delete("/v1/tags/late")
    assert (named.status_code, named.json()["used_by"][0]["name"]) == (409, "C")
