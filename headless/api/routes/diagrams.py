"""`/v1/campaigns/{name}/diagram.svg` and `.png`: a stored campaign as a picture."""

import asyncio
from typing import Any, Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from headless.api.auth import Call, Caller, needs
from headless.api.openapi import speaks
from headless.campaigns import inspect, publish
from headless.dsl import draw
from headless.dsl.plan import Plan

_SVG: Final = "image/svg+xml"
_PNG: Final = "image/png"


async def _drawn_from(call: Call, name: str, counts: bool) -> tuple[Plan, dict[int, int] | None]:
    """The campaign's plan, and how many have come to each step where that is asked."""
    async with call.transaction() as tx:
        found = await publish.find(tx, call.workspace_id, name)
        if not counts:
            return found.plan, None
        numbers = await inspect.stats(tx, call.workspace_id, found.id)
    return found.plan, {
        step.step: sum(step.outcomes.values()) for step in numbers.steps if not step.gone
    }


@get(
    "/campaigns/{name:str}/diagram.svg",
    opt={**needs("campaigns:read"), **speaks(_SVG, only=True)},
    tags=["Campaigns"],
)
async def draw_campaign(
    call: Caller, name: FromPath[str], counts: FromQuery[bool] = False
) -> Response[Any]:
    """A campaign's newest version as SVG; with `counts`, how many have come to each step."""
    picture = await asyncio.to_thread(draw.svg, *await _drawn_from(call, name, counts))
    return Response(picture, media_type=_SVG)


@get(
    "/campaigns/{name:str}/diagram.png",
    opt={**needs("campaigns:read"), **speaks(_PNG, only=True)},
    tags=["Campaigns"],
)
async def photograph_campaign(
    call: Caller, name: FromPath[str], counts: FromQuery[bool] = False
) -> Response[Any]:
    """A campaign's newest version as PNG; with `counts`, how many have come to each step."""
    picture = await asyncio.to_thread(draw.png, *await _drawn_from(call, name, counts))
    return Response(picture, media_type=_PNG)


HANDLERS: Final[list[HTTPRouteHandler]] = [draw_campaign, photograph_campaign]
