"""Write `docs/api.md` from the API's own OpenAPI description.

Run it after a route, a parameter or a docstring has changed: `python docs/write_api_page.py`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from litestar import Litestar

from headless.api import counting, openapi
from headless.api.app import build
from headless.api.auth import Needs
from headless.problems import CATALOGUE
from headless.settings import load
from headless.storage.database import connect

PAGE = Path(__file__).parent / "api.md"
METHODS = ("get", "post", "put", "patch", "delete")
START = """\
# The HTTP API

This page is made from the API's own description, which a running server answers at
`/openapi.json` (OpenAPI 3.1) and shows at `/docs`. Shapes of bodies and answers stand there.

## What holds everywhere

- **Token**: `Authorization: Bearer hk_...`. A token belongs to one workspace; what is in another
  one is a 404. It has scopes, and each route says which of them do; `admin` does for all. Begin
  with `GET /v1/whoami`.
- **Names**: where a path says `{name}`, the percent-encoded name or the id will do.
- **Ids** are opaque, with a prefix: `con_`, `cmp_`, `eml_`, `seg_`, `msg_`, `job_` and so on.
- **Lists** answer `{"data": [...], "next_cursor": "..."}`; pass `cursor` back, with the same
  filters, until it is null. `limit` is 50, at most 500. With `?count=exact` the first page has
  `count`, how many there are; `count=estimate` asks the planner, and costs nothing.
- **More at once**: `?include=stats,versions` (campaigns) or `?include=consents` (contacts) spares a
  call for each.
- **Times** are RFC 3339 in UTC, in members that end in `_at`.
- **Unknown fields and parameters** are refused, with the nearest name that exists.
- **Text**: campaigns are sent as `text/plain` or as `{"source": "..."}`. With `Accept: text/plain`,
  check, format, explain, stats and why answer what a terminal shows.
- **Saving over somebody**: what is edited has an `ETag` (campaigns, segments, emails, texts, forms,
  pages, channels, topics, webhooks, the workspace); a save with `If-Match` is refused (412) if it
  has changed since.
- **Renaming** keeps the id; for thirty days the old name answers every method with a 308 to it.
- **Rehearsing**: whatever changes something takes `?dry_run=true`: the same checks and the answer
  that there would be, with `would` (the rows made, changed and deleted, by kind) and the header
  `Headless-Dry-Run: true`; nothing is kept and no key is used up.
- **Whole or not at all**: what a request does is kept when its answer is known, together with its
  entry in the audit (`GET /v1/audit`), or not kept. Imports and activities are kept piece by piece.
- **Sending again**: every POST takes an `Idempotency-Key` (1 to 255 characters). For 24 hours the
  same request with the same key is not done again: it gets the same status, headers and body, with
  `Idempotent-Replayed: true`. Another body or query under the key is a 422 `key_reused`, a request
  that still runs a 409 `key_busy`. A 408, 429 or 5xx is not kept. A request whose server died frees
  its key after ten minutes.
- **Limits**: each token has budgets for reads, writes and ingest (activities), by the minute.
  Answers say them in `RateLimit-Policy: "reads";q=3000;w=60` and what is left in
  `RateLimit: "reads";r=2999;t=1`; a 429 says in `Retry-After` how many seconds to wait.
- **Bodies** may have 1 MB, batches 5 MB; imports are streamed and have no limit. A body that takes
  longer than `HEADLESS_BODY_SECONDS`, and a second for each 2 KB of it, is answered 408.
- **Plans**: what concerns many people (starting a campaign, a new version of it, a bulk change of
  contacts) is asked for twice: the first answer (428) is the plan, the same request with the plan's
  hash does it, or is refused (409) when things have moved since.

## Without a token

Signed links in mails: `GET /o/{token}.gif` (open), `GET /c/{token}` (click), `GET /u/{token}` (a
page of choices) and `POST /u/{token}` (unsubscribe, in one click by RFC 8058; or the choices), `GET
/s/{token}` and `POST /s/{token}` (a page with a button that confirms an address). Only on `headless
dev`, without a token as well:

| route | does |
| --- | --- |
| `GET /dev/inbox` | the mails, as pages or JSON; `?to=`, `?wait=` seconds, `?after=` an id |
| `GET /dev/inbox/{id}` | one mail; `/html` its body, `/raw` its bytes |
| `POST /dev/inbox/{id}/open`, `/click`, `/unsubscribe` | what a reader would do |
"""
REFUSALS = """
## Refusals

Problem details (RFC 9457): `type`, `title`, `status`, `code`, `detail`, `request_id`, and where it
helps `errors` with JSON pointers or `diagnostics` with spans. Switch on `code`; `GET
/problems/{code}` explains it.

| status | code | title |
| --- | --- | --- |
"""


def description() -> dict[str, Any]:
    """The OpenAPI description of the application; asks no database.

    Each operation under `/v1` also says in `x-scopes` which scopes of a token do.
    """
    settings = load(
        {"HEADLESS_SECRET_KEYS": "no link is ever signed with this key".replace(" ", "-")}
    )
    app = build(connect("postgresql://nobody@localhost/nothing"), settings)
    described = openapi.describe(app)
    for path, method, scopes in _scopes(app):
        described["paths"][path][method]["x-scopes"] = scopes
    return described


def _scopes(app: Litestar) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if isinstance(needed := handler.opt.get("needs"), Needs):
                path = re.sub(r":\w+}", "}", route.path)
                yield from ((path, m.lower(), needed.scopes) for m in handler.http_methods)


def page(described: dict[str, Any]) -> str:
    """The page for a description."""
    by_tag: dict[str, list[str]] = {}
    for path, operations in described["paths"].items():
        for method in METHODS:
            if operation := operations.get(method):
                by_tag.setdefault(operation["tags"][0], []).append(_route(path, method, operation))
    chapters = "".join(f"\n## {tag}\n{''.join(routes)}" for tag, routes in by_tag.items())
    refusals = "".join(
        f"| {status} | `{code}` | {title} |\n" for code, (status, title) in CATALOGUE.items()
    )
    return START + chapters + REFUSALS + refusals


def _route(path: str, method: str, operation: dict[str, Any]) -> str:
    lines = [f"\n### `{method.upper()} {path}`\n\n{operation['description'].strip()}\n"]
    asked = [
        one
        for one in operation.get("parameters", ())
        if one["in"] == "query" and one["name"] not in (openapi.DRY_RUN, counting.NAME)
    ]
    if asked:
        lines.append(f"\nQuery: {', '.join(_parameter(one) for one in asked)}.\n")
    if (scopes := operation.get("x-scopes")) is not None:
        named = " or ".join(f"`{scope}`" for scope in scopes)
        lines.append(f"\nScope: {named or 'any token'}.\n")
    if reads := operation.get("requestBody", {}).get("content", {}):
        lines.append(f"\nReads: {', '.join(_body(media, reads[media]) for media in reads)}.\n")
    return "".join(lines)


def _parameter(one: dict[str, Any]) -> str:
    told = f"`{one['name']}`"
    return f"{told} ({one['description']})" if one.get("description") else told


def _body(media: str, content: dict[str, Any]) -> str:
    name = content["schema"].get("$ref", "").rpartition("/")[2]
    return f"`{media}` ({name})" if name else f"`{media}`"


if __name__ == "__main__":
    PAGE.write_text(page(description()), encoding="utf-8")
