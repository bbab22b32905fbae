"""The OpenAPI description: what the framework knows of the routes, and the bodies they read.

Bodies are decoded by `bodies.read` and declared beside the handler with `reads(...)`; they are put
into the description here. Served at `/openapi.json`, without anything from another host.
"""

import re
from typing import Any, Final

import msgspec
from litestar import Litestar
from litestar.handlers import BaseRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from headless import __version__
from headless.problems import CATALOGUE

CONFIG: Final = OpenAPIConfig(
    title="Headless",
    version=__version__,
    description="Marketing campaigns as a small language, run set by set over PostgreSQL.",
    path="/openapi",
    render_plugins=[JsonRenderPlugin(path="/litestar.json", favicon="")],
    components=Components(
        security_schemes={"token": SecurityScheme(type="http", scheme="bearer")},
    ),
    security=[{"token": []}],
    use_handler_docstrings=True,
)
_PROBLEM: Final = {
    "title": "Problem",
    "description": "A refusal (RFC 9457); `code` is what a program switches on.",
    "type": "object",
    "properties": {
        "type": {"type": "string", "description": "where the problem is explained"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": sorted(CATALOGUE)},
        "detail": {"type": "string", "description": "what happened, and what to do"},
        "request_id": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
        "diagnostics": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["type", "title", "status", "code", "detail", "request_id"],
}
_REFUSED: Final = {
    "description": "a refusal",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_REF: Final = "#/components/schemas/{name}"


class Reads(msgspec.Struct, frozen=True):
    """What a handler's body may be: a struct for JSON, and other media types as plain text."""

    json: Any = None
    media: tuple[str, ...] = ()


def reads(json: Any = None, *media: str) -> dict[str, Any]:
    """For a handler's `opt`: the body that it reads."""
    return {"reads": Reads(json, media)}


def describe(app: Litestar) -> dict[str, Any]:
    """The whole description as JSON values."""
    schema: dict[str, Any] = _shortened(app.openapi_schema.to_schema())
    handlers = [
        (handler, schema["paths"][_as_openapi(route.path)][method.lower()])
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        for method in handler.http_methods
        if method.lower() in schema["paths"].get(_as_openapi(route.path), {})
    ]
    parts = schema["components"].setdefault("schemas", {})
    parts["Problem"] = _PROBLEM
    bodies = _bodies([handler for handler, _ in handlers], parts)
    for handler, operation in handlers:
        told = (operation.get("description") or "").partition("\n")[0]
        operation["summary"] = told.partition(";")[0].rstrip(".")
        operation["operationId"] = handler.handler_name
        operation["responses"].pop("400", None)
        operation["responses"]["default"] = _REFUSED
        if "needs" not in handler.opt:
            operation["security"] = []
        if handler in bodies:
            operation["requestBody"] = {"content": bodies[handler]}
    return schema


def _bodies(handlers: list[BaseRouteHandler], parts: dict[str, Any]) -> dict[Any, dict[str, Any]]:
    """What the handlers read, by media type; the shapes that they are made of join `parts`."""
    reading = {h: h.opt["reads"] for h in handlers if isinstance(h.opt.get("reads"), Reads)}
    found = {h: {m: {"schema": {"type": "string"}} for m in r.media} for h, r in reading.items()}
    typed = [handler for handler, body in reading.items() if body.json is not None]
    shapes, components = msgspec.json.schema_components(
        [reading[handler].json for handler in typed], ref_template=_REF
    )
    parts.update(components)
    for handler, shape in zip(typed, shapes, strict=True):
        found[handler]["application/json"] = {"schema": shape}
    return found


def _shortened(schema: dict[str, Any]) -> dict[str, Any]:
    """The description with `Page_headless.api.routes.contacts.ContactShape_` as `ContactPage`."""
    text = msgspec.json.encode(schema).decode()
    short = re.sub(r"Page_[\w.]*?(\w+?)(?:Shape)?_(?=[\"])", r"\1Page", text)
    value: dict[str, Any] = msgspec.json.decode(short)
    return value


def _as_openapi(path: str) -> str:
    """`/contacts/{id:str}` as OpenAPI writes it."""
    return "/".join(
        "{" + part[1:-1].partition(":")[0] + "}" if part.startswith("{") else part
        for part in path.split("/")
    )
