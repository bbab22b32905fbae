"""`/v1/activities`: what contacts did, one or a batch, each once by its sender's id."""

from typing import Any, Final

import msgspec
from litestar import Request, post
from litestar.handlers import HTTPRouteHandler

from headless.api import bodies
from headless.api.auth import Caller, needs, piecemeal
from headless.api.openapi import reads
from headless.api.problems import type_of
from headless.campaigns.ingest import ActivityIn, ingest

_BATCH_LIMIT: Final = 5 * 1024 * 1024


class Rejected(msgspec.Struct, frozen=True):
    """An item that was refused, and why."""

    index: int
    problem: dict[str, Any]


class Taken(msgspec.Struct, frozen=True):
    """What a call came to; a duplicate is an item whose id was known already."""

    accepted: int
    duplicates: int
    rejected: list[Rejected]


@post(
    "/activities",
    opt={**needs("activities:write"), **piecemeal(), **reads(ActivityIn | list[ActivityIn])},
    tags=["Activities"],
    status_code=202,
    request_max_body_size=_BATCH_LIMIT,
)
async def take_activities(request: Request[Any, Any, Any], call: Caller) -> Taken:
    """Take an activity, or a list of up to 1,000; one bad item never refuses the rest."""
    raw = await request.body()
    several = raw.lstrip()[:1] == b"["
    items = (
        await bodies.read(request, list[ActivityIn])
        if several
        else [await bodies.read(request, ActivityIn)]
    )
    taken = await ingest(call.database, call.house.versions, call.workspace_id, items, now=call.now)
    rejected = [
        Rejected(index, {"type": type_of(p.code), "code": p.code, "detail": p.detail})
        for index, p in taken.rejected
    ]
    if rejected and not several:
        raise taken.rejected[0][1]
    return Taken(taken.accepted, taken.duplicates, rejected)


HANDLERS: Final[list[HTTPRouteHandler]] = [take_activities]
