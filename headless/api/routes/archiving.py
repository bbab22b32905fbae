"""Rename a campaign, put one away that is over, and throw a draft away that never ran."""

from typing import Any, Final

import msgspec
from litestar import Request, Response, delete, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from headless.api import bodies
from headless.api.auth import Caller, needs
from headless.api.openapi import reads
from headless.api.routes.campaigns import CampaignRow, etag, refuse_stale, row
from headless.campaigns import archiving, publish


class CampaignChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of a campaign is to become another, beside its text."""

    name: str


@patch(
    "/campaigns/{name:str}",
    opt={**needs("campaigns:write"), **reads(CampaignChange)},
    tags=["Campaigns"],
)
async def rename_campaign(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> Response[CampaignRow]:
    """Call a campaign something else; where its text says the name, change it there (409).

    `If-Match` refuses to rename what somebody else has saved since.
    """
    body = await bodies.read(request, CampaignChange)
    async with call.transaction() as tx:
        found = await publish.find(tx, call.workspace_id, name)
        refuse_stale(request, found)
        renamed = await archiving.rename(tx, call.workspace_id, found.id, body.name, now=call.now)
    return Response(row(renamed), headers={"ETag": etag(renamed)})


@post(
    "/campaigns/{name:str}/archive",
    opt=needs("campaigns:publish"),
    tags=["Campaigns"],
    status_code=200,
)
async def archive_campaign(call: Caller, name: FromPath[str]) -> CampaignRow:
    """Put a stopped campaign out of sight; its numbers stay."""
    async with call.transaction() as tx:
        found = await publish.find(tx, call.workspace_id, name)
        return row(await archiving.archive(tx, call.workspace_id, found.id, now=call.now))


@delete("/campaigns/{name:str}", opt=needs("campaigns:write"), tags=["Campaigns"])
async def delete_campaign(call: Caller, name: FromPath[str]) -> None:
    """Throw a draft away with all its versions; what ever ran is kept (409), archive it."""
    async with call.transaction() as tx:
        found = await publish.find(tx, call.workspace_id, name)
        await archiving.delete(tx, call.workspace_id, found.id)


HANDLERS: Final[list[HTTPRouteHandler]] = [rename_campaign, archive_campaign, delete_campaign]
