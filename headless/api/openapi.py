"""The OpenAPI description: what the framework knows of the routes, and the bodies they read.

Bodies are decoded by `bodies.read` and declared beside the handler with `reads(...)`; they are put
into the description here. Served at `/openapi.json`, without anything from another host.
"""

from typing import Any, Final

import msgspec
from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from headless import __version__

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
    schema: dict[str, Any] = app.openapi_schema.to_schema()
    parts = schema.setdefault("components", {}).setdefault("schemas", {})
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            body = handler.opt.get("reads")
            if isinstance(body, Reads):
                content = {media: {"schema": {"type": "string"}} for media in body.media}
                if body.json is not None:
                    (shape,), found = msgspec.json.schema_components([body.json], ref_template=_REF)
                    parts.update(found)
                    content["application/json"] = {"schema": shape}
                path = schema["paths"].get(_as_openapi(route.path), {})
                for method in handler.http_methods:
                    if method.lower() in path:
                        path[method.lower()]["requestBody"] = {"content": content}
    return schema


def _as_openapi(path: str) -> str:
    """`/contacts/{id:str}` as OpenAPI writes it."""
    return "/".join(
        "{" + part[1:-1].partition(":")[0] + "}" if part.startswith("{") else part
        for part in path.split("/")
    )
