"""What no program should send, in each place of each route: refused, and never a fault of ours.

Made from the routes and their examples, so that a new route is tried from its first day. The short
run tries some of it at each route, always the same; the deep checks try all.
"""

import asyncio
import itertools
import json
import random
import string
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from api_server import Server
from every_route import (
    STREAMS,
    Furnished,
    Route,
    body_schema,
    every,
    example,
    furnish,
    members,
)

from headless import ids
from headless.api import openapi
from headless.api.auth import queries_of

LONG = "".join(random.Random(1).choices(string.ascii_letters, k=9_000))
"""What no index takes, for it cannot be compressed."""
TEXTS = (
    LONG,
    "a\x00b",
    "' or 1=1; --",
    "{{ 7 | times: 7 }}{% render 'x' %}",
    "../../../etc/passwd",
    "a\r\nX-Own: 1",
    "%s%n%",
    "\u202e\U0001f4a5\ufffe",
    "x" * 5_000,
    "",
    " ",
    "\n",
    '"',
    "http://[",
    "sha256:" + "0" * 64,
    "0",
    "-1",
    "9" * 30,
    "1e400",
    "NaN",
    "true",
    "null",
    "2026-11-23T09:30:00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2147483648",
    "9223372036854775808",
    "AAAAAAAAAAAAAAAAAAAAAA",
)
RAW = ("%ff", "%ed%a0%80", "%00", "%2e%2e%2f", "%")
"""For paths and queries, as they stand: bytes that are no UTF-8, and the like."""
LARGEST = 2**63 - 1
VALUES: tuple[Any, ...] = (
    "a\x00b",
    "\ud800",
    LONG,
    "x" * 100_000,
    "",
    "{{ 7 | times: 7 }}{% for",
    "a\r\nX-Own: 1",
    "http://[",
    "https://example.com/\u65e5",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "9999-12-31",
    10**30,
    -(10**30),
    2**63,
    2**31,
    -1,
    1e308,
    True,
    None,
    [],
    {},
    [None],
    {"a\x00": {"\ud800": 1}},
    json.loads("[" * 200 + "]" * 200),
)
BODIES = (
    b"",
    b"null",
    b"[]",
    b'"a"',
    b"1e400",
    b"9" * 5_000,
    b"\xff\xfe",
    b'{"a": "\\ud800"}',
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"\x1f\x8b\x08\x00",
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n',
    b"a=%00&a=%ff&%=1",
    b"email,email\n\x00,\n",
    b"email\n" + b"x" * 200_000,
    b'email\n"never closed',
    b"e\x00m\x00a\x00i\x00l\x00\n\x00",
    b'{"email": 1}\n[1]\n\n{"external_id": "a", "fields": {"a": "\\u0000"}}\n',
)
MEDIA = (
    "",
    "application/json",
    "application/json; charset=\xff",
    "application/x-ndjson",
    "text/plain; charset=utf-16",
    "text/csv",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "a/b/c;;;=",
)
HEADERS = (
    ("Idempotency-Key", "x" * 300),
    ("Idempotency-Key", "\xe9\xff"),
    ("Idempotency-Key", ""),
    ("If-Match", '"' + "9" * 5_000 + '"'),
    ("If-Match", '"9223372036854775808"'),
    ("If-Match", '"2147483648"'),
    ("If-Match", 'W/"\xb2\xff'),
    ("If-Match", ""),
    ("If-None-Match", "\xff"),
    ("Accept", "text/plain"),
    ("Accept", "text/html"),
    ("Accept", "image/png, text/csv"),
    ("Accept", "\xff;q=x"),
    ("Authorization", "Bearer \xff\xff"),
    ("Authorization", "Bearer " + "a" * 5_000),
    ("Authorization", "Basic ===="),
    ("Authorization", "\xff"),
    ("Content-Encoding", "gzip"),
    ("Cookie", "=;=\xff;;a=%00"),
    ("Last-Event-ID", "9" * 50),
    ("Last-Event-ID", "\xff/-1"),
    ("Repr-Digest", "sha-256=:" + "A" * 43 + "=:"),
    ("Repr-Digest", "sha-256=:\xff"),
    ("X-Request-Id", "\xff" * 20),
    ("User-Agent", "\xff" * 2_000),
    ("X-Forwarded-For", "\xff, 1.2.3.4"),
    ("Origin", "\xff"),
    ("Range", "bytes=9-1"),
    ("X-Twilio-Signature", "\xff"),
    ("X-Slack-Request-Timestamp", "9" * 5_000),
)
CONDITIONS = (
    "(" * 3_000 + "points > 1" + ")" * 3_000,
    "not " * 3_000 + "points > 1",
    " or ".join(["points > 1"] * 800),
    f"points > {'9' * 400}",
    f"points > 1e{'9' * 20}",
    f'did "{LONG}"',
    f'tagged "{LONG}" and in segment "{LONG}"',
    f'email is "{chr(0xD7FF)}{LONG}"',
    'created_at is before "9999-12-31" and wait 99999999999999999999d',
    "points > 1 -- '; drop table contact",
)
SOURCES = (
    *(f'start when did "a"\nif {condition} then add tag a' for condition in CONDITIONS),
    'start when did "a"\n' + "add tag a\n" * 5_000,
    'start when did "a"\n' + "".join("  " * n + "if points > 1 then\n" for n in range(300)),
    f'campaign "{LONG}"\nstart when did "{LONG}"\nadd tag {LONG}',
    f'start when did "a"\nwait {"9" * 30}d\nadd points {"9" * 30}',
    'active 0001-01-01 to 9999-12-31\nstart when did "a"\nwait 99999d\nadd tag a',
    f'limit {"9" * 30} emails per day\npriority {"9" * 30}\nstart when did "a"\nadd tag a',
)
LANGUAGE = {"where": CONDITIONS, "condition": CONDITIONS, "source": SOURCES}
PARTS = 8
SORTS = 3
"""Of how many sorts the short run tries one thing at a route."""

