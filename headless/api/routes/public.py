"""What people reach from their mails, without a token of the API: opens, clicks, unsubscribing.

`/o/{token}.gif` always answers the same picture; `/c/{token}` leads only to where the stored
message says; `/u/{token}` shows a page whose button unsubscribes, because scanners follow links,
and takes the one-click POST of RFC 8058. Nothing here says whether a contact exists.
"""

import base64
from typing import Any, Final

from litestar import Request, Response, get, post, route
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from headless.api import links
from headless.api.auth import house_of
from headless.api.page import page

_PIXEL: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_QUIET: Final = {
    "Cache-Control": "no-store, max-age=0",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
_FORM_LIMIT: Final = 16 * 1024


@get("/o/{token:str}", include_in_schema=False)
async def open_pixel(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[bytes]:
    """The picture in a mail."""
    house = house_of(request)
    link = house.links.verify("open", token.removesuffix(".gif"))
    if link is not None:
        await links.opened(house, link)
    return Response(_PIXEL, media_type="image/gif", headers=_QUIET)


@route("/c/{token:str}", http_method=["GET", "HEAD"], include_in_schema=False)
async def follow(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[Any]:
    """A link in a mail; a scanner that only asks (HEAD) is told, and nothing is recorded."""
    house = house_of(request)
    link = house.links.verify("click", token)
    if link is None:
        return _unknown()
    if request.method == "GET":
        target = await links.clicked(house, link)
    else:
        resolved = await links.behind(house, "click", token)
        target = None if resolved is None else await links.leads(house, resolved)
    if target is None:
        return _unknown()
    return Response(None, status_code=302, headers={"Location": target, **_QUIET})


@get("/u/{token:str}", include_in_schema=False)
async def ask_unsubscribe(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[str]:
    """The page behind "unsubscribe"; looking at it changes nothing."""
    if house_of(request).links.verify("unsubscribe", token) is None:
        return _unknown()
    return page(
        "Unsubscribe",
        "<p>You will get no more newsletters and offers from us by email.</p>"
        '<form method="post"><button>Unsubscribe</button></form>',
    )


@post(
    "/u/{token:str}",
    include_in_schema=False,
    status_code=200,
    request_max_body_size=_FORM_LIMIT,
)
async def unsubscribe(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[str]:
    """The button, or the mail program's own (one click, RFC 8058)."""
    house = house_of(request)
    resolved = await links.behind(house, "unsubscribe", token)
    if resolved is None:
        return _unknown()
    one_click = b"List-Unsubscribe=One-Click" in await request.body()
    await links.unsubscribed(house, resolved, "one_click" if one_click else "page")
    return page("You are unsubscribed", "<p>We will send you no more newsletters and offers.</p>")


def _unknown() -> Response[str]:
    return page(
        "This link does not work",
        "<p>It is not complete, or it is not ours. Try it once more from the mail itself.</p>",
        status=404,
    )


HANDLERS: Final[list[HTTPRouteHandler]] = [open_pixel, follow, ask_unsubscribe, unsubscribe]
