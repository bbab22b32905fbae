"""`POST /v1/send`: one message now, to a contact or an address."""

from typing import Any, Final

import msgspec
from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler

from headless.api import bodies, repeats
from headless.api.auth import Caller, needs
from headless.api.openapi import also, reads
from headless.api.routes.messages import MessageShape, shape
from headless.audience.remembered import ring
from headless.campaigns import messages, sending
from headless.campaigns.ingest import Who
from headless.campaigns.sending import Send
from headless.problems import Problem
from headless.storage.codes import Channel


class SendAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One message: an `email`, an `sms` or a `push_message` by its id or name, with `data` for its
    template.

    It is `transactional` unless it says otherwise: it goes to those, too, who unsubscribed from
    marketing, and to an address that is new here. Nothing goes to a dead address, or to somebody
    who complained.
    """

    contact: Who
    email: str | None = None
    sms: str | None = None
    push_message: str | None = None
    data: dict[str, Any] = {}
    transactional: bool = True


@post(
    "/send",
    opt={**needs("messages:write"), **reads(SendAsk), **also(200)},
    tags=["Messages"],
    status_code=202,
)
async def send_message(request: Request[Any, Any, Any], call: Caller) -> Response[MessageShape]:
    """Send one message now, by the same outbox as campaigns do; `why` tells what became of it.

    `Idempotency-Key` is the message's own name: whoever asks again, however much later, gets the
    same message, and nothing is sent twice.
    """
    body = await bodies.read(request, SendAsk)
    named = {Channel.EMAIL: body.email, Channel.SMS: body.sms, Channel.PUSH: body.push_message}
    chosen = [(channel, name) for channel, name in named.items() if name is not None]
    if len(chosen) != 1:
        raise Problem("invalid_body", "name one of `email`, `sms` and `push_message`")
    ((channel, name),) = chosen
    wanted = Send(
        who=body.contact,
        channel=channel,
        name=name,
        values=body.data,
        transactional=body.transactional,
        key=repeats.key_of(request),
    )
    sent = await sending.send(
        call.database,
        call.workspace_id,
        wanted,
        hashes=ring(call.house.settings.secret_keys),
        now=call.now,
    )
    async with call.transaction() as tx:
        found = shape(await messages.find(tx, call.workspace_id, sent.message_id))
    headers = {"Location": f"/v1/messages/{found.id}"}
    return Response(found, status_code=200 if sent.again else 202, headers=headers)


HANDLERS: Final[list[HTTPRouteHandler]] = [send_message]
