"""`/v1/workspace`: how the workspace is set up, and whether its messages leave the machine."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, patch
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, UnsetType

from headless import ids
from headless.api import bodies
from headless.api.auth import Caller, needs
from headless.api.openapi import reads
from headless.api.shapes import Instant, instant
from headless.campaigns import approvals
from headless.dsl.ast import Channel, Period
from headless.workspace import caps, workspaces
from headless.workspace.caps import Cap
from headless.workspace.workspaces import Change, Mode, Workspace


class CapShape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most `count` marketing messages to a contact in any such period; the channel `message` is
    all of them together."""

    count: Annotated[int, msgspec.Meta(ge=1, le=caps.MOST_COUNT)]
    channel: Channel
    period: Period


class SettingsShape(msgspec.Struct, frozen=True):
    """The workspace; in a `sandbox` nothing leaves the machine."""

    id: str
    name: str
    mode: Mode
    time_zone: str
    sender: str
    postal_address: str | None
    caps: list[CapShape]
    approval_threshold: int | None
    created_at: Instant


class SettingsChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; `caps` replaces them whole. To become `live`, `confirm` must be the
    workspace's name. What concerns more contacts than `approval_threshold` needs a second person
    who approves; null: nothing does."""

    name: str | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET
    sender: str | UnsetType = UNSET
    postal_address: str | UnsetType | None = UNSET
    mode: Mode | UnsetType = UNSET
    caps: list[CapShape] | UnsetType = UNSET
    approval_threshold: int | UnsetType | None = UNSET
    confirm: str | None = None


def _answer(
    held: Workspace, capped: tuple[Cap, ...], threshold: int | None
) -> Response[SettingsShape]:
    shape = SettingsShape(
        id=ids.encode("wsp", held.id),
        name=held.name,
        mode=held.mode,
        time_zone=held.time_zone,
        sender=held.sender,
        postal_address=held.postal_address,
        caps=[CapShape(cap.count, cap.channel, cap.period) for cap in capped],
        approval_threshold=threshold,
        created_at=instant(held.created_at),
    )
    return Response(shape, headers={"ETag": f'"{held.revision}"'})


@get("/workspace", opt=needs("workspace:read", "workspace:write"), tags=["Workspace"])
async def get_workspace(call: Caller) -> Response[SettingsShape]:
    """How the workspace is set up: name, time zone, sender, postal address, mode, caps."""
    async with call.transaction() as tx:
        held = await workspaces.find(tx, call.workspace_id)
        threshold = await approvals.threshold(tx, call.workspace_id)
        return _answer(held, await caps.get_caps(tx, call.workspace_id), threshold)


@patch(
    "/workspace",
    opt={**needs("workspace:write"), **reads(SettingsChange)},
    tags=["Workspace"],
)
async def change_workspace(
    request: Request[Any, Any, Any], call: Caller
) -> Response[SettingsShape]:
    """Change what is given; becoming `live` needs `confirm`, and `If-Match` refuses a stale
    save."""
    body = await bodies.read(request, SettingsChange)
    capped = body.caps
    wanted = Change(
        name=body.name,
        time_zone=body.time_zone,
        sender=body.sender,
        postal_address=body.postal_address,
        mode=body.mode,
        caps=UNSET if capped is UNSET else [Cap(c.count, c.channel, c.period) for c in capped],
        confirm=body.confirm,
    )
    async with call.transaction() as tx:
        held = await workspaces.change(
            tx,
            call.workspace_id,
            wanted,
            expected_revision=bodies.expected_revision(request),
        )
        if body.approval_threshold is not UNSET:
            await approvals.set_threshold(tx, call.workspace_id, body.approval_threshold)
        threshold = await approvals.threshold(tx, call.workspace_id)
        return _answer(held, await caps.get_caps(tx, call.workspace_id), threshold)


HANDLERS: Final[list[HTTPRouteHandler]] = [get_workspace, change_workspace]
