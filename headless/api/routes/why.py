"""`/v1/contacts/{id}/why` and `/v1/messages/{id}/why`: what happened, and for what reason."""

from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from headless import ids
from headless.api import bodies
from headless.api.auth import Call, Caller, needs
from headless.api.openapi import speaks
from headless.api.routes.campaigns import LineShape, line_shape
from headless.api.shapes import Instant, instant, maybe_instant, number
from headless.campaigns import origin, permission, publish, why


class WaitingShape(msgspec.Struct, frozen=True):
    """Where a run stands now; `until` is null when only something that happens moves it.

    `reason` is what keeps it there, where it is not the step's own waiting: a pause, quiet hours.
    """

    line: int
    step: str
    until: Instant | None
    reason: str | None


class RunShape(msgspec.Struct, frozen=True):
    """One run of a contact through a campaign."""

    rotation: int
    version: int
    state: str
    entered_at: Instant
    ended_at: Instant | None
    journal: list[LineShape]
    waiting: list[WaitingShape]


class WhyShape(msgspec.Struct, frozen=True):
    """The trace; `reason` says why there is no run."""

    contact_id: str
    campaign_id: str
    campaign: str
    reason: str | None
    runs: list[RunShape]


class PermissionShape(msgspec.Struct, frozen=True):
    """Whether a contact may be written to by a channel or about a topic, or be tracked."""

    about: str
    may: bool
    because: tuple[str, ...]


class PermissionsShape(msgspec.Struct, frozen=True):
    """Why a contact may be written to, or may not."""

    contact_id: str
    permissions: list[PermissionShape]


@get(
    "/contacts/{contact_id:str}/why",
    opt={**needs("contacts:read"), **speaks("text/plain")},
    tags=["Contacts"],
)
async def why_contact(
    request: Request[Any, Any, Any],
    call: Caller,
    contact_id: FromPath[str],
    campaign: FromQuery[str | None] = None,
) -> Response[Any]:
    """Each step that a contact took in a campaign, and what decided it.

    Without `campaign`: on which channels and about what it may be written to, and why.
    """
    if campaign is None:
        return await _why_written_to(request, call, number("con", contact_id))
    async with call.transaction() as tx:
        found = await publish.find(tx, call.workspace_id, campaign)
        told = await why.why(
            tx, call.workspace_id, number("con", contact_id), found.id, now=call.now
        )
    if bodies.wants_text(request):
        return bodies.plain(why.render(told))
    return Response(
        WhyShape(
            contact_id=ids.encode("con", told.contact_id),
            campaign_id=found.public_id,
            campaign=told.campaign,
            reason=told.reason,
            runs=[_run(run) for run in told.runs],
        )
    )


async def _why_written_to(
    request: Request[Any, Any, Any], call: Call, contact_id: int
) -> Response[Any]:
    async with call.transaction() as tx:
        told = await permission.permissions(tx, call.workspace_id, contact_id)
    if bodies.wants_text(request):
        return bodies.plain(permission.render(told))
    given = [PermissionShape(one.about, one.may, one.because) for one in told.given]
    return Response(PermissionsShape(ids.encode("con", contact_id), given))


def _run(run: why.Run) -> RunShape:
    return RunShape(
        rotation=run.rotation,
        version=run.version,
        state=run.state,
        entered_at=instant(run.entered_at),
        ended_at=maybe_instant(run.ended_at),
        journal=[line_shape(line) for line in run.lines],
        waiting=[
            WaitingShape(place.line, place.step, maybe_instant(place.until), place.reason)
            for place in run.waiting
        ],
    )


class MessageWhyShape(msgspec.Struct, frozen=True):
    """Why a message was made and what has become of it; `because` says it in sentences.

    `campaign`, `run`, `line` and `step` are null for a message that no campaign made.
    """

    id: str
    contact_id: str
    campaign: str | None
    run: int | None
    line: int | None
    step: str | None
    state: str
    created_at: Instant
    due_at: Instant | None
    sent_at: Instant | None
    attempts: int
    because: tuple[str, ...]


@get(
    "/messages/{message_id:str}/why",
    opt={**needs("messages:read"), **speaks("text/plain")},
    tags=["Messages"],
)
async def why_message(
    request: Request[Any, Any, Any], call: Caller, message_id: FromPath[str]
) -> Response[Any]:
    """Why there is this message, and why it was sent or was not."""
    async with call.transaction() as tx:
        told = await origin.why(tx, call.workspace_id, number("msg", message_id))
    if bodies.wants_text(request):
        return bodies.plain(origin.render(told))
    return Response(
        MessageWhyShape(
            id=told.id,
            contact_id=told.contact_id,
            campaign=told.campaign,
            run=told.run,
            line=told.line,
            step=told.step,
            state=told.state,
            created_at=instant(told.created_at),
            due_at=maybe_instant(told.due_at),
            sent_at=maybe_instant(told.sent_at),
            attempts=told.attempts,
            because=told.because,
        )
    )


HANDLERS: Final[list[HTTPRouteHandler]] = [why_contact, why_message]
