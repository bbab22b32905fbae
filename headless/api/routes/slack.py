"""`/slack`: what Slack sends, the pages of an installation and of a link; `/v1/slack` for admins.

What Slack sends is proved by its signature, the pages by a ticket that holds once.
"""

from html import escape
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from headless.api import bodies
from headless.api.auth import Caller, house_of, needs
from headless.api.openapi import reads
from headless.api.page import page
from headless.api.shapes import Instant, instant
from headless.problems import Problem
from headless.slack.face import Face, listens
from headless.slack.installing.oauth import COOKIE
from headless.slack.installing.oauth import Page as Shown
from headless.slack.people import links
from headless.slack.teams import installations, tickets
from headless.slack.teams.installations import DefaultRole, Installation, State

_BODY_LIMIT: Final = 1024 * 1024
_FORM_LIMIT: Final = 16 * 1024
_COOKIE_SECONDS: Final = 600
_OURS: Final = frozenset(("content-length", "content-type"))


class Ticket(msgspec.Struct, frozen=True):
    """A link to open once, within ten minutes, by whoever may install apps in the Slack team."""

    url: str
    expires_at: Instant


class TokenInstall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bot token from the app's own page, and who is to be admin: a Slack user's id or address."""

    token: Annotated[str, msgspec.Meta(max_length=500, pattern="^xoxb-")]
    admin: Annotated[str, msgspec.Meta(min_length=2, max_length=320)]


class LinkWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ticket that `/campaign link` gave."""

    ticket: Annotated[str, msgspec.Meta(min_length=10, max_length=100)]


class SlackLink(msgspec.Struct, frozen=True):
    """Who was tied to whom."""

    team_id: str
    user_id: str
    member: str


class SlackTeam(msgspec.Struct, frozen=True):
    """One installation; `state` is `gone` when Slack took it away, with the `reason`."""

    team_id: str
    name: str
    state: State
    reason: str | None
    scopes: tuple[str, ...]
    default_role: DefaultRole
    installed_by: str
    created_at: Instant
    updated_at: Instant


class SlackTeams(msgspec.Struct, frozen=True):
    """All installations of the workspace; `listening` is whether the server has an app at all."""

    listening: bool
    data: list[SlackTeam]


def _face(request: Request[Any, Any, Any]) -> Face:
    face: Face | None = request.app.state.slack
    if face is None:
        raise Problem(
            "not_found", "Slack is not set up here: HEADLESS_SLACK_SIGNING_SECRET is not set"
        )
    return face


def _shown(made: Installation) -> SlackTeam:
    return SlackTeam(
        team_id=made.team_id,
        name=made.name,
        state=made.state,
        reason=made.reason,
        scopes=made.scopes,
        default_role=made.default_role,
        installed_by=made.installed_by,
        created_at=instant(made.created_at),
        updated_at=instant(made.updated_at),
    )


def _as_page(request: Request[Any, Any, Any], shown: Shown) -> Response[Any]:
    if shown.to is not None and shown.status == 302:
        secure = house_of(request).settings.url.startswith("https")
        cookie = Cookie(
            COOKIE,
            path="/slack",
            value=shown.cookie,
            max_age=_COOKIE_SECONDS,
            httponly=True,
            secure=secure,
            samesite="lax",
        )
        headers = {"Location": shown.to, "Cache-Control": "no-store"}
        return Response(None, status_code=302, headers=headers, cookies=[cookie])
    body = f"<p>{escape(shown.text)}</p>"
    if shown.to is not None:
        body += f'<p><a href="{escape(shown.to)}">Open Slack</a></p>'
    return page(shown.title, body, status=shown.status)


