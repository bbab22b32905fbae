"""The OpenAPI description: what the framework knows of the routes, and the bodies they read.

Bodies are decoded by `bodies.read` and declared beside the handler with `reads(...)`; they are put
into the description here. Served at `/openapi.json`, without anything from another host.
"""

import re
from typing import Any, Final

import msgspec
from litestar import Litestar
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from headless import __version__
from headless.api import counting, examples
from headless.api.auth import DRY_RUN, mutates, needs_of, own_queries
from headless.api.commits import RENAMED
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
_REHEARSED: Final = {
    "title": "Rehearsed",
    "description": "What a request would have done; nothing was kept.",
    "type": "object",
    "properties": {
        "would": {
            "type": "object",
            "properties": {
                "status": {"type": "integer"},
                "changes": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "what": {"type": "string", "description": "the kind of row"},
                            "made": {"type": "integer"},
                            "changed": {"type": "integer"},
                            "deleted": {"type": "integer"},
                        },
                        "required": ["what", "made", "changed", "deleted"],
                    },
                },
            },
            "required": ["status", "changes"],
        }
    },
    "required": ["would"],
}
_MOVED: Final = {
    "description": "the thing has another name now: the same request again, at `Location`",
    "headers": {"Location": {"schema": {"type": "string"}}},
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"moved_to": {"type": "string"}},
                "required": ["moved_to"],
            }
        }
    },
}
_SDK_REFUSED: Final = {
    "description": "a refusal as the SDKs read it",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {
                    "success": {"type": "boolean", "const": False},
                    "type": {"type": "string"},
                    "code": {"type": "string", "enum": sorted(CATALOGUE)},
                    "message": {"type": "string", "description": "what happened, what to do"},
                },
                "required": ["success", "type", "code", "message"],
            }
        }
    },
}
_DRY_RUN: Final = {
    "name": DRY_RUN,
    "in": "query",
    "description": "`true`: every check and the answer, with `would`, and nothing is kept",
    "schema": {"type": "boolean", "default": False},
    "required": False,
}
_COUNT: Final = {
    "name": counting.NAME,
    "in": "query",
    "description": "how many there are, told with the first page: counted, or as the planner sees",
    "schema": {"type": "string", "enum": ["exact", "estimate"]},
    "required": False,
}
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "sent again with the same key, the request is answered again and not done again",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "required": False,
}
_IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "description": "the `ETag` of what was read: a save over somebody else's is refused (412)",
    "schema": {"type": "string", "pattern": "^[!-~]+$"},
    "required": False,
}
_PAGED: Final = re.compile(r"Page_[\w.]*?(\w+?)(?:Shape)?_(?=[\"])")
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
    parts |= {"Problem": _PROBLEM, "Rehearsed": _REHEARSED}
    bodies = _bodies([handler for handler, _ in handlers], parts)
    for handler, operation in handlers:
        told = (operation.get("description") or "").partition("\n")[0]
        operation["summary"] = told.partition(";")[0].rstrip(".")
        operation["operationId"] = handler.handler_name
        operation["responses"].pop("400", None)
        operation["responses"]["default"] = _REFUSED
        if "needs" in handler.opt:
            operation["x-scopes"] = list(needs_of(handler).scopes)
            _add_parameters(handler, operation)
        else:
            operation["security"] = []
        if handler in bodies:
            operation["requestBody"] = {"content": bodies[handler]}
        _add_answers(handler, operation)
        _open_answers(operation, parts)
        _add_examples(operation, parts)
    return schema


def also(status: int) -> dict[str, Any]:
    """For a handler's `opt`: another status that it answers with the same shape."""
    return {"also": status}


def speaks(*media: str, only: bool = False) -> dict[str, Any]:
    """For a handler's `opt`: media types besides JSON, or `only` they, that it answers with."""
    return {"speaks": media, "no_json": only}


