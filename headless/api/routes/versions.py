"""`/v1/campaigns/{name}/versions`, `plan`, `apply`: new texts for campaigns that people are in."""

from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from headless.api import bodies
from headless.api.auth import Call, Caller, needs
from headless.api.openapi import reads
from headless.api.routes.approvals import asking, signer
from headless.api.routes.campaigns import (
    CampaignShape,
    VersionShape,
    answer,
    refuse_stale,
    version_shape,
)
from headless.api.shapes import Page, VersionNumber
from headless.campaigns import proposals, publish, versions
from headless.campaigns.moving import Waits
from headless.campaigns.proposals import VersionPlan
from headless.problems import Problem


class NewVersion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text for a campaign: `source`, or `version`, the number of an earlier one to go back to.

    `waits` says whether changed waits keep their promised time or are counted anew; with `drain`
    those inside end by the old version. `plan` is the hash of the plan that the caller has seen;
    `ask_again` asks once more for a second person's word where it was declined.
    """

    source: str | None = None
    version: VersionNumber | None = None
    waits: Waits = "keep"
    drain: bool = False
    plan: str | None = None
    ask_again: bool = False


async def _text(call: Call, campaign_id: int, body: NewVersion) -> str:
    if (body.source is None) == (body.version is None):
        raise Problem("invalid_value", "give either `source`, a text, or `version`, a number")
    if body.source is not None:
        return body.source
    async with call.transaction() as tx:
        return await versions.source_of(tx, call.workspace_id, campaign_id, body.version or 0)


async def _number(call: Call, name: str) -> int:
    async with call.transaction() as tx:
        return (await publish.find(tx, call.workspace_id, name)).id


@get("/campaigns/{name:str}/versions", opt=needs("campaigns:read"), tags=["Campaigns"])
async def list_versions(call: Caller, name: FromPath[str]) -> Page[VersionShape]:
    """All versions of a campaign, the newest first; a stored version never changes."""
    number = await _number(call, name)
    async with call.transaction() as tx:
        stored = await versions.listing(tx, call.workspace_id, number)
    return Page([version_shape(one) for one in stored], None)


@post(
    "/campaigns/{name:str}/plan",
    opt={**needs("campaigns:read"), **reads(NewVersion)},
    tags=["Campaigns"],
    status_code=200,
)
async def plan_version(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> Response[Any]:
    """What a new text would do to a campaign and everybody inside; a text with `text/plain`.

    Changes nothing. `stranded` are the steps at which people would be lost.
    """
    body = await bodies.read(request, NewVersion)
    number = await _number(call, name)
    text = await _text(call, number, body)
    async with call.transaction() as tx:
        told: VersionPlan = await versions.plan(
            tx, call.workspace_id, number, text, waits=body.waits, drain=body.drain, now=call.now
        )
    if bodies.wants_text(request):
        return bodies.plain(proposals.render(told))
    return Response(told)


@post(
    "/campaigns/{name:str}/apply",
    opt={**needs("campaigns:publish"), **reads(NewVersion)},
    tags=["Campaigns"],
    status_code=200,
)
async def apply_version(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> Response[CampaignShape]:
    """Give a campaign a new version, and take those inside over to it.

    Without the plan's hash the answer (428) is the plan to agree to; it is refused (409) when
    things have moved since, or when people would be lost. The same text again changes nothing.
    `If-Match` refuses to go over what somebody else has saved since.
    """
    body = await bodies.read(request, NewVersion)
    number = await _number(call, name)
    text = await _text(call, number, body)
    async with call.transaction() as tx:
        refuse_stale(request, await publish.find(tx, call.workspace_id, number))
    async with asking(call, number, again=body.ask_again), call.transaction() as tx:
        found, _ = await versions.apply(
            tx,
            call.workspace_id,
            number,
            text,
            agreed=body.plan,
            waits=body.waits,
            drain=body.drain,
            by=await signer(tx, call),
            now=call.now,
        )
    return answer(found)


HANDLERS: Final[list[HTTPRouteHandler]] = [list_versions, plan_version, apply_version]
