"""`GET /v1/catalogue`: everything that a campaign's text may name, in one document."""

import hashlib
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from headless.api.auditing import shows_nobody
from headless.api.auth import Caller, needs
from headless.api.shapes import Instant, instant
from headless.dsl.catalogue import Catalogue
from headless.workspace import catalogue, workspaces


class CatalogueShape(msgspec.Struct, frozen=True):
    """What the checker reads, of which workspace, as it was when."""

    workspace: str
    made_at: Instant
    catalogue: Catalogue


@get("/catalogue", opt={**needs("campaigns:read"), **shows_nobody()}, tags=["Language"])
async def get_catalogue(request: Request[Any, Any, Any], call: Caller) -> Response[CatalogueShape]:
    """Everything that a campaign's text may name: for editors, and for CI without a database.

    Save it and run `headless check --catalogue FILE`. With `If-None-Match` the answer is a 304
    while nothing has changed.
    """
    async with call.transaction() as tx:
        workspace = await workspaces.find(tx, call.workspace_id)
        known = await catalogue.load(tx, call.workspace_id)
    digest = hashlib.sha256(msgspec.json.encode(known, order="deterministic")).hexdigest()[:16]
    headers = {"ETag": f'"{digest}"'}
    if request.headers.get("if-none-match", "").strip() == headers["ETag"]:
        return Response(b"", status_code=304, headers=headers)  # type: ignore[arg-type] # no body
    return Response(CatalogueShape(workspace.name, instant(call.now), known), headers=headers)


HANDLERS: Final[list[HTTPRouteHandler]] = [get_catalogue]
