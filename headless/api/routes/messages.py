"""`/v1/messages`: the outbox and its history, and what a person decides about what stands in it."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter

from headless import ids
from headless.api.auth import Caller, needs
from headless.api.page import shown
from headless.api.routes.emails import PreviewShape
from headless.api.shapes import (
    Cursor,
    Instant,
    Limit,
    Page,
    after,
    instant,
    maybe_instant,
    number,
    page,
)
from headless.campaigns import messages, publish
from headless.campaigns.messages import ChannelWord, Filter, Listed, StateWord
from headless.channels import previews
from headless.storage.codes import word


class MessageShape(msgspec.Struct, frozen=True):
    """A message; `reason` says why it is parked, skipped, uncertain or tried again.

    `campaign` is null for one that no campaign made. `tracked` says of an email that was made
    ready whether it counts opens and clicks.
    """

    id: str
    contact_id: str
    campaign_id: str | None
    campaign: str | None
    channel: str
    state: str
    attempts: int
    created_at: Instant
    due_at: Instant | None
    sent_at: Instant | None
    reason: str | None
    tracked: bool | None


def shape(row: Listed) -> MessageShape:
    """A message as answers show it."""
    return MessageShape(
        id=ids.encode("msg", row.id),
        contact_id=ids.encode("con", row.contact_id),
        campaign_id=None if row.campaign_id is None else ids.encode("cmp", row.campaign_id),
        campaign=row.campaign,
        channel=word(row.channel),
        state=word(row.state),
        attempts=row.attempts,
        created_at=instant(row.created_at),
        due_at=maybe_instant(row.due_at),
        sent_at=maybe_instant(row.sent_at),
        reason=row.reason,
        tracked=row.tracked,
    )


@get("/messages", opt=needs("messages:read"), tags=["Messages"])
async def list_messages(
    call: Caller,
    limit: Limit = 50,
    cursor: Cursor = None,
    message_state: Annotated[StateWord | None, QueryParameter(name="state")] = None,
    channel: FromQuery[ChannelWord | None] = None,
    campaign: FromQuery[str | None] = None,
    contact: Annotated[str | None, QueryParameter(description="the contact's id, `con_…`")] = None,
) -> Page[MessageShape]:
    """The workspace's messages, the newest first; `state=parked` and `state=uncertain` are those
    that a person has to decide on."""
    filters = {
        "list": "messages",
        "state": message_state,
        "channel": channel,
        "campaign": campaign,
        "contact": contact,
    }
    start = after(cursor, **filters)
    async with call.transaction() as tx:
        made_by = None
        if campaign is not None:
            made_by = (await publish.find(tx, call.workspace_id, campaign)).id
        wanted = Filter(
            state=message_state,
            channel=channel,
            campaign_id=made_by,
            contact_id=None if contact is None else number("con", contact),
        )
        rows = await messages.listing(tx, call.workspace_id, wanted, limit=limit + 1, before=start)
    return page(rows, limit, lambda row: row.id, shape, **filters)


@get("/messages/{message_id:str}", opt=needs("messages:read"), tags=["Messages"])
async def get_message(call: Caller, message_id: FromPath[str]) -> MessageShape:
    """One message and how far it has come."""
    async with call.transaction() as tx:
        return shape(await messages.find(tx, call.workspace_id, number("msg", message_id)))


@get("/messages/{message_id:str}/preview", opt=needs("messages:read"), tags=["Messages"])
async def preview_message(
    request: Request[Any, Any, Any], call: Caller, message_id: FromPath[str]
) -> Response[Any]:
    """The email that a message carries, without counting anything; `text/html` its html alone."""
    async with call.transaction() as tx:
        made = await previews.of_message(
            tx,
            call.workspace_id,
            number("msg", message_id),
            base_url=call.house.settings.url,
            now=call.now,
        )
    accept = request.headers.get("accept", "")
    if "text/html" in accept and "json" not in accept:
        return shown(made.html)
    return Response(PreviewShape(made.sender, made.subject, made.html, made.text, made.size))


@post(
    "/messages/{message_id:str}/retry",
    opt=needs("messages:write"),
    tags=["Messages"],
    status_code=200,
)
async def retry_message(call: Caller, message_id: FromPath[str]) -> MessageShape:
    """Send a parked or uncertain message once more; an uncertain one may arrive twice."""
    async with call.transaction() as tx:
        wanted = number("msg", message_id)
        return shape(await messages.retry(tx, call.workspace_id, wanted, now=call.now))


@post(
    "/messages/{message_id:str}/drop",
    opt=needs("messages:write"),
    tags=["Messages"],
    status_code=200,
)
async def drop_message(call: Caller, message_id: FromPath[str]) -> MessageShape:
    """End a message that is pending, parked or uncertain: it is never sent."""
    async with call.transaction() as tx:
        return shape(await messages.drop(tx, call.workspace_id, number("msg", message_id)))


HANDLERS: Final[list[HTTPRouteHandler]] = [
    list_messages, get_message, preview_message, retry_message, drop_message,
]  # fmt: skip
