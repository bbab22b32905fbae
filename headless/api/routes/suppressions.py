"""`/v1/suppressions`: who gets nothing more on a channel; written by hand and lifted with a reason.

Addresses stand in bodies only, never in a path or a query.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter

from headless import ids
from headless.api import bodies
from headless.api.auth import Caller, needs
from headless.api.openapi import reads
from headless.api.shapes import Cursor, Instant, Limit, Page, after, instant, number, page
from headless.audience import contacts
from headless.channels import suppressed
from headless.channels.suppressed import Place, Suppressed
from headless.channels.suppressions import Reason
from headless.problems import Problem
from headless.storage.codes import Channel, word

ChannelWord = Literal["email", "sms", "push"]
_WIDTH: Final = 16
"""A cursor is a contact's number times this, plus the channel."""


class SuppressionShape(msgspec.Struct, frozen=True):
    """A contact that gets nothing on a channel, why, and on whose word; `email` is null where the
    contact was erased."""

    contact_id: str
    email: str | None
    channel: str
    reason: str
    source: str
    at: Instant


class SuppressionWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to send nothing more: `contact_id` or `email`; `because` says why."""

    because: Annotated[str, msgspec.Meta(min_length=1, max_length=suppressed.MOST_WORDS)]
    contact_id: str | None = None
    email: str | None = None
    channel: ChannelWord = "email"


def _shape(row: Suppressed) -> SuppressionShape:
    return SuppressionShape(
        contact_id=ids.encode("con", row.contact_id),
        email=row.email,
        channel=word(row.channel),
        reason=row.reason,
        source=row.source,
        at=instant(row.at),
    )


@get("/suppressions", opt=needs("suppressions:read"), tags=["Suppressions"])
async def list_suppressions(
    call: Caller,
    limit: Limit = 50,
    cursor: Cursor = None,
    channel: FromQuery[ChannelWord | None] = None,
    reason: FromQuery[Reason | None] = None,
    contact: Annotated[str | None, QueryParameter(description="the contact's id, `con_…`")] = None,
) -> Page[SuppressionShape]:
    """Who gets nothing on which channel, in the order of the contacts."""
    filters = {"list": "suppressions", "channel": channel, "reason": reason, "contact": contact}
    start = after(cursor, **filters)
    async with call.transaction() as tx:
        rows = await suppressed.listing(
            tx,
            call.workspace_id,
            limit=limit + 1,
            above=None if start is None else Place(*divmod(start, _WIDTH)),
            channel=None if channel is None else Channel[channel.upper()],
            contact_id=None if contact is None else number("con", contact),
            reason=reason,
        )
    return page(rows, limit, _place, _shape, **filters)


def _place(row: Suppressed) -> int:
    return row.contact_id * _WIDTH + int(row.channel)


@post(
    "/suppressions",
    opt={**needs("suppressions:write"), **reads(SuppressionWrite)},
    tags=["Suppressions"],
    status_code=201,
)
async def suppress_contact(request: Request[Any, Any, Any], call: Caller) -> SuppressionShape:
    """Send a contact nothing more on a channel; a bounce or a complaint stays what it is."""
    body = await bodies.read(request, SuppressionWrite)
    if (body.contact_id is None) == (body.email is None):
        raise Problem("invalid_body", "name the contact by `contact_id` or by `email`, not by both")
    async with call.transaction() as tx:
        if body.contact_id is not None:
            who = number("con", body.contact_id)
        else:
            who = (await contacts.lookup(tx, call.workspace_id, email=body.email)).id
        made = await suppressed.by_hand(
            tx,
            call.workspace_id,
            who,
            Channel[body.channel.upper()],
            because=body.because,
            now=call.now,
        )
    return _shape(made)


@delete(
    "/suppressions/{contact_id:str}/{channel:str}",
    opt=needs("suppressions:write"),
    tags=["Suppressions"],
    status_code=204,
)
async def lift_suppression(
    call: Caller,
    contact_id: FromPath[str],
    channel: FromPath[str],
    reason: Annotated[
        str, QueryParameter(description="why they may be written to again; it is kept")
    ],
) -> None:
    """Let a contact be written to again on a channel; whoever does it answers for the reason."""
    if channel not in ("email", "sms", "push"):
        raise Problem("not_found", f"there is no channel `{channel[:60]}`: email, sms or push")
    async with call.transaction() as tx:
        await suppressed.lift(
            tx,
            call.workspace_id,
            number("con", contact_id),
            Channel[channel.upper()],
            because=reason,
            token_id=call.token.id,
            now=call.now,
        )


HANDLERS: Final[list[HTTPRouteHandler]] = [
    list_suppressions, suppress_contact, lift_suppression,
]  # fmt: skip
