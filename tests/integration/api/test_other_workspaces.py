"""What belongs to another workspace: every route answers as if it were not there.

Two furnished workspaces; the second names what the first one has, in paths, queries and bodies, at
each route that the application has. Nothing of the first gets out, and nothing of it changes.
"""

import json
import random
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
from api_server import Server
from every_route import STREAMS, Furnished, Route, every, example, furnish
from sqlalchemy import text

from headless.api import openapi
from headless.api.auth import own_queries
from headless.storage.tables import metadata

MARK = "zebra"
NAMES = (
    "Welcome", "ada@", "Acme", "newsletter", "Newsletter", "Spring", "footer", "prices", "Ann",
    "Price list", "Reminder", "Order", "Pricing", "Banner", "Engaged", "first_name", '"Mail"',
    "Shop", "Customers",
)  # fmt: skip
INSTEAD = {name: name.replace(name.strip('@"'), MARK) for name in NAMES}
ID = re.compile(r"[a-z]{3}_[0-9a-z]{13}")
NOT_THEIRS = ("/v1/schema/{name:str}",)
MOST = 2
"""How many of their things a query names, and a body."""

Ask = tuple[str, dict[str, Any], str]


def asks(route: Route, own: Furnished, theirs: Furnished, body: Any) -> Iterator[Ask]:
    """Requests that name something of theirs, and what they name."""
    mine, there = own.names(route) or ["x"] * len(route.places), route.places
    for at, place in enumerate(there):
        for name in theirs.known.get(place, [])[:2]:
            path = route.at(*mine[:at], name, *mine[at + 1 :])
            yield path, {} if body is None else {"json": own.real(body)}, name
    chosen = random.Random(f"{route.method} {route.path}")
    every_id = ids_of(theirs)
    for query in sorted(own_queries(route.handler) - {"limit", "cursor", "wait", "dry_run"}):
        for name in (MARK, *chosen.sample(every_id, MOST)):
            yield route.at(*mine), {"params": {query: name}}, name
    if body is not None and not isinstance(body, str):
        bent = [(one, name) for name in every_id for one in _bent(own.real(body), name)]
        for one, name in chosen.sample(bent, min(MOST, len(bent))):
            yield route.at(*mine), {"json": one}, name


def ids_of(house: Furnished) -> list[str]:
    return sorted({n for names in house.known.values() for n in names if ID.fullmatch(n)})


def _bent(value: Any, name: str) -> Iterator[Any]:
    if isinstance(value, str):
        yield name
    elif isinstance(value, dict):
        for key, member in value.items():
            for bent in _bent(member, name):
                yield {**value, key: bent}
    elif isinstance(value, list) and value:
        for bent in _bent(value[0], name):
            yield [bent, *value[1:]]


async def rows_of(server: Server, workspace_id: int) -> dict[str, Any]:
    """A digest of all that a workspace has, by table."""
    found = {}
    async with server.database.engine.connect() as connection:
        for table in metadata.tables.values():
            if "workspace_id" in table.c:
                query = text(
                    f"select md5(string_agg(t::text, '|' order by t::text)) from {table.name} t "
                    "where workspace_id = :number"
                )
                found[table.name] = await connection.scalar(query, {"number": workspace_id})
    return found


def leaks(answer: httpx.Response, ask: Ask) -> bool:
    """Whether an answer says what the first workspace wrote, and the request did not."""
    said = answer.text.lower() + str(answer.headers).lower()
    return MARK in said and MARK not in json.dumps(ask[1]).lower() + ask[0].lower()


async def test_what_is_theirs_is_not_here(server: Server) -> None:
    described = openapi.describe(server.app)
    async with server.client(server.token) as first:
        theirs = await furnish(server.app, first, described, **INSTEAD)
    _, token = await server.new_token("admin", workspace_id=await server.workspace("Other"))
    assert len(ids_of(theirs)) > 20
    faults, count = [], 0
    async with server.client(token) as second:
        own = await furnish(server.app, second, described)
        before = await rows_of(server, server.workspace_id)
        for route in every(server.app):
            if route.needs is None or route.path in STREAMS:
                continue
            body = example(described, route)[1]
            for ask in asks(route, own, theirs, body):
                count += 1
                path, more, name = ask
                answer = await second.request(route.method, path, **more)
                said = f"{route.method} {path} {str(more)[:200]}: {answer.status_code}"
                there = answer.is_success or answer.status_code == 403
                named = quote(name, safe="") in path and route.path not in NOT_THEIRS
                if (there and named) or answer.status_code >= 500 or leaks(answer, ask):
                    faults.append(f"{said} {answer.text[:200]}")
        after = await rows_of(server, server.workspace_id)
    faults += [f"{name} has changed" for name in after if after[name] != before[name]]
    assert count > 500, count
    assert not faults, "\n".join(faults)
