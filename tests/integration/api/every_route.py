"""Every route that the application has, and a workspace that has one of each thing.

Found in the application and its description, so that a new route is tried without anybody thinking
of it.
"""

import json
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from headless.api.auth import Needs
from headless.api.examples import SAMPLES

STREAMS = ("/v1/stream", "/v1/campaigns/{name:str}/stream")
"""Whoever gets in there stays."""
_ENDS = ("stop", "archive", "drop", "remove", "merge", "rotate", "pause", "hold", "replay")
"""What furnishing leaves out: afterwards there would be less."""


class Route(NamedTuple):
    """A method at a path, written as the application writes it: `/v1/contacts/{contact_id:str}`."""

    method: str
    path: str
    handler: HTTPRouteHandler

    @property
    def needs(self) -> Needs | None:
        """The scopes that it asks for; None for what is public, or has keys of its own."""
        return self.handler.opt.get("needs")

    @property
    def places(self) -> list[str]:
        """For each name in the path the collection that it stands in."""
        return list(places(self.path).values())

    @property
    def described(self) -> str:
        """The path as OpenAPI writes it."""
        parts = (p[1:-1].partition(":")[0] if p[:1] == "{" else p for p in self.path.split("/"))
        return "/".join(
            "{" + name + "}" if part[:1] == "{" else name
            for name, part in zip(parts, self.path.split("/"), strict=True)
        )

    def at(self, *names: str) -> str:
        """The path with these names in it, percent-encoded."""
        left = iter(names)
        return "/".join(
            quote(next(left), safe="") if part[:1] == "{" else part for part in self.path.split("/")
        )


def places(path: str) -> dict[str, str]:
    """For each name in a path the collection that it stands in: `/v1/contacts/{}/devices`."""
    found, walked = {}, ""
    for part in path.split("/")[1:]:
        if part.startswith("{"):
            found[part[1:-1].partition(":")[0]] = walked
            part = "{}"
        walked += f"/{part}"
    return found


def every(app: Litestar) -> list[Route]:
    """All of them, but for what the framework answers itself (`OPTIONS`)."""
    return sorted(
        (
            Route(method, route.path, handler)
            for route in app.routes
            for handler in getattr(route, "route_handlers", ())
            for method in handler.http_methods - {"OPTIONS", "HEAD"}
        ),
        key=lambda route: route[:2],
    )


def example(described: dict[str, Any], route: Route) -> tuple[str, Any]:
    """The media type and the body of the description's example; empty where nothing is read."""
    operation = described["paths"].get(route.described, {}).get(route.method.lower(), {})
    content = operation.get("requestBody", {}).get("content", {})
    media = "application/json" if "application/json" in content else next(iter(content), "")
    return media, content.get(media, {}).get("example")


def members(schema: dict[str, Any], described: dict[str, Any]) -> dict[str, Any]:
    """The members that a shape may have, with their schemas; those of all shapes of a choice."""
    if "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    found: dict[str, Any] = {}
    for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        found |= members(one, described)
    return found | schema.get("properties", {})


def body_schema(described: dict[str, Any], route: Route) -> dict[str, Any]:
    """What a route's JSON body looks like; empty where it reads none."""
    operation = described["paths"].get(route.described, {}).get(route.method.lower(), {})
    content = operation.get("requestBody", {}).get("content", {})
    schema: dict[str, Any] = content.get("application/json", {}).get("schema", {})
    return schema


class Furnished:
    """What there is in a workspace: ids and names by the collection in which they stand."""

    def __init__(self) -> None:
        self.known: dict[str, list[str]] = {}

    def names(self, route: Route) -> list[str] | None:
        """Names for a path, of what is there; None where nothing of the kind is."""
        found = [self.known.get(place, []) for place in route.places]
        return [one[0] for one in found] if all(found) else None

    def note(self, place: str, answer: httpx.Response) -> None:
        """Remember what an answer says that was made."""
        if answer.status_code not in (201, 202) or "json" not in answer.headers["content-type"]:
            return
        whole = answer.json()
        made = [whole.get(name) for name in ("id", "name")] if isinstance(whole, dict) else []
        where, _, last = answer.headers.get("location", "").rpartition("/")
        if where.startswith("/v1/") and where not in (place, "/v1"):
            self.known.setdefault(where, []).append(last)
        elif made[:1] and isinstance(made[0], str):
            self.known.setdefault(place, []).extend(str(one) for one in made if one)

    def real(self, body: Any) -> Any:
        """A body in which the examples' contact is one that is there."""
        text = json.dumps(body)
        for contact in self.known.get("/v1/contacts", [])[:1]:
            text = text.replace(SAMPLES["contact_id"], contact)
        return json.loads(text)


async def furnish(
    app: Litestar, client: httpx.AsyncClient, described: dict[str, Any], **instead: str
) -> Furnished:
    """Make one of each thing that an example makes; most take what an earlier one has made.

    `instead` is written in the place of words of the examples.
    """
    house = Furnished()
    making = [
        route
        for route in every(app)
        if route.method == "POST"
        and route.path.startswith("/v1/")
        and route.needs is not None
        and not set(route.path.split("/")) & set(_ENDS)
    ]
    making.sort(key=lambda route: len(route.places))
    done: set[str] = set()
    for _ in range(2):
        for route in [one for one in making if one.path not in done]:
            media, body = example(described, route)
            names = house.names(route)
            if names is None or (body is None and not names):
                continue
            raw = body if isinstance(body, str) else json.dumps(house.real(body))
            for word, other in instead.items():
                raw = raw.replace(word, other)
            answer = await client.post(
                route.at(*names),
                content=b"" if body is None else raw.encode(),
                headers={"Content-Type": media or "application/json"},
            )
            assert answer.status_code < 500, (route.path, answer.text)
            if answer.status_code in (409, 428) and "plan" in answer.text:
                plan = answer.json().get("plan", {})
                agreed = plan.get("hash") if isinstance(plan, dict) else plan
                answer = await client.post(route.at(*names), json={"plan": agreed})
            house.note(_filled(route), answer)
            if answer.is_success:
                done.add(route.path)
    return house


def _filled(route: Route) -> str:
    return "/".join("{}" if part[:1] == "{" else part for part in route.path.split("/"))
