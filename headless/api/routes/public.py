"""What people reach from their mails, without a token of the API: unsubscribing, confirming.

Opens and clicks are answered at the `entrance`; here only those who ask where a link leads.
`/u/{token}` shows a page of choices whose buttons decide, because scanners follow links, and takes
the one-click POST of RFC 8058; `/s/{token}` asks for the press of a button that confirms. Nothing
here says who somebody is.
"""

from html import escape
from typing import Any, Final

from litestar import Request, Response, get, post, route
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from headless.api import links, preference_page
from headless.api.auth import house_of
from headless.api.evidence import evidence_of
from headless.api.page import page
from headless.campaigns import confirming, preferences

QUIET: Final = {
    "Cache-Control": "no-store, max-age=0",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
"""The headers of what nobody shall keep, and no site shall learn of."""
_FORM_LIMIT: Final = 16 * 1024


@route("/c/{token:str}", http_method=["HEAD"], include_in_schema=False)
async def ask_where(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[Any]:
    """A scanner that only asks where a link leads is told, and nothing is recorded."""
    house = house_of(request)
    resolved = await links.behind(house, "click", token)
    target = None if resolved is None else await links.leads(house, resolved)
    if target is None:
        return unknown()
    headers = {"Location": links.as_header(target), **QUIET}
    return Response(None, status_code=302, headers=headers)


@get("/u/{token:str}", include_in_schema=False)
async def ask_unsubscribe(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[str]:
    """The page behind "unsubscribe"; looking at it changes nothing."""
    house = house_of(request)
    resolved = await links.behind(house, "unsubscribe", token)
    if resolved is None:
        return unknown()
    async with house.database.transaction() as tx:
        held = await preferences.read(tx, resolved.link.workspace_id, resolved.contact_id)
    return page("Unsubscribe", preference_page.body(held))


@post(
    "/u/{token:str}",
    include_in_schema=False,
    status_code=200,
    request_max_body_size=_FORM_LIMIT,
)
async def unsubscribe(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[str]:
    """The button, the choices, or the mail program's own POST (one click, RFC 8058)."""
    house = house_of(request)
    resolved = await links.behind(house, "unsubscribe", token)
    if resolved is None:
        return unknown()
    raw = await request.body()
    wanted = preference_page.chosen(raw)
    if wanted is None:
        one_click = b"List-Unsubscribe=One-Click" in raw
        source = "one_click" if one_click else "page"
        await links.unsubscribed(house, resolved, source, evidence_of(request))
        return page(
            "You are unsubscribed", "<p>We will send you no more newsletters and offers.</p>"
        )
    workspace_id = resolved.link.workspace_id
    async with house.database.transaction() as tx:
        await preferences.save(
            tx,
            house.versions,
            workspace_id,
            resolved.contact_id,
            wanted,
            message_id=resolved.link.message_id,
            evidence=evidence_of(request),
            now=house.clock.now(),
        )
        held = await preferences.read(tx, workspace_id, resolved.contact_id)
    return page("Your choices", preference_page.body(held, saved=True))


@get("/s/{token:str}", include_in_schema=False)
async def ask_confirm(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[str]:
    """The page behind a confirmation mail; looking at it confirms nothing."""
    house = house_of(request)
    resolved = await links.behind(house, "confirm", token)
    if resolved is None:
        return unknown()
    async with house.database.transaction() as tx:
        asked = await confirming.requested(tx, resolved)
    if asked is None:
        return unknown()
    if confirming.is_over(asked, house.clock.now()):
        return _expired()
    words = f"<p>{escape(asked.text)}</p>" if asked.text else ""
    return page(
        "Please confirm",
        f'{words}<form method="post"><button>Yes, write to me</button></form>',
    )


@post(
    "/s/{token:str}",
    include_in_schema=False,
    status_code=200,
    request_max_body_size=_FORM_LIMIT,
)
async def confirm(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[str]:
    """The button was pressed: from now on the contact is written to."""
    house = house_of(request)
    resolved = await links.behind(house, "confirm", token)
    if resolved is None:
        return unknown()
    async with house.database.transaction() as tx:
        came = await confirming.press(
            tx,
            house.versions,
            resolved,
            evidence=evidence_of(request),
            now=house.clock.now(),
        )
    if came == "confirmed":
        return page("Thank you", "<p>It is confirmed: we will write to you.</p>")
    return _expired() if came == "expired" else unknown()


def _expired() -> Response[str]:
    return page(
        "This link has expired",
        "<p>It worked for 30 days. Sign up once more, and we send you a new one.</p>",
        status=410,
    )


def unknown() -> Response[str]:
    """The page behind a link that leads nowhere."""
    return page(
        "This link does not work",
        "<p>It is not complete, or it is not ours. Try it once more from the mail itself.</p>",
        status=404,
    )


HANDLERS: Final[list[HTTPRouteHandler]] = [
    ask_where, ask_unsubscribe, unsubscribe, ask_confirm, confirm,
]  # fmt: skip