@post(
    "/slack/events",
    include_in_schema=False,
    status_code=200,
    request_max_body_size=_BODY_LIMIT,
)
async def take_events(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Commands, clicks, windows and events, signed by Slack."""
    answer = await _face(request).receiver.take(await request.body(), request.headers)
    kept = {name.lower(): value for name, value in answer.headers}
    return ASGIResponse(
        body=answer.body,
        status_code=answer.status,
        media_type=kept.get("content-type", "text/plain"),
        headers=[pair for pair in kept.items() if pair[0] not in _OURS],
    )


@get("/slack/install", include_in_schema=False)
async def begin_install(request: Request[Any, Any, Any]) -> Response[Any]:
    """On to Slack, for whoever holds a ticket."""
    shown = await _face(request).installing.begin(request.query_params.get("ticket", ""))
    return _as_page(request, shown)


@get("/slack/oauth_redirect", include_in_schema=False)
async def finish_install(request: Request[Any, Any, Any]) -> Response[Any]:
    """Back from Slack, with a code."""
    query = request.query_params
    shown = await _face(request).installing.finish(
        state=query.get("state", ""),
        code=query.get("code"),
        error=query.get("error"),
        cookie=request.cookies.get(COOKIE, ""),
    )
    return _as_page(request, shown)


@get("/slack/link", include_in_schema=False)
async def ask_link(request: Request[Any, Any, Any]) -> Response[str]:
    """The page behind `/campaign link`; looking at it ties nobody."""
    house, ticket = house_of(request), request.query_params.get("ticket", "")
    async with house.database.glance() as tx:
        name = await links.offered(tx, ticket, now=house.clock.now())
    if name is None:
        return page("This link is spent", "<p>Ask for another: /campaign link</p>", status=410)
    return page(
        "Link your Slack account",
        f"<p>{escape(name)} in Slack becomes you in Headless. Show that it is you with an API "
        "token of your own; it is not kept.</p>"
        f'<form method="post"><input type="hidden" name="ticket" value="{escape(ticket)}">'
        '<p><input type="password" name="token" autocomplete="off" size="45" '
        'aria-label="API token"></p><button>Link</button></form>',
    )


@post("/slack/link", include_in_schema=False, status_code=200, request_max_body_size=_FORM_LIMIT)
async def tie_link(request: Request[Any, Any, Any]) -> Response[str]:
    """The button: ticket and token together."""
    house, form = house_of(request), await request.form()
    ticket, token = str(form.get("ticket", "")), str(form.get("token", ""))
    try:
        async with house.database.transaction() as tx:
            made = await links.tie(tx, ticket, token, now=house.clock.now())
    except Problem as problem:
        return page("Not linked", f"<p>{escape(problem.detail)}</p>", status=problem.status)
    return page("Linked", f"<p>You are {escape(made.member)} in Slack too.</p>")


@post("/slack/install", opt=needs("admin"), tags=["Slack"], status_code=201)
async def make_ticket(request: Request[Any, Any, Any], call: Caller) -> Ticket:
    """Make a link that installs the Slack app for this workspace: for ten minutes, and once."""
    async with call.transaction() as tx:
        ticket = await tickets.make(
            tx, call.workspace_id, "install", {"token": call.token.id}, now=call.now
        )
    url = f"{house_of(request).settings.url}/slack/install?ticket={ticket}"
    return Ticket(url, instant(call.now + tickets.LIVES))


@get("/slack/installations", opt=needs("admin"), tags=["Slack"])
async def list_teams(request: Request[Any, Any, Any], call: Caller) -> SlackTeams:
    """The Slack teams that belong to this workspace, those that are gone too."""
    async with call.transaction() as tx:
        found = await installations.listing(tx, call.workspace_id)
    return SlackTeams(listens(house_of(request).settings), [_shown(one) for one in found])


@post(
    "/slack/installations",
    opt={**needs("admin"), **reads(TokenInstall)},
    tags=["Slack"],
    status_code=201,
)
async def install_token(request: Request[Any, Any, Any], call: Caller) -> SlackTeam:
    """Install the app with a bot token from its own page, as Socket Mode on a laptop needs it."""
    body = await bodies.read(request, TokenInstall)
    installing = _face(request).installing
    grant = await installing.grant_of(body.token, body.admin)
    async with call.transaction() as tx:
        made = await installing.install(tx, call.workspace_id, grant, now=call.now)
    return _shown(made)


@delete("/slack/installations/{team_id:str}", opt=needs("admin"), tags=["Slack"], status_code=204)
async def forget_team(call: Caller, team_id: FromPath[str]) -> None:
    """Forget a Slack team's token and what was still to be said there."""
    async with call.transaction() as tx:
        known = await installations.listing(tx, call.workspace_id)
        if team_id not in {one.team_id for one in known}:
            raise Problem("not_found", f"there is no Slack team `{team_id[:40]}` here")
        reason = "an admin ended it"
        await installations.end(tx, call.workspace_id, [team_id], reason, now=call.now)


@post("/slack/link", opt={**needs(), **reads(LinkWrite)}, tags=["Slack"])
async def tie_by_token(request: Request[Any, Any, Any], call: Caller) -> SlackLink:
    """Tie the Slack account that a ticket was made for to the member whose token this is."""
    body = await bodies.read(request, LinkWrite)
    async with call.transaction() as tx:
        made = await links.tie_owner(
            tx, body.ticket, call.workspace_id, call.token.id, now=call.now
        )
    return SlackLink(made.team_id, made.user_id, made.member)


PUBLIC: Final[list[HTTPRouteHandler]] = [
    take_events, begin_install, finish_install, ask_link, tie_link,
]  # fmt: skip
HANDLERS: Final[list[HTTPRouteHandler]] = [
    make_ticket, list_teams, install_token, forget_team, tie_by_token,
]  # fmt: skip
