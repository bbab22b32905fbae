"""`/v1/hold`: stop handing over what a workspace, a channel or a campaign sends, and let it go."""

from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler

from headless import ids
from headless.api import bodies
from headless.api.auditing import shows_nobody
from headless.api.auth import Call, Caller, needs
from headless.api.openapi import reads
from headless.api.shapes import Instant, instant
from headless.campaigns import publish
from headless.campaigns.messages import ChannelWord
from headless.problems import Problem
from headless.slack.flows import holding
from headless.storage.codes import Channel, word
from headless.storage.database import Transaction
from headless.workspace import hold
from headless.workspace.hold import Hold


class HoldWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to hold: a `channel`, a `campaign` (its id or name), or, with neither, everything.

    `on: false` lets it go; what has gathered is handed over at once, at the channels' rates.
    """

    on: bool = True
    channel: ChannelWord | None = None
    campaign: str | None = None
    reason: Annotated[str, msgspec.Meta(max_length=hold.MOST_WORDS)] = ""


class HoldShape(msgspec.Struct, frozen=True):
    """One hold that stands; `channel` or `campaign_id` says of what, both null: of everything."""

    scope: Literal["workspace", "channel", "campaign"]
    channel: str | None
    campaign_id: str | None
    reason: str
    actor: str
    since: Instant


class HeldShape(msgspec.Struct, frozen=True):
    """The holds that stand; `held` says that everything is held."""

    held: bool
    holds: list[HoldShape]


def _shape(each: Hold) -> HoldShape:
    return HoldShape(
        scope=each.scope,
        channel=word(Channel(each.subject)) if each.scope == "channel" else None,
        campaign_id=ids.encode("cmp", each.subject) if each.scope == "campaign" else None,
        reason=each.reason,
        actor=each.actor,
        since=instant(each.since),
    )


async def _standing(tx: Transaction, workspace_id: int) -> HeldShape:
    found = [_shape(each) for each in await hold.holds(tx, workspace_id)]
    return HeldShape(any(each.scope == hold.WORKSPACE for each in found), found)


async def _scope(tx: Transaction, call: Call, body: HoldWrite) -> str:
    if body.channel is not None and body.campaign is not None:
        raise Problem("invalid_body", "hold a `channel` or a `campaign`, one at a time")
    if body.channel is not None:
        return hold.of_channel(Channel[body.channel.upper()])
    if body.campaign is not None:
        return hold.of_campaign((await publish.find(tx, call.workspace_id, body.campaign)).id)
    return hold.WORKSPACE


@get("/hold", opt={**needs("messages:read", "messages:write"), **shows_nobody()}, tags=["Messages"])
async def get_hold(call: Caller) -> HeldShape:
    """What is held: none of it is handed over; everything else goes on."""
    async with call.transaction() as tx:
        return await _standing(tx, call.workspace_id)


@post(
    "/hold",
    opt={**needs("messages:write"), **reads(HoldWrite)},
    tags=["Messages"],
    status_code=200,
)
async def set_hold(request: Request[Any, Any, Any], call: Caller) -> HeldShape:
    """Hold a channel, a campaign or everything, or let it go; doing it again changes nothing.

    Contacts move on and messages gather in the outbox; what is on the wire still arrives.
    """
    body = await bodies.read(request, HoldWrite)
    async with call.transaction() as tx:
        scope, actor = await _scope(tx, call, body), f"token {call.token.name}"
        new = await hold.hold(
            tx,
            call.workspace_id,
            scope=scope,
            on=body.on,
            reason=body.reason,
            actor=actor,
            now=call.now,
        )
        if new and scope == hold.WORKSPACE and not body.on:  # of a hold Slack hears by itself
            await holding.tell_released(tx, call.workspace_id, actor, now=call.now)
        return await _standing(tx, call.workspace_id)


HANDLERS: Final[list[HTTPRouteHandler]] = [get_hold, set_hold]