Ask = tuple[str, dict[str, Any]]


def by_path(route: Route, names: list[str], sent: dict[str, Any]) -> Iterator[Ask]:
    hostile = [*TEXTS, *(ids.encode(kind, n) for kind in sorted(ids.KINDS) for n in (0, LARGEST))]
    for place in range(len(names)):
        for text in filter(None, hostile):
            yield route.at(*names[:place], text, *names[place + 1 :]), sent
        for raw in RAW:
            marked = route.at(*names[:place], "@@", *names[place + 1 :])
            yield marked.replace("%40%40", raw), sent


def by_query(route: Route, names: list[str], sent: dict[str, Any]) -> Iterator[Ask]:
    path = route.at(*names)
    for name in sorted(queries_of(route.handler)):
        for text in TEXTS:
            yield path, {"params": [(name, text)], **sent}
        for raw in RAW:
            yield f"{path}?{name}={raw}", sent
        yield path, {"params": [(name, "1"), (name, "2")], **sent}
    yield f"{path}?%00=%ff&=&&;", sent


def by_header(route: Route, names: list[str], sent: dict[str, Any]) -> Iterator[Ask]:
    for header in HEADERS:
        yield route.at(*names), {"headers": [header], **sent}


def by_body(route: Route, names: list[str], media: str) -> Iterator[Ask]:
    for body in BODIES:
        for one in dict.fromkeys((*MEDIA, media)):
            yield route.at(*names), _sent(one, body)


def by_member(
    route: Route, names: list[str], body: Any, described: dict[str, Any]
) -> Iterator[Ask]:
    for bent in _bent(body, body_schema(described, route), described):
        yield route.at(*names), _sent("application/json", bent)


def _sent(media: str, body: Any) -> dict[str, Any]:
    """A body of a media type: bytes and texts as they stand, all else as JSON."""
    return {} if body is None else {"media": media, "body": body}


