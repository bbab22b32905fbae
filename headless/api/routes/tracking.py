"""`/v1/workspace/tracking`: whether those who were not asked are seen opening and clicking."""

from typing import Any, Final

from litestar import Request, get, put
from litestar.handlers import HTTPRouteHandler

from headless.api import bodies
from headless.api.auth import Caller, needs
from headless.api.openapi import reads
from headless.workspace import tracking
from headless.workspace.tracking import Policy


@get("/workspace/tracking", opt=needs("workspace:read", "workspace:write"), tags=["Consent"])
async def get_tracking(call: Caller) -> Policy:
    """What it means that a contact was not asked; its own word is a line of `/v1/consents`."""
    async with call.transaction() as tx:
        return await tracking.get(tx, call.workspace_id)


@put(
    "/workspace/tracking",
    opt={**needs("workspace:write"), **reads(Policy)},
    tags=["Consent"],
)
async def set_tracking(request: Request[Any, Any, Any], call: Caller) -> Policy:
    """Say it anew. Without consent a mail has no picture and plain links, and nothing is recorded
    of mails sent before."""
    body = await bodies.read(request, Policy)
    async with call.transaction() as tx:
        return await tracking.put(tx, call.workspace_id, body)


HANDLERS: Final[list[HTTPRouteHandler]] = [get_tracking, set_tracking]
