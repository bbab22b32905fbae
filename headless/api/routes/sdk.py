"""What the SDKs of the Segment spec call: `/v1/batch`, `/v1/track` … and the browser's `/v1/t` ….

The key is the user of Basic, a Bearer token, or `writeKey` in the body. An SDK repeats whatever is
answered with anything but 200 or 400, so what cannot become right by repeating is a 400, one bad
call among good ones is told in a 200, and only what passes by itself is anything else. Any origin
may call these, without cookies.
"""

import base64
import binascii
import zlib
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from litestar import Request, Response, get, route
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from headless.api.auth import House, house_of
from headless.api.openapi import reads
from headless.api.problems import type_of
from headless.api.routes.activities import Rejected
from headless.audience.remembered import ring
from headless.campaigns.sdk.calls import BATCH_LIMIT, Kind, read
from headless.campaigns.sdk.taking import Taken, take
from headless.campaigns.sdk.trust import Sender
from headless.problems import Problem
from headless.workspace import tokens, write_keys

_SCOPE: Final = "activities:write"
_ANYBODY: Final = {"Access-Control-Allow-Origin": "*"}
_ASKED: Final = {
    **_ANYBODY,
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": "86400",
}
_PATHS: Final[dict[str, Kind | None]] = {
    "batch": None, "import": None, "identify": "identify", "track": "track", "page": "page",
    "screen": "screen", "group": "group", "alias": "alias",
}  # fmt: skip
_SHORT: Final[dict[str, Kind | None]] = {
    "b": None, "i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group",
    "a": "alias",
}  # fmt: skip
_WORDS: Final[dict[str, str]] = {
    "batch": "Take a batch of calls as the SDKs of the Segment spec send them",
    "import": "Take a batch of calls of the past; the same as `/v1/batch`",
    "identify": "Take an `identify` of the Segment spec: who somebody is, with `traits`",
    "track": "Take a `track` of the Segment spec: what somebody did, with `properties`",
    "page": "Take a `page` of the Segment spec: a page that somebody saw",
    "screen": "Take a `screen` of the Segment spec: a screen of an app that somebody saw",
    "group": "Take a `group` of the Segment spec: the company that somebody belongs to",
    "alias": "Take an `alias` of the Segment spec: two ids of one person become one",
}


class SdkAnswer(msgspec.Struct, frozen=True):
    """What a request came to. `left_out` are traits that did not fit, with the reasons."""

    success: bool
    accepted: int
    duplicates: int
    rejected: list[Rejected]
    left_out: list[str]


class SdkCall(msgspec.Struct, rename="camel"):
    """A call of the Segment spec; members that are not known are ignored."""

    type: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    message_id: str | None = None
    timestamp: str | None = None
    sent_at: str | None = None
    event: str | None = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    group_id: str | None = None
    previous_id: str | None = None
    user_hash: str | None = None
    write_key: str | None = None


class SdkBatch(msgspec.Struct, rename="camel"):
    """Several calls, up to 2,500 and 500 KB, each at most 32 KB."""

    batch: list[SdkCall]
    sent_at: str | None = None
    write_key: str | None = None


async def _answer(request: Request[Any, Any, Any], kind: Kind | None) -> Response[Any]:
    try:
        taken = await _take(request, kind)
    except Problem as problem:
        if problem.status >= 500 or problem.status == 429:
            raise  # it passes by itself: the SDK sends the same once more
        return _refused(problem)
    if kind is not None and taken.rejected:
        return _refused(taken.rejected[0][1])
    shown = SdkAnswer(
        success=True,
        accepted=taken.accepted,
        duplicates=taken.duplicates,
        rejected=[
            Rejected(index, {"type": type_of(p.code), "code": p.code, "detail": p.detail})
            for index, p in taken.rejected
        ],
        left_out=list(taken.left_out),
    )
    return Response(shown, status_code=200, headers=_ANYBODY)


def _refused(problem: Problem) -> Response[Any]:
    """A 400 with the members that SDKs show (`code`, `message`)."""
    body = {
        "success": False,
        "type": type_of(problem.code),
        "code": problem.code,
        "message": problem.detail,
    }
    return Response(body, status_code=400, headers=_ANYBODY)


async def _take(request: Request[Any, Any, Any], kind: Kind | None) -> Taken:
    house = house_of(request)
    now = house.clock.now()
    raw = _unpacked(await request.body(), request.headers.get("content-encoding", ""))
    batch = read(raw, kind, now=now)
    sender = await _sender(request, house, batch.write_key)
    return await take(
        house.database,
        house.versions,
        sender,
        batch.calls,
        agent="" if sender.public is None else request.headers.get("user-agent", "")[:500],
        hashes=ring(house.settings.secret_keys),
        now=now,
    )


