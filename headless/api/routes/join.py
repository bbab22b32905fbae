"""`/join/{ticket}`: where an invitation leads, for people with a browser and for programs.

Looking at the page changes nothing, for scanners follow links; the press of its button, or a POST,
makes the member and shows their token once.
"""

from html import escape
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from headless import ids
from headless.api import problems
from headless.api.auth import house_of
from headless.api.page import page
from headless.api.routes.members import ColleagueShape, shape
from headless.api.shapes import Instant, maybe_instant
from headless.workspace import audit, members, workspaces

_QUIET: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class JoinedShape(msgspec.Struct, frozen=True):
    """Who has joined; `token` is what to send as `Authorization: Bearer …`, shown now only."""

    token: str
    token_id: str
    expires_at: Instant | None
    member: ColleagueShape


@get("/join/{ticket:str}", include_in_schema=False)
async def ask_join(request: Request[Any, Any, Any], ticket: FromPath[str]) -> Response[Any]:
    """The page that asks whether to join."""
    house = house_of(request)
    async with house.database.transaction() as tx:
        workspace_id, held = await members.ticketed(tx, ticket, now=house.clock.now())
        workspace = await workspaces.find(tx, workspace_id)
    body = (
        f"<p>You are invited to <b>{escape(workspace.name)}</b> as {held.role}. You will be shown "
        "a token once; it is what you, and the command line for you, come in with.</p>"
        '<form method="post"><button>Join</button></form>'
    )
    return page(f"Join {workspace.name}, {held.name}", body)


@post("/join/{ticket:str}", include_in_schema=False, status_code=201)
async def join(request: Request[Any, Any, Any], ticket: FromPath[str]) -> Response[Any]:
    """Become a member: a page with the token, or JSON for who asks for it."""
    house = house_of(request)
    now = house.clock.now()
    async with house.database.transaction() as tx:
        joined = await members.accept(tx, ticket, now=now)
        await audit.record(
            tx,
            joined.workspace_id,
            actor=ids.encode("mem", joined.member.id),
            act="join_workspace",
            subject=ids.encode("mem", joined.member.id),
            detail={"role": joined.member.role, "request_id": problems.request_id(request.scope)},
            now=now,
        )
    if "text/html" in request.headers.get("accept", ""):
        told = (
            "<p>Welcome. Keep this token; it is not shown again:</p>"
            f"<pre>{escape(joined.text)}</pre>"
            "<p><code>export HEADLESS_TOKEN=…</code>, then <code>headless campaigns list</code></p>"
        )
        shown = page(f"Hello {joined.member.name}", told, status=201)
        shown.headers["Cache-Control"] = "no-store"
        return shown
    answer = JoinedShape(
        joined.text,
        ids.encode("tok", joined.token.id),
        maybe_instant(joined.token.expires_at),
        shape(joined.member),
    )
    return Response(answer, status_code=201, headers=_QUIET)


HANDLERS: Final[list[HTTPRouteHandler]] = [ask_join, join]
