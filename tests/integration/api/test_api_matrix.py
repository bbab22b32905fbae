"""Every route under /v1, found in the application itself: who gets in and who does not."""

import re

from api_server import Server

from headless.api import openapi
from headless.api.auth import Needs
from headless.workspace.tokens import SCOPES
from headless.workspace.zones import names

STREAMS = ("/v1/stream",)  # whoever gets in stays: see test_streams.py


def routes(server: Server) -> list[tuple[str, str, Needs]]:
    found = []
    for route in server.app.routes:
        if route.path.startswith("/v1"):
            for handler in getattr(route, "route_handlers", ()):
                if "write_key" in handler.opt:  # the SDKs' own: see test_sdk.py
                    continue
                for method in handler.http_methods - {"OPTIONS"}:
                    path = "/".join(
                        "nobody" if part.startswith("{") else part for part in route.path.split("/")
                    )
                    found.append((method, path, handler.opt["needs"]))
    return found


async def test_every_route_asks_for_a_token_and_a_scope(server: Server) -> None:
    found = routes(server)
    assert len(found) > 30
    for method, path, needs in found:
        async with server.client() as nobody:
            answer = await nobody.request(method, path)
        assert answer.status_code == 401, (method, path)
        assert answer.headers["content-type"] == "application/problem+json"
        others = [scope for scope in SCOPES if scope not in ("admin", *needs.scopes)]
        if needs.scopes:
            _, token = await server.new_token(*others)
            async with server.client(token) as poor:
                answer = await poor.request(method, path)
            assert answer.status_code == 403, (method, path)
        if path in STREAMS:
            continue
        for scope in (*needs.scopes, "admin"):
            _, token = await server.new_token(scope)
            async with server.client(token) as rich:
                answer = await rich.request(method, path)
            assert answer.status_code not in (401, 403, 405, 500), (method, path, answer.text)


async def test_every_route_is_described(server: Server) -> None:
    described = openapi.describe(server.app)
    shapes = described["components"]["schemas"]
    for shape in re.findall(r"#/components/schemas/([^\"']+)", str(described)):
        assert shape in shapes
    assert not [name for name in shapes if "." in name]
    names_ = [o["operationId"] for path in described["paths"].values() for o in path.values()]
    assert len(names_) == len(set(names_))
    for route in server.app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if route.path.startswith("/v1") and handler.resolve_include_in_schema():
                for method in handler.http_methods - {"OPTIONS"}:
                    path = "/".join(
                        "{" + part[1:-1].partition(":")[0] + "}" if part.startswith("{") else part
                        for part in route.path.split("/")
                    )
                    operation = described["paths"][path][method.lower()]
                    assert operation["description"], path
                    assert operation["tags"], path
                    assert ("reads" in handler.opt) == ("requestBody" in operation), path


async def test_postgresql_knows_every_time_zone_that_is_taken(server: Server) -> None:
    async with server.database.engine.connect() as connection:
        rows = await connection.exec_driver_sql("select name from pg_timezone_names")
        known = {row[0] for row in rows}
    assert set(names().values()) - known == set()
