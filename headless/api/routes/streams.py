"""`/v1/stream` and `/v1/campaigns/{name}/stream`: what happens, as server-sent events.

Each event is a line of the journal. A client that was cut off sends the last `id` as
`Last-Event-ID` and misses nothing of 24 hours. A comment every 15 seconds keeps proxies awake.
After an hour a stream ends, so that a token that was revoked cannot listen for ever, and at once
when the process is asked to stop.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Final

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, HeaderParameter, QueryParameter
from litestar.response import Stream

from headless import ids
from headless.api.auth import Call, Caller, needs
from headless.api.openapi import speaks
from headless.api.shapes import instant, moment
from headless.campaigns import publish, stream
from headless.campaigns.stream import Happened, Mark

_POLL_SECONDS: Final = 0.5
_COMMENT_SECONDS: Final = 15.0
_LONGEST: Final = timedelta(hours=1)
_PAGE: Final = 500
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_LastEventId = Annotated[
    str | None,
    HeaderParameter(name="Last-Event-ID", description="the `id` of the last event that you have"),
]
_Since = Annotated[
    str | None,
    QueryParameter(max_length=100, description="a time with its zone, at most 24 hours ago"),
]


def _event(one: Happened) -> bytes:
    told = {
        "campaign": {"id": ids.encode("cmp", one.campaign_id), "name": one.campaign},
        "version": one.version,
        "contact_id": ids.encode("con", one.contact_id),
        "enrollment_id": ids.encode("enr", one.mark.enrollment_id),
        "step": one.mark.step,
        "outcome": one.outcome,
        "at": instant(one.mark.at),
        "detail": one.detail,
    }
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (
        one.mark.text().encode(),
        one.outcome.encode(),
        msgspec.json.encode(told),
    )


async def _events(call: Call, place: Mark, campaign_id: int | None) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    database, clock, ending = call.house.database, call.house.clock, call.house.ending
    ends, said = loop.time() + _LONGEST.total_seconds(), loop.time()
    yield b"retry: 2000\n\n"
    while loop.time() < ends and not ending.is_set():
        async with database.transaction() as tx:
            until = await stream.settled(tx, now=clock.now())
            found = await stream.behind(
                tx, call.workspace_id, place, until, campaign_id=campaign_id, limit=_PAGE
            )
        if found:
            place, said = found[-1].mark, loop.time()
            yield b"".join(_event(one) for one in found)
        elif loop.time() - said >= _COMMENT_SECONDS:
            said = loop.time()
            yield b": still here\n\n"
        if len(found) < _PAGE:
            with suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), _POLL_SECONDS)


def _stream(call: Call, last: str | None, since: str | None, campaign_id: int | None) -> Stream:
    now = call.house.clock.now()
    begins = moment("since", since)
    if last is not None:  # of who was cut off, wherever it began
        place = stream.mark(last, now=now)
    else:
        place = Mark(now) if begins is None else stream.since(begins, now=now)
    return Stream(
        _events(call, place, campaign_id),
        media_type="text/event-stream",
        headers=_HEADERS,
    )


_EVENTS: Final = speaks("text/event-stream", only=True)


@get("/stream", opt={**needs("campaigns:read"), "streams": True, **_EVENTS}, tags=["Streams"])
async def stream_everything(
    call: Caller, last_event_id: _LastEventId = None, since: _Since = None
) -> Stream:
    """What happens in all campaigns, as server-sent events: a line of the journal each.

    It begins now, or with `since` up to 24 hours ago; `Last-Event-ID` takes it up again.
    """
    return _stream(call, last_event_id, since, None)


@get(
    "/campaigns/{name:str}/stream",
    opt={**needs("campaigns:read"), "streams": True, **_EVENTS},
    tags=["Streams"],
)
async def stream_campaign(
    call: Caller,
    name: FromPath[str],
    last_event_id: _LastEventId = None,
    since: _Since = None,
) -> Stream:
    """What happens in one campaign, as server-sent events; `since` as in `/v1/stream`."""
    async with call.transaction() as tx:
        found = await publish.find(tx, call.workspace_id, name)
    return _stream(call, last_event_id, since, found.id)


HANDLERS: Final[list[HTTPRouteHandler]] = [stream_everything, stream_campaign]