def _raw(media: str, body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    as_text = isinstance(body, str) and media != "application/json"
    return body.encode() if as_text else json.dumps(body).encode()


def _bent(value: Any, schema: dict[str, Any], described: dict[str, Any]) -> Iterator[Any]:
    """The value, once for each of its places and each value that does not belong there."""
    yield from VALUES
    if isinstance(value, dict):
        known = members(schema, described)
        for name in {**value, **known}:
            for bent in _bent(value.get(name), known.get(name, {}), described):
                yield {**value, name: bent}
        yield {**value, "a\x00": 1}
    elif isinstance(value, list) and value:
        for bent in _bent(value[0], schema.get("items", {}), described):
            yield [bent, *value[1:]]
        yield value * 2_000


def asks(route: Route, house: Furnished, described: dict[str, Any]) -> dict[str, list[Ask]]:
    names = house.names(route) or ["x"] * len(route.places)
    media, body = example(described, route)
    body = None if body is None else house.real(body)
    sent = _sent(media, body)
    found = {
        "path": list(by_path(route, names, sent)),
        "query": list(by_query(route, names, sent)),
        "header": list(by_header(route, names, sent)),
    }
    if route.method != "GET":
        found["body"] = list(by_body(route, names, media))
        if body is not None and not isinstance(body, str):
            found["member"] = list(by_member(route, names, body, described))
            found["language"] = [
                (route.at(*names), _sent("application/json", {**body, name: text}))
                for name in LANGUAGE.keys() & members(body_schema(described, route), described)
                for text in LANGUAGE[name]
            ]
    return found


async def send(client: httpx.AsyncClient, route: Route, ask: Ask) -> httpx.Response:
    path, more = ask
    headers = list(more.get("headers", ()))
    if more.get("media"):
        headers.append(("Content-Type", more["media"]))
    request = client.build_request(
        route.method,
        path,
        params=more.get("params"),
        content=_raw(more["media"], more["body"]) if "body" in more else None,
        headers=[(name.encode(), value.encode("latin-1")) for name, value in headers],
    )
    return await asyncio.wait_for(client.send(request), 20)


async def tried(
    server: Server, sorts: int | None, part: int = 0, parts: int = 1
) -> tuple[int, list[str]]:
    """Send what is chosen to each route, or to each so-manieth, those that delete last."""
    described = openapi.describe(server.app)
    faults: list[str] = []
    count = 0
    async with server.client(server.token) as client:
        house = await furnish(server.app, client, described)
        for route in sorted(every(server.app)[part::parts], key=lambda one: one.method == "DELETE"):
            by_sort = asks(route, house, described)
            if route.path in STREAMS:
                del by_sort["header"], by_sort["query"]  # it would be let in, and stay
            found = [some for some in by_sort.values() if some]
            if sorts is not None:
                chosen = random.Random(f"{route.method} {route.path}")
                found = chosen.sample(found, min(sorts, len(found)))
                found = [[chosen.choice(some)] for some in found]
            for ask in itertools.chain.from_iterable(found):
                count += 1
                if (fault := await _fault(client, route, ask)) is not None:
                    faults.append(fault)
    return count, faults


async def _fault(client: httpx.AsyncClient, route: Route, ask: Ask) -> str | None:
    said = f"{route.method} {ask[0][:120]} {str(ask[1])[:300]}"
    try:
        answer = await send(client, route, ask)
    except TimeoutError:
        return f"{said}: no answer"
    if answer.status_code >= 500 and route.path != "/readyz":  # no worker lives here
        return f"{said}: {answer.status_code} {answer.text[:200]}"
    return f"{said}: a header was put in" if "x-own" in answer.headers else None


async def test_some_of_it_at_each_route(server: Server) -> None:
    count, faults = await tried(server, SORTS)
    assert count > 400, count
    assert not faults, "\n".join(faults)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
async def test_all_of_it_at_each_route(server: Server, part: int) -> None:
    _, faults = await tried(server, None, part, PARTS)
    assert not faults, "\n".join(faults[:100])
