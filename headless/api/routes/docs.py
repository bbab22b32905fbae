"""What can be read about the API on its own host: OpenAPI, an overview, and each problem.

Nothing here loads from anywhere else.
"""

from functools import cache
from html import escape
from typing import Any, Final

import msgspec
from litestar import Litestar, MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from headless.api import bodies, openapi, problems
from headless.api.page import page
from headless.dsl import codes
from headless.problems import CATALOGUE, Problem

_METHODS: Final = ("get", "post", "put", "patch", "delete")


class _Written(msgspec.Struct, frozen=True):
    """The description as it is served; to make it takes longer than most requests."""

    json: bytes
    page: str
    lines: str


def _written(app: Litestar) -> _Written:
    """What an application's routes come to; they never change, so it is made once."""
    made: _Written | None = app.state.get("written")
    if made is None:
        described = openapi.describe(app)
        made = _Written(msgspec.json.encode(described), _routes(described), _lines(described))
        app.state.written = made
    return made


@get("/openapi.json", include_in_schema=False)
async def description(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The OpenAPI 3.1 description."""
    return Response(_written(request.app).json, media_type="application/vnd.oai.openapi+json")


@get("/docs", include_in_schema=False, media_type=MediaType.HTML)
async def overview(request: Request[Any, Any, Any]) -> Response[str]:
    """Every route on one page."""
    return page("Headless API", _written(request.app).page)


@get("/llms.txt", include_in_schema=False)
async def for_machines(request: Request[Any, Any, Any]) -> Response[str]:
    """What there is, in the few lines that a language model reads first."""
    return bodies.plain(_written(request.app).lines)


def _lines(described: dict[str, Any]) -> str:
    lines = [
        "# Headless",
        "",
        "> Marketing campaigns as a small language, run set by set over PostgreSQL. Everything is "
        "done over HTTP with a bearer token; begin with `GET /v1/whoami`.",
        "",
        "- Refusals are RFC 9457 problems; switch on `code`, and read `detail`: it says what to do",
        "- `?dry_run=true` on whatever changes something answers with `would` and keeps nothing",
        "- `POST /v1/check` says what is wrong with a campaign's text, with the fix",
        "",
        "## Read more",
        "",
        "- [OpenAPI 3.1](/openapi.json): every route with shapes and examples",
        "- [All routes on one page](/docs)",
        "- [All problems](/problems)",
    ]
    by_tag: dict[str, list[str]] = {}
    for path, operations in described["paths"].items():
        for method in _METHODS:
            if operation := operations.get(method):
                tag = (operation.get("tags") or ["Other"])[0]
                link = f"[{method.upper()} {path}](/docs#{operation['operationId']})"
                by_tag.setdefault(tag, []).append(f"- {link}: {operation['summary']}")
    for tag, routes in by_tag.items():
        lines += ["", f"## {tag}", "", *routes]
    return "\n".join(lines) + "\n"


@get("/problems", include_in_schema=False)
async def problem_list() -> dict[str, list[dict[str, Any]]]:
    """Every problem that the API can answer with."""
    return {"data": [found for code in CATALOGUE if (found := problems.explained(code))]}


@get("/problems/{code:str}", include_in_schema=False)
async def problem(request: Request[Any, Any, Any], code: FromPath[str]) -> Response[Any]:
    """One problem: what it means and what to do."""
    found = problems.explained(code.replace("-", "_"))
    if found is None:
        raise Problem("not_found", f"there is no problem `{code[:60]}`; see `/problems`")
    if "text/html" not in request.headers.get("accept", ""):
        return Response(found)
    body = (
        f"<p><code>{found['code']}</code> · status {found['status']}</p>"
        f"<p>{escape(found['explanation'])}</p>"
        '<p><a href="/problems">all problems</a> · <a href="/docs">all routes</a></p>'
    )
    return page(found["title"], body)


@get("/docs/errors/{code:str}", include_in_schema=False)
async def diagnostic(request: Request[Any, Any, Any], code: FromPath[str]) -> Response[Any]:
    """One diagnostic of the language: cause, example and fix, as the documentation has it."""
    known = next((one for one in codes.CODES if one.code == code.upper()), None)
    if known is None:
        raise Problem("not_found", f"there is no diagnostic `{code[:20]}`")
    text = codes.page(known)
    if "text/html" not in request.headers.get("accept", ""):
        return bodies.plain(text)
    return page(f"{known.code}: {known.title}", f"<pre>{escape(text)}</pre>")


@cache
def _anchor(tag: str) -> str:
    return tag.lower().replace(" ", "-")


def _routes(schema: dict[str, Any]) -> str:
    by_tag: dict[str, list[str]] = {}
    for path, operations in schema["paths"].items():
        for method in _METHODS:
            if operation := operations.get(method):
                tag = (operation.get("tags") or ["Other"])[0]
                by_tag.setdefault(tag, []).append(_route(path, method, operation))
    menu = " · ".join(f'<a href="#{_anchor(tag)}">{escape(tag)}</a>' for tag in by_tag)
    sections = "".join(
        f'<h2 id="{_anchor(tag)}">{escape(tag)}</h2>{"".join(rows)}' for tag, rows in by_tag.items()
    )
    start = (
        "<p>Send <code>Authorization: Bearer &lt;token&gt;</code>; "
        'begin with <code>GET /v1/whoami</code>. Machines read <a href="/openapi.json">'
        '/openapi.json</a>; refusals are listed under <a href="/problems">/problems</a>.</p>'
    )
    return f"{start}<p>{menu}</p>{sections}"


def _route(path: str, method: str, operation: dict[str, Any]) -> str:
    queries = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"]
    asked = f" <small>?{'&amp;'.join(map(escape, queries))}</small>" if queries else ""
    reads = ", ".join(operation.get("requestBody", {}).get("content", {}))
    body = f" <small>reads {escape(reads)}</small>" if reads else ""
    told = escape(operation.get("description") or operation.get("summary") or "")
    scopes = operation.get("x-scopes", ())
    scoped = f" <small>scope {escape(' or '.join(scopes))}</small>" if scopes else ""
    return (
        f'<div class="row" id="{operation["operationId"]}">'
        f"<code><b>{method.upper()}</b> {escape(path)}</code>{asked}{body}{scoped}"
        f"<p>{told}</p>{_details(operation)}</div>"
    )


def _details(operation: dict[str, Any]) -> str:
    """What is sent and answered, and what each parameter means, folded away."""
    parts = [
        f"<dt><code>{escape(one['name'])}</code> ({one['in']})</dt>"
        f"<dd>{escape(one.get('description', ''))}</dd>"
        for one in operation.get("parameters", ())
    ]
    shown = f"<dl>{''.join(parts)}</dl>" if parts else ""
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        shown += _example(f"send {media}", content)
    for status, answer in operation["responses"].items():
        for content in answer.get("content", {}).values():
            if status != "default":
                shown += _example(f"answer {status}", content)
    return f"<details><summary>parameters, examples</summary>{shown}</details>" if shown else ""


def _example(label: str, content: dict[str, Any]) -> str:
    if "example" not in content:
        return ""
    value = content["example"]
    if not isinstance(value, str):
        value = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return f"<p><small>{escape(label)}</small></p><pre>{escape(value)}</pre>"


HANDLERS: Final[list[HTTPRouteHandler]] = [
    description, overview, for_machines, problem_list, problem, diagnostic,
]  # fmt: skip
