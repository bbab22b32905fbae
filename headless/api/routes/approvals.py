"""`/v1/campaigns/{name}/approvals`, `approve`, `decline`: a second word on what concerns many."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from sqlalchemy import select

from headless import ids
from headless.api import bodies
from headless.api.auth import Call, Caller, needs
from headless.api.openapi import reads
from headless.api.shapes import Instant, Page, instant, maybe_instant
from headless.campaigns import approvals, declining, publish
from headless.campaigns.approvals import Approval, Signer
from headless.problems import Problem
from headless.slack.flows import approving
from headless.slack.flows import declining as telling
from headless.storage.database import Transaction
from headless.storage.tables import member, token

_APPROVING: Final = ("approver", "admin")


class Agreed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hash of the plan that is approved, as whoever asked was shown it."""

    plan: str | None = None


class Declined(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hash of the plan that is declined, and why, as whoever asked is told."""

    plan: str | None = None
    reason: Annotated[str, msgspec.Meta(max_length=declining.MOST_WORDS)] | None = None


class ApprovalShape(msgspec.Struct, frozen=True):
    """A plan that a second person must approve, and their word; `contacts` it concerned.

    `declined_by` is whoever asked, where they took it back.
    """

    plan: str
    contacts: int
    asked_by: str
    asked_name: str
    asked_at: Instant
    approved_by: str | None
    approved_name: str | None
    approved_at: Instant | None
    declined_by: str | None
    declined_name: str | None
    declined_at: Instant | None
    reason: str | None


async def signer(tx: Transaction, call: Call) -> Signer:
    """Who calls, as approvals know them: the colleague whose token it is, or a service account."""
    found = await tx.execute(
        select(member.c.id, member.c.name, member.c.role)
        .join(
            token,
            (token.c.workspace_id == member.c.workspace_id) & (token.c.member_id == member.c.id),
        )
        .where(
            token.c.workspace_id == call.workspace_id,
            token.c.id == call.token.id,
            member.c.left_at.is_(None),
        )
    )
    row = found.one_or_none()
    if row is None:
        return Signer(ids.encode("tok", call.token.id), f"the service account {call.token.name}")
    return Signer(ids.encode("mem", row.id), row.name, row.role in _APPROVING)


@asynccontextmanager
async def asking(call: Call, campaign_id: int, *, again: bool = False) -> AsyncIterator[None]:
    """Note that somebody has asked, where what they asked for needs a second word.

    What was declined is asked about once more only `again`.
    """
    try:
        yield
    except Problem as problem:
        if problem.code == "approval_required":
            async with call.transaction() as tx:
                asked = await approvals.ask(
                    tx,
                    call.workspace_id,
                    campaign_id,
                    plan=problem.extra["plan"],
                    contacts=problem.extra["contacts"],
                    by=await signer(tx, call),
                    again=again,
                    now=call.now,
                )
                if asked.waits:
                    await approving.tell_approvers(
                        tx, call.workspace_id, campaign_id, asked, now=call.now
                    )
        raise


def _shape(one: Approval) -> ApprovalShape:
    return ApprovalShape(
        plan=one.plan,
        contacts=one.contacts,
        asked_by=one.asked_by,
        asked_name=one.asked_name,
        asked_at=instant(one.asked_at),
        approved_by=one.approved_by,
        approved_name=one.approved_name,
        approved_at=maybe_instant(one.approved_at),
        declined_by=one.declined_by,
        declined_name=one.declined_name,
        declined_at=maybe_instant(one.declined_at),
        reason=one.reason,
    )


@get("/campaigns/{name:str}/approvals", opt=needs("campaigns:read"), tags=["Campaigns"])
async def list_approvals(call: Caller, name: FromPath[str]) -> Page[ApprovalShape]:
    """The plans of a campaign that a second person must approve, and their word, newest first."""
    async with call.transaction() as tx:
        found = await publish.find(tx, call.workspace_id, name)
        held = await approvals.listing(tx, call.workspace_id, found.id)
    return Page([_shape(one) for one in held], None)


@post(
    "/campaigns/{name:str}/approve",
    opt={**needs("campaigns:publish"), **reads(Agreed)},
    tags=["Campaigns"],
    status_code=200,
)
async def approve_campaign(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> ApprovalShape:
    """Approve a plan that somebody else has asked for; they can start then.

    It takes a token of a colleague with the role `approver` or `admin`; nobody approves their own.
    Without the plan's hash the answer (428) is the plan that waits.
    """
    body = await bodies.read(request, Agreed, default=Agreed())
    async with call.transaction() as tx:
        found = await publish.find(tx, call.workspace_id, name)
        given = await approvals.approve(
            tx,
            call.workspace_id,
            found.id,
            plan=body.plan,
            by=await signer(tx, call),
            now=call.now,
        )
        await approving.tell_asker(tx, call.workspace_id, found.id, given, now=call.now)
    return _shape(given)


@post(
    "/campaigns/{name:str}/decline",
    opt={**needs("campaigns:publish"), **reads(Declined)},
    tags=["Campaigns"],
    status_code=200,
)
async def decline_campaign(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> ApprovalShape:
    """Say no to a plan that somebody has asked for; they are told, with the reason.

    It takes a token of a colleague with the role `approver` or `admin`; whoever asked takes it back
    by it. What was approved and has not started is declined too. It stays declined until somebody
    asks with `ask_again`. Without the plan's hash the answer (428) is the plan that waits.
    """
    body = await bodies.read(request, Declined, default=Declined())
    async with call.transaction() as tx:
        found = await publish.find(tx, call.workspace_id, name)
        given = await declining.decline(
            tx,
            call.workspace_id,
            found.id,
            plan=body.plan,
            reason=body.reason,
            by=await signer(tx, call),
            now=call.now,
        )
        await telling.tell_asker(tx, call.workspace_id, found.id, given, now=call.now)
    return _shape(given)


HANDLERS: Final[list[HTTPRouteHandler]] = [list_approvals, approve_campaign, decline_campaign]