def _add_parameters(handler: HTTPRouteHandler, operation: dict[str, Any]) -> None:
    """What routes take without reading it themselves, and what a path's names mean."""
    parameters: list[dict[str, Any]] = operation.setdefault("parameters", [])
    for parameter in parameters:
        if parameter["in"] == "path" and not parameter.get("description"):
            told = "its id, or its name, percent-encoded" if parameter["name"] == "name" else ""
            parameter["description"] = told or f"the `id` that answers show ({parameter['name']})"
    if mutates(handler) and DRY_RUN not in own_queries(handler):
        parameters.append(_DRY_RUN)
    if counting.is_list(handler):
        parameters.append(_COUNT)
    if "POST" in handler.http_methods:
        parameters.append(_KEY)
    if "If-Match" in operation.get("description", ""):
        parameters.append(_IF_MATCH)


def _add_answers(handler: BaseRouteHandler, operation: dict[str, Any]) -> None:
    """The answers that the framework does not know of."""
    answers = operation["responses"]
    status = handler.opt.get("also")
    first = next(iter(answers.values()))
    if handler.opt.get("no_json"):
        first["content"] = {}
    for media in handler.opt.get("speaks", ()):
        first["content"][media] = {"schema": {"type": "string"}}
    if _may_have_moved(handler):
        answers["308"] = _MOVED
    if handler.opt.get("write_key"):
        answers["400"] = _SDK_REFUSED
    if status is not None:
        answers[str(status)] = {**first, "description": "the same shape"}
    if "204" in answers and "needs" in handler.opt and mutates(handler):
        shape = {"schema": {"$ref": _REF.format(name="Rehearsed")}}
        told = "with `dry_run=true`: what would be done"
        answers["200"] = {"description": told, "content": {"application/json": shape}}


def _open_answers(operation: dict[str, Any], parts: dict[str, Any]) -> None:
    """What is read may be closed to members that are not known; an answer may grow."""
    for answer in operation["responses"].values():
        for body in answer.get("content", {}).values():
            shape = parts.get(body.get("schema", {}).get("$ref", "").rpartition("/")[2], {})
            if shape.get("additionalProperties") is False:
                body["schema"] = {k: v for k, v in shape.items() if k != "additionalProperties"}


def _may_have_moved(handler: BaseRouteHandler) -> bool:
    """Whether a path names what can be renamed."""
    parts = [*next(iter(handler.paths)).split("/"), "", ""]
    return parts[1] in RENAMED and parts[2] == "{name:str}" and "needs" in handler.opt


def _add_examples(operation: dict[str, Any], parts: dict[str, Any]) -> None:
    """An example beside each shape that is read or answered."""
    for media, body in operation.get("requestBody", {}).get("content", {}).items():
        if media in examples.TEXTS:
            body["example"] = examples.TEXTS[media]
        elif "schema" in body:
            body["example"] = examples.request("", body["schema"], parts)
    for answer in operation["responses"].values():
        for media, body in answer.get("content", {}).items():
            if "json" in media and body.get("schema"):
                body["example"] = examples.made(body["schema"], parts)


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
    """The description with `Page_headless.api.routes.contacts.ContactShape_` as `ContactPage`.

    Raises ValueError where two shapes would have the same name: one would hide the other.
    """
    text = msgspec.json.encode(schema).decode()
    names = {found[0]: f"{found[1]}Page" for found in _PAGED.finditer(text)}
    if len(set(names.values())) < len(names):
        twice = sorted(long for long in names if list(names.values()).count(names[long]) > 1)
        raise ValueError(f"shapes of one name: {', '.join(twice)}; rename all but one")
    short = _PAGED.sub(lambda found: names[found[0]], text)
    value: dict[str, Any] = msgspec.json.decode(short)
    return value


def _as_openapi(path: str) -> str:
    """`/contacts/{id:str}` as OpenAPI writes it."""
    return "/".join(
        "{" + part[1:-1].partition(":")[0] + "}" if part.startswith("{") else part
        for part in path.split("/")
    )
