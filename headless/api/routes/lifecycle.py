"""Start, pause, resume and stop a campaign, and let people in or out of it by hand."""

from typing import Any, Final, Literal

import msgspec
from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from headless.api import bodies
from headless.api.auth import Call, Caller, needs
from headless.api.openapi import reads
from headless.api.routes.approvals import asking, signer
from headless.api.routes.campaigns import CampaignRow, CampaignShape, answer, row
from headless.api.shapes import number
from headless.campaigns import enroll, lifecycle, publish
from headless.problems import Problem

_MOST_BY_HAND: Final = 1_000


class Agreement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hash of the plan that the caller has seen.

    `ask_again` asks once more for a second person's word where it was declined.
    """

    plan: str | None = None
    ask_again: bool = False


class Resume(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of waits that came due meanwhile: they run now, or all waits are shifted.

    Shifted, every wait and deadline is later by the length of the pause; a window that was open
    stays open, so what contacts did meanwhile counts.
    """

    overdue: Literal["run", "shift"] = "run"


class ResumedShape(msgspec.Struct, frozen=True):
    """A campaign that runs again."""

    id: str
    name: str
    state: str
    overdue: int


class ByHand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Contacts by their ids, and what `entry.*` shall know of them."""

    contacts: list[str]
    data: dict[str, Any] | None = None


class Moved(msgspec.Struct, frozen=True):
    """How many contacts came in or went out."""

    contacts: int


async def _number(call: Call, name: str) -> int:
    async with call.transaction() as tx:
        return (await publish.find(tx, call.workspace_id, name)).id


@post(
    "/campaigns/{name:str}/start",
    opt={**needs("campaigns:publish"), **reads(Agreement)},
    tags=["Campaigns"],
    status_code=200,
)
async def start_campaign(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> Response[CampaignShape]:
    """Let a campaign run; without the plan's hash the answer (428) is the plan to agree to.

    Above the workspace's `approval_threshold` the answer (409) is that somebody else must approve,
    or that they have declined.
    """
    body = await bodies.read(request, Agreement, default=Agreement())
    number_ = await _number(call, name)
    async with asking(call, number_, again=body.ask_again), call.transaction() as tx:
        by = await signer(tx, call)
        started = await lifecycle.start(
            tx, call.workspace_id, number_, plan=body.plan, by=by, now=call.now
        )
    return answer(started)


@post(
    "/campaigns/{name:str}/pause",
    opt=needs("campaigns:publish"),
    tags=["Campaigns"],
    status_code=200,
)
async def pause_campaign(call: Caller, name: FromPath[str]) -> CampaignRow:
    """Hold a running campaign; everybody keeps their place."""
    number_ = await _number(call, name)
    async with call.transaction() as tx:
        return row(await lifecycle.pause(tx, call.workspace_id, number_, now=call.now))


@post(
    "/campaigns/{name:str}/resume",
    opt={**needs("campaigns:publish"), **reads(Resume)},
    tags=["Campaigns"],
    status_code=200,
)
async def resume_campaign(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> ResumedShape:
    """Let a paused campaign go on; says how many waits had come due."""
    body = await bodies.read(request, Resume, default=Resume())
    number_ = await _number(call, name)
    async with call.transaction() as tx:
        resumed = await lifecycle.resume(
            tx, call.workspace_id, number_, shifted=body.overdue == "shift", now=call.now
        )
    found = resumed.campaign
    return ResumedShape(found.public_id, found.name, found.state, resumed.overdue)


@post(
    "/campaigns/{name:str}/stop",
    opt=needs("campaigns:publish"),
    tags=["Campaigns"],
    status_code=200,
)
async def stop_campaign(call: Caller, name: FromPath[str]) -> CampaignRow:
    """End a campaign for everybody in it, for good."""
    number_ = await _number(call, name)
    async with call.transaction() as tx:
        return row(await lifecycle.stop(tx, call.workspace_id, number_, now=call.now))


@post(
    "/campaigns/{name:str}/contacts",
    opt={**needs("campaigns:publish"), **reads(ByHand)},
    tags=["Campaigns"],
    status_code=200,
)
async def add_contacts(request: Request[Any, Any, Any], call: Caller, name: FromPath[str]) -> Moved:
    """Let contacts enter by hand, also who was removed by hand.

    Those who are in, or may not come again, are passed over.
    """
    body = await bodies.read(request, ByHand)
    numbers = _numbers(body.contacts)
    number_ = await _number(call, name)
    async with call.transaction() as tx:
        entered = await enroll.add(
            tx,
            call.house.versions,
            call.workspace_id,
            number_,
            numbers,
            data=body.data,
            now=call.now,
        )
    return Moved(entered)


@post(
    "/campaigns/{name:str}/contacts/remove",
    opt={**needs("campaigns:publish"), **reads(ByHand)},
    tags=["Campaigns"],
    status_code=200,
)
async def remove_contacts(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> Moved:
    """Take contacts out by hand, and keep them out: only a hand brings them back.

    Answers how many were in it; those who were not are kept from coming in.
    """
    body = await bodies.read(request, ByHand)
    number_ = await _number(call, name)
    async with call.transaction() as tx:
        gone = await enroll.remove(
            tx, call.workspace_id, number_, _numbers(body.contacts), now=call.now
        )
    return Moved(gone)


def _numbers(contacts: list[str]) -> list[int]:
    if len(contacts) > _MOST_BY_HAND:
        raise Problem("too_large", f"a call takes at most {_MOST_BY_HAND} contacts; send several")
    return [number("con", one) for one in contacts]


HANDLERS: Final[list[HTTPRouteHandler]] = [
    start_campaign,
    pause_campaign,
    resume_campaign,
    stop_campaign,
    add_contacts,
    remove_contacts,
]