def _unpacked(raw: bytes, encoding: str) -> bytes:
    """The body as it was before gzip, never more than a batch may have; raises Problem."""
    if encoding.strip().lower() not in ("gzip", "x-gzip"):
        return raw
    unpacking = zlib.decompressobj(wbits=31)
    try:
        whole = unpacking.decompress(raw, BATCH_LIMIT + 1)
    except zlib.error as error:
        raise Problem("invalid_body", "the body is not gzip, as its header says") from error
    if len(whole) > BATCH_LIMIT:
        raise Problem("too_large", f"a batch has at most {BATCH_LIMIT // 1024} KB unpacked")
    if not unpacking.eof:
        raise Problem("invalid_body", "the gzip body breaks off before its end")
    return whole


async def _sender(request: Request[Any, Any, Any], house: House, in_body: str | None) -> Sender:
    """Whose key the request carries; raises Problem `unauthenticated`, `insufficient_scope`."""
    text = _in_header(request.headers.get("authorization", "")) or (in_body or "").strip()
    if not text:
        raise Problem(
            "unauthenticated", "send a key: as the user of Basic, as Bearer, or as `writeKey`"
        )
    now = house.clock.now()
    async with house.database.transaction() as tx:
        public = await write_keys.verify(tx, text)
        token = None if public is not None else await tokens.verify(tx, text, now=now)
    if house.budgets is not None and (public or token):
        number = token.id if token is not None else -(public.id if public else 0)
        await house.budgets.take(request, (_SCOPE,), number, now)
    if public is not None:
        origin = request.headers.get("origin")
        if not public.admits(origin):
            raise Problem("insufficient_scope", f"`{origin:.100}` is no origin of this write key")
        return Sender(
            workspace_id=public.workspace_id, public=public, ring=house.settings.secret_keys
        )
    if token is None:
        raise Problem("unauthenticated", f"this key is not known here; it ends in …{text[-4:]}")
    if not tokens.allows(token.scopes, (_SCOPE,)):
        raise Problem("insufficient_scope", f"`{token.name}` has not the scope `{_SCOPE}`")
    return Sender(
        workspace_id=token.workspace_id,
        may_write=tokens.allows(token.scopes, ("contacts:write",)),
    )


def _in_header(header: str) -> str:
    scheme, _, text = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return text.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(text.strip()).decode("ascii").partition(":")[0]
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


def _taking(word: str, kind: Kind | None) -> HTTPRouteHandler:
    async def handler(request: Request[Any, Any, Any]) -> Response[Any]:
        return await _answer(request, kind)

    handler.__name__ = f"sdk_{word}"
    handler.__doc__ = f"{_WORDS.get(word, 'For browsers')}; 200 or 400, each call once."
    return route(
        f"/v1/{word}",
        http_method=["POST"],
        opt={"write_key": True, **reads(SdkBatch if kind is None else SdkCall)},
        tags=["SDKs"],
        status_code=200,
        include_in_schema=word in _PATHS,
    )(handler)


@route(
    [f"/v1/{word}" for word in (*_PATHS, *_SHORT)],
    http_method=["OPTIONS"],
    include_in_schema=False,
    status_code=204,
)
async def sdk_preflight() -> Response[None]:
    """Other origins may call these."""
    return Response(None, status_code=204, headers=_ASKED)


@get("/v1/projects/{key:str}/settings", opt={"write_key": True}, include_in_schema=False)
async def sdk_settings(request: Request[Any, Any, Any], key: FromPath[str]) -> Response[Any]:
    """What analytics.js asks for before it sends anything; 404 for a key that is none."""
    house = house_of(request)
    async with house.database.transaction() as tx:
        known = await write_keys.verify(tx, key)
    if known is None:
        raise Problem("not_found", "there is no such write key; pages need one that begins `hp_`")
    parts = urlsplit(house.settings.url)
    shown = {
        "integrations": {
            "Segment.io": {
                "apiKey": known.key,
                "apiHost": f"{parts.netloc}/v1",
                "protocol": parts.scheme,
                "unbundledIntegrations": [],
                "addBundledMetadata": False,
            }
        },
        "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}},
        "edgeFunction": {},
        "analyticsNextEnabled": True,
    }
    headers = {**_ANYBODY, "Cache-Control": "public, max-age=300"}
    return Response(shown, headers=headers)


HANDLERS: Final[list[HTTPRouteHandler]] = [
    sdk_preflight,  # before the others: the framework would make its own
    *(_taking(word, kind) for word, kind in (*_PATHS.items(), *_SHORT.items())),
    sdk_settings,
]
