"""The entrance: opens and clicks are answered here, everything else by the framework behind it.

They are most of what comes from outside, and the framework's part (routing, a request, a response,
its looks at each message that is sent) costs more than all that is done with them. Here each costs
a signature, a place in the next turn of `house.answers`, and an answer once that turn is on disk.
Nothing of the request is used but its path; no body is read. What goes wrong is told as ever.
"""

import base64
from typing import Any, Final

from litestar import Litestar, Request, Response
from litestar.types import Message, Scope, Send

from headless.api import links, mode, problems
from headless.api.auth import House
from headless.api.mode import Mode
from headless.api.routes.public import QUIET, unknown

Headers = list[tuple[bytes, bytes]]

_PIXEL: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_OPEN: Final = "/o/"
_CLICK: Final = "/c/"


def _raw(headers: dict[str, str]) -> Headers:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


_PICTURE: Final[Headers] = _raw(
    {**QUIET, "Content-Type": "image/gif", "Content-Length": str(len(_PIXEL))}
)
_AWAY: Final[Headers] = _raw({**QUIET, "Content-Length": "0"})


class Entrance(Litestar):
    """The application, with a door of their own for opens and clicks."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """For servers, as the framework's own."""
        if scope["type"] == "http" and scope["method"] == "GET":
            path: str = scope["path"]
            kind, token = path[:3], path[3:]
            if kind in (_OPEN, _CLICK) and token and "/" not in token:
                await self._answer(kind, token, scope, send)
                return
        await super().__call__(scope, receive, send)

    async def _answer(self, kind: str, token: str, scope: Scope, send: Send) -> None:
        house: House = self.state.house
        try:
            if kind == _OPEN:
                await _open(house, token)
                status, headers, body = 200, _PICTURE, _PIXEL
            elif (target := await _click(house, token)) is not None:
                place = (b"location", links.as_header(target).encode("latin-1"))
                status, headers, body = 302, [place, *_AWAY], b""
            else:
                status, headers, body = _plain(unknown())
        except Exception as error:
            request: Request[Any, Any, Any] = Request(scope)
            status, headers, body = _plain(problems.on_exception(request, error))
        named = (b"x-request-id", problems.request_id(scope).encode("ascii"))
        known: Mode = self.state.mode
        said = [] if known.word is None else [(mode.HEADER, known.word)]
        start: Message = {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, named, *said],
        }
        await send(start)
        await send({"type": "http.response.body", "body": body, "more_body": False})


async def _open(house: House, token: str) -> None:
    """The picture in a mail."""
    link = house.links.verify("open", token.removesuffix(".gif"))
    if link is not None:
        await links.opened(house, link)


async def _click(house: House, token: str) -> str | None:
    """A link in a mail: where it leads."""
    link = house.links.verify("click", token)
    return None if link is None else await links.clicked(house, link)


def _plain(response: Response[Any]) -> tuple[int, Headers, bytes]:
    """A response of the framework's as what is sent."""
    body = response.content if isinstance(response.content, bytes) else response.content.encode()
    told = {"Content-Type": str(response.media_type), "Content-Length": str(len(body))}
    return response.status_code or 200, _raw({**response.headers, **told}), body
