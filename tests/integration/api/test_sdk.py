"""Calls of the Segment spec over HTTP: who may say what, what they come to, each of them once."""

import base64
import gzip
import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any, cast

import httpx
import pytest
from api_server import NOW, Server
from sqlalchemy import select

from headless import ids
from headless.audience import contacts
from headless.campaigns.sdk import names
from headless.storage.codes import ActivityKind
from headless.storage.tables import activity, contact, subject
from headless.workspace import write_keys


def said(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, **more}


async def send(
    server: Server, key: str, body: Any, path: str = "batch", **headers: str
) -> httpx.Response:
    basic = base64.b64encode(f"{key}:".encode()).decode()
    async with server.client() as client:
        return await client.post(
            f"/v1/{path}", json=body, headers={"Authorization": f"Basic {basic}", **headers}
        )


async def batch(server: Server, key: str, *calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await send(server, key, {"batch": calls, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def person(server: Server, **who: str) -> contacts.Contact:
    async with server.database.transaction() as tx:
        return await contacts.lookup(tx, server.workspace_id, **who)


async def deeds(server: Server) -> list[tuple[str, str, datetime, dict[str, Any] | None]]:
    """Whose, what, when, how: all activities in the order in which they were written."""
    async with server.database.transaction() as tx:
        rows = await tx.execute(
            select(
                contact.c.external_id, activity.c.kind, subject.c.name, activity.c.occurred_at,
                activity.c.properties,
            )
            .join(contact, contact.c.id == activity.c.contact_id)
            .outerjoin(subject, subject.c.id == activity.c.ref)
            .order_by(activity.c.id)
        )  # fmt: skip
        return [
            (who, name or ActivityKind(kind).name.lower(), at, how)
            for who, kind, name, at, how in rows
        ]


async def public_key(server: Server, *origins: str) -> write_keys.WriteKey:
    async with server.database.transaction() as tx:
        return await write_keys.make(
            tx, server.workspace_id, "shop", origins, kind="test", now=server.clock.now()
        )


async def test_a_batch_becomes_contacts_and_what_they_did_each_call_once(server: Server) -> None:
    calls = [
        said("identify", messageId="m1", userId="u1",
             traits={"email": "Ada@example.com", "firstName": "Ada", "age": 36, "address": {}}),
        said("track", messageId="m2", userId="u1", event="Order  Placed",
             properties={"total": 120.5, "items": [{"name": "tea"}]}, email="ignored@example.com"),
        said("page", messageId="m3", userId="u2", name="Pricing",
             properties={"url": "https://acme.example/pricing?utm_source=x"}),
        said("screen", messageId="m4", userId="u2", name="Basket"),
        said("track", messageId="m2", userId="u1", event="Order Placed"),
    ]  # fmt: skip
    first = await batch(server, server.token, *calls)
    assert (first["accepted"], first["duplicates"], first["rejected"]) == (4, 1, [])
    again = await batch(server, server.token, *calls)
    assert (again["accepted"], again["duplicates"]) == (0, 5)
    ada = await person(server, external_id="u1")
    assert (ada.email, ada.fields) == ("Ada@example.com", {"first_name": "Ada", "age": 36})
    done = await deeds(server)
    assert [(who, what) for who, what, _, _ in done] == [
        ("u1", "Order Placed"), ("u2", "visited"), ("u2", "visited"),
    ]  # fmt: skip
    assert done[0][3] == {"total": 120.5, "items": [{"name": "tea"}]}
    assert done[1][3] is not None
    assert done[1][3]["utm"] == {"source": "x"}
    assert done[1][3]["name"] == "Pricing"
    assert done[2][3] == {"name": "Basket", "screen": "Basket"}


async def test_the_senders_clock_is_corrected_and_what_is_too_old_refused(server: Server) -> None:
    slow = NOW - timedelta(hours=3)
    calls = [
        said("track", userId="u", event="a", timestamp=(slow - timedelta(minutes=5)).isoformat()),
        said("track", userId="u", event="b", timestamp=(slow + timedelta(hours=1)).isoformat()),
        said("track", userId="u", event="c", originalTimestamp="2019-01-01T00:00:00Z"),
    ]
    answer = await batch(server, server.token, *calls, sentAt=slow.isoformat())
    assert answer["accepted"] == 2
    assert [r["index"] for r in answer["rejected"]] == [2]
    assert "too old" in answer["rejected"][0]["problem"]["detail"]
    assert [at for _, _, at, _ in await deeds(server)] == [NOW - timedelta(minutes=5), NOW]


async def test_only_200_and_400_are_answered_and_a_bad_call_refuses_no_other(
    server: Server,
) -> None:
    answer = await batch(
        server, server.token,
        said("track", userId="u", event="good"), said("dance", userId="u"),
        said("track", event="x"), said("track", userId="u"),
        said("track", userId="u", event="x", properties={"a": "x" * 33_000}),
        said("track", userId=7, event="nul\0", properties={"a\0": "b\0"}),
        cast(Any, 5), said(cast(Any, ["track"]), userId="u", event="good"),
    )  # fmt: skip
    assert answer["accepted"] == 2
    assert [r["index"] for r in answer["rejected"]] == [1, 2, 3, 4, 6, 7]
    assert [(who, what) for who, what, _, _ in await deeds(server)] == [("u", "good"), ("7", "nul")]
    _, poor = await server.new_token("contacts:read")
    for key, body in (
        ("hk_test_nobody", {"batch": []}), ("", {"batch": []}), (poor, {"batch": []}),
        (server.token, {"no": "batch"}), (server.token, [1]), (server.token, {"batch": 3}),
        (server.token, {"batch": [{}] * 2_501}),
    ):  # fmt: skip
        refused = await send(server, key, body)
        assert refused.status_code == 400, body
        assert refused.json()["success"] is False
        assert refused.json()["code"]
        assert refused.json()["message"]


async def test_gzip_text_plain_and_the_key_in_the_body(server: Server) -> None:
    body = {"writeKey": server.token, "userId": "u", "event": "bought"}
    async with server.client() as client:
        plain = await client.post(
            "/v1/t", content=json.dumps(body), headers={"Content-Type": "text/plain"}
        )
        assert plain.status_code == 200
        assert plain.headers["access-control-allow-origin"] == "*"
        packed = gzip.compress(json.dumps({"batch": [said("page", userId="u")]}).encode())
        headers = {"Content-Encoding": "gzip", "Authorization": f"Bearer {server.token}"}
        answer = await client.post("/v1/batch", content=packed, headers=headers)
        assert answer.json()["accepted"] == 1
        bomb = gzip.compress(b" " * 50_000_000)
        for broken in (b"no gzip", packed[:-9], bomb):
            answer = await client.post("/v1/batch", content=broken, headers=headers)
            assert answer.status_code == 400
        asked = await client.options("/v1/t")
        assert asked.status_code == 204
    assert [what for _, what, _, _ in await deeds(server)] == ["bought", "visited"]


async def test_what_an_unknown_browser_did_is_the_contacts_once_it_is_known(server: Server) -> None:
    await batch(server, server.token, said("track", anonymousId="b1", event="looked"))
    assert await deeds(server) == []
    await batch(
        server, server.token,
        said("identify", anonymousId="b1", userId="u1", traits={"email": "a@example.com"}),
    )  # fmt: skip
    await batch(server, server.token, said("track", anonymousId="b1", event="bought"))
    await batch(server, server.token, said("identify", anonymousId="b1", userId="u2"))
    await batch(server, server.token, said("track", anonymousId="b1", event="stayed"))
    found = [(who, what) for who, what, _, _ in await deeds(server)]
    assert found == [("u1", "looked"), ("u1", "bought"), ("u1", "stayed")]


async def test_a_public_key_cannot_speak_for_anybody_known(server: Server) -> None:
    await batch(
        server, server.token,
        said("identify", userId="u1", traits={"email": "ada@example.com", "plan": "free"}),
    )  # fmt: skip
    known = await public_key(server, "https://shop.example")
    key = known.key
    forged = [
        said("identify", anonymousId="b1", userId="u1", traits={"plan": "gold"}),
        said("identify", anonymousId="b1", traits={"email": "ada@example.com", "plan": "gold"}),
        said("track", anonymousId="b1", userId="u1", event="bought"),
        said("track", userId="u1", event="bought"),
        said("alias", userId="b1", previousId="u1"),
        said("group", userId="u1", groupId="g"),
        said("identify", anonymousId="b1", userId="u1", userHash="00" * 32, traits={"plan": "x"}),
    ]
    answer = await batch(server, key, *forged)
    assert [r["index"] for r in answer["rejected"]] == [3, 4, 5]
    assert await deeds(server) == []
    ada = await person(server, external_id="u1")
    assert (ada.fields["plan"], ada.email) == ("free", "ada@example.com")
    secret = write_keys.secret(["k" * 40], known.id)
    proof = hmac.new(secret.encode(), b"u1", hashlib.sha256).hexdigest()
    proved = said(
        "identify", anonymousId="b1", userId="u1", context={"userHash": proof},
        traits={"plan": "gold", "new": "x"},
    )  # fmt: skip
    assert (await batch(server, key, proved))["accepted"] == 1
    ada = await person(server, external_id="u1")
    assert ada.fields == {"plan": "gold"}  # a public key makes no fields
    assert [(who, what) for who, what, _, _ in await deeds(server)] == [("u1", "bought")]


async def test_a_public_key_works_on_its_own_sites_and_until_it_is_revoked(server: Server) -> None:
    async with server.client(server.token) as api:
        made = (
            await api.post(
                "/v1/write-keys", json={"name": "shop", "origins": ["https://Shop.example"]}
            )
        ).json()
        key = made["key"]
        body = said("track", anonymousId="b", event="x")
        origins = (("https://shop.example", 200), ("https://evil.example", 400), ("null", 400))
        for origin, status in origins:
            answer = await send(server, key, body, "t", Origin=origin)
            assert answer.status_code == status, origin
        assert (await send(server, key, body, "t")).status_code == 200  # no browser
        shown = await api.get(f"/v1/projects/{key}/settings")
        assert shown.json()["integrations"]["Segment.io"]["apiHost"] == "testserver/v1"
        assert (await api.get(f"/v1/projects/{server.token}/settings")).status_code == 404
        assert (await api.get("/v1/whoami", headers={"Authorization": f"Bearer {key}"})
                ).status_code == 401  # fmt: skip
        assert (await api.delete(f"/v1/write-keys/{made['id']}")).status_code == 204
        assert (await send(server, key, body, "t")).status_code == 400
        (listed,) = (await api.get("/v1/write-keys")).json()["data"]
        assert listed["revoked_at"]
        wrong = await api.post("/v1/write-keys", json={"name": "x", "origins": ["shop.example"]})
        assert wrong.json()["code"] == "invalid_value"


async def test_a_public_key_makes_a_contact_of_an_address_that_nobody_has(server: Server) -> None:
    key = (await public_key(server)).key
    await batch(
        server, key, said("track", anonymousId="b", event="looked"),
        said("identify", anonymousId="b", traits={"email": "new@example.com"}),
    )  # fmt: skip
    assert (await person(server, email="new@example.com")).external_id is None
    assert [what for _, what, _, _ in await deeds(server)] == ["looked"]


async def test_a_public_key_cannot_fill_the_list_of_events(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "MOST", 2)
    key = (await public_key(server)).key
    looked = [said("track", anonymousId="b", event=name) for name in ("one", "two", "Three")]
    told = await batch(server, key, *looked)
    assert (told["accepted"], [one["index"] for one in told["rejected"]]) == (2, [2])
    assert "`three` is new" in told["rejected"][0]["problem"]["detail"]
    by_us = said("track", userId="u1", event="Three", messageId="m")
    assert (await batch(server, server.token, by_us))["accepted"] == 1
    again = await batch(server, key, said("track", anonymousId="b", event="three"), looked[0])
    assert again["accepted"] == 2, "a name that is known may be used"


async def test_traits_that_do_not_fit_are_left_out_and_told(server: Server) -> None:
    first = {"email": "a@example.com", "age": 3}
    await batch(server, server.token, said("identify", userId="u1", traits=first))
    answer = await batch(
        server, server.token,
        said("identify", userId="u2", traits={"email": "a@example.com", "age": "three",
                                               "company": {"name": "x"}, "city": "Paris"}),
        said("track", userId="u2", event="bought"),
    )  # fmt: skip
    assert answer["accepted"] == 2
    assert len(answer["left_out"]) == 2
    two = await person(server, external_id="u2")
    assert (two.email, two.fields) == (None, {"city": "Paris"})


async def test_without_contacts_write_a_token_only_reports_of_those_who_are_there(
    server: Server,
) -> None:
    await batch(server, server.token, said("identify", userId="here"))
    _, poor = await server.new_token("activities:write")
    calls = [
        said("track", messageId="1", userId="here", event="x"),
        said("track", messageId="2", userId="new", event="x"),
        said("identify", messageId="3", userId="here", traits={"email": "x@example.com"}),
    ]
    answer = await batch(server, poor, *calls)
    assert [r["problem"]["code"] for r in answer["rejected"]] == ["not_found", "insufficient_scope"]
    await batch(server, server.token, said("identify", userId="new"))
    again = await batch(server, poor, *calls)  # what was refused may come once more
    assert (again["accepted"], again["duplicates"]) == (1, 1)


async def test_alias_joins_group_belongs_and_a_device_is_kept(server: Server) -> None:
    token = {"device": {"token": "t" * 20, "type": "ios"}, "timezone": "Europe/Paris"}
    await batch(
        server, server.token, said("identify", userId="old", traits={"email": "a@example.com"}),
        said("track", userId="old", event="x", context=token),
        said("alias", previousId="old", userId="new"),
        said("alias", previousId="never", userId="seen"),
    )  # fmt: skip
    await batch(
        server, server.token, said("track", userId="new", event="y"),
        said("group", userId="new", groupId="g1", traits={"name": "Acme"}),
        said("identify", userId="other", context={"timezone": "Nowhere/Land"}),
        said("alias", previousId="other", userId="new"),
    )  # fmt: skip
    ada = await person(server, email="a@example.com")
    assert (ada.external_id, ada.time_zone) == ("new", "Europe/Paris")
    assert [what for who, what, _, _ in await deeds(server) if who == "new"] == ["x", "y"]
    assert (await person(server, external_id="seen")).email is None
    async with server.client(server.token) as api:
        inside = await api.get("/v1/companies/Acme/members")
        assert len(inside.json()["data"]) == 1, inside.text
        shown = await api.get(f"/v1/contacts/{ids.encode('con', ada.id)}/devices")
        assert [d["platform"] for d in shown.json()["data"]] == ["ios"]
