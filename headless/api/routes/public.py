"""The public, unauthenticated, signed paths in our mails: opens, clicks and unsubscribes.

A token names a message and nothing else; a click leads only where the stored message says. Whoever
has a wrong or torn link is told so in words and nothing is recorded. What is recorded reaches the
campaigns through the same door as everything else.
"""

import base64
from functools import cache
from html import escape
from typing import Any, Final

from litestar import Request, Response, get, post, route
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from headless.api.auth import House, house_of
from headless.api.page import page
from headless.campaigns.ingest import Answer, clicked, opened, unsubscribe
from headless.channels.links import Kind, Links, Resolved, resolve

_PIXEL: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_NEVER_KEPT: Final = {"Cache-Control": "no-store, max-age=0", "Referrer-Policy": "no-referrer"}
_TORN: Final = (
    "<p>This link is not complete, or it is not one of ours. Mail programs sometimes break long "
    "links: try it again from the mail itself.</p>"
)


@cache
def _links(keys: tuple[str, ...], url: str) -> Links:
    return Links(tuple(key.encode() for key in keys), url)


async def _behind(house: House, kind: Kind, token: str) -> Resolved | None:
    """The message behind a token; None when the token is none of ours or the message is gone."""
    link = _links(house.settings.secret_keys, house.settings.url).verify(kind, token)
    if link is None:
        return None
    async with house.database.transaction() as tx:
        (found,) = await resolve(tx, [link])
    return found


def _answer(found: Resolved, url: str | None = None) -> Answer:
    return Answer(
        workspace_id=found.link.workspace_id,
        contact_id=found.contact_id,
        message_id=found.link.message_id,
        email_id=found.email_id,
        url=url,
    )


@get("/o/{name:str}", include_in_schema=False)
async def open_pixel(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """An open: one transparent pixel, whatever the token is worth."""
    house = house_of(request)
    found = await _behind(house, "open", name.removesuffix(".gif"))
    if found is not None:
        await opened(house.database, house.versions, _answer(found), now=house.clock.now())
    return Response(_PIXEL, media_type="image/gif", headers=_NEVER_KEPT)


@route("/c/{token:str}", http_method=["GET", "HEAD"], include_in_schema=False)
async def follow_click(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[Any]:
    """A click: to the target that the message was stored with, and nowhere else.

    A scanner that asks by HEAD where it leads is told, and nothing is recorded.
    """
    house = house_of(request)
    found = await _behind(house, "click", token)
    if found is None or found.target is None:
        return page("This link leads nowhere", _TORN, status=404)
    if request.method == "GET":
        answer = _answer(found, found.target)
        await clicked(house.database, house.versions, answer, now=house.clock.now())
    return Redirect(found.target, status_code=302, headers=_NEVER_KEPT)


@get("/u/{token:str}", include_in_schema=False)
async def ask_unsubscribe(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[Any]:
    """The page with one button: scanners follow links, only people press buttons."""
    if await _behind(house_of(request), "unsubscribe", token) is None:
        return page("This link is not complete", _TORN, status=404)
    form = (
        "<p>You will get no more marketing mail from us at this address. Mails about your orders "
        f'and your account still come.</p><form method="post" action="/u/{escape(token)}">'
        "<button>Unsubscribe</button></form>"
    )
    return page("Unsubscribe", form)


@post("/u/{token:str}", include_in_schema=False, status_code=200)
async def do_unsubscribe(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[Any]:
    """The button, and the one click of a mail program (RFC 8058)."""
    house = house_of(request)
    found = await _behind(house, "unsubscribe", token)
    if found is None:
        return page("This link is not complete", _TORN, status=404)
    body = await request.body()
    source = "one-click" if b"List-Unsubscribe=One-Click" in body else "page"
    await unsubscribe(
        house.database, house.versions, _answer(found), source=source, now=house.clock.now()
    )
    return page("You are unsubscribed", "<p>Done: no more marketing mail will come.</p>")


HANDLERS: Final[list[HTTPRouteHandler]] = [
    open_pixel,
    follow_click,
    ask_unsubscribe,
    do_unsubscribe,
]
