"""`/v1/webhooks`: other systems are told of what happens; `/v1/schema`: of what, and in which form.

What is told is signed as Standard Webhooks describes it. Each delivery is kept for 30 days and can
be looked at and sent again.
"""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter
from msgspec import UNSET, UnsetType

from headless import ids
from headless.api import bodies
from headless.api.auth import Call, Caller, needs
from headless.api.mode import need_voice
from headless.api.openapi import reads
from headless.api.shapes import (
    Cursor,
    Instant,
    Limit,
    Page,
    after,
    instant,
    maybe_instant,
    moment,
    number,
    page,
)
from headless.channels.notices import event
from headless.problems import Problem
from headless.storage.database import Transaction
from headless.workspace import workspaces
from headless.workspace.webhooks import deliveries, endpoints
from headless.workspace.webhooks.catalogue import TYPES, schema
from headless.workspace.webhooks.deliveries import STATES, Delivery
from headless.workspace.webhooks.deliveries import State as DeliveryWord
from headless.workspace.webhooks.endpoints import Change, Endpoint, State

_READ: Final = ("webhooks:read", "webhooks:write")
_WRITE: Final = "webhooks:write"
_TAGS: Final = ["Webhooks"]
_URL_LIMIT: Final = 2_000
_Url = Annotated[str, msgspec.Meta(min_length=1, max_length=_URL_LIMIT)]
_Words = Annotated[str, msgspec.Meta(max_length=500)]
_Types = Annotated[list[str], msgspec.Meta(max_length=100)]


class WebhookWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to tell of what. No `events`: of all. With `batch` they come together, up to 100, a
    second late."""

    url: _Url
    events: _Types = []
    description: _Words | None = None
    batch: bool = False


class WebhookChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to change; what is not given stays. `enabled` turns a disabled one on again."""

    url: _Url | UnsetType = UNSET
    events: _Types | UnsetType = UNSET
    description: _Words | UnsetType | None = UNSET
    batch: bool | UnsetType = UNSET
    state: State | UnsetType = UNSET


class WebhookShape(msgspec.Struct, frozen=True):
    """An endpoint; `failing_since` is when it took something the last time before it failed."""

    id: str
    url: str
    events: tuple[str, ...]
    description: str | None
    batch: bool
    state: State
    reason: str | None
    failing_since: Instant | None
    created_at: Instant
    updated_at: Instant


class MadeWebhook(msgspec.Struct, frozen=True):
    """An endpoint with the secret that its receiver verifies with, which is shown now only."""

    id: str
    url: str
    events: tuple[str, ...]
    state: State
    secret: str
    created_at: Instant


class DeliveryShape(msgspec.Struct, frozen=True):
    """One event for one endpoint; `event` is what is sent, `status` and `answer` what came back."""

    id: str
    event: dict[str, Any]
    state: DeliveryWord
    attempts: int
    next_attempt_at: Instant | None
    status: int | None
    answer: str | None
    ended_at: Instant | None


class Replayed(msgspec.Struct, frozen=True):
    """How many deliveries go out once more."""

    replayed: int


class EventType(msgspec.Struct, frozen=True):
    """An event that can be told of, and where its JSON Schema is."""

    type: str
    schema: str


def _shape(known: Endpoint) -> WebhookShape:
    return WebhookShape(
        id=ids.encode("whk", known.id),
        url=known.url,
        events=known.types,
        description=known.description,
        batch=known.batch,
        state=known.state,
        reason=known.reason,
        failing_since=maybe_instant(known.failing_since),
        created_at=instant(known.created_at),
        updated_at=instant(known.updated_at),
    )


def _answer(known: Endpoint) -> Response[WebhookShape]:
    return Response(_shape(known), headers={"ETag": f'"{known.revision}"'})


def _made(known: Endpoint, secret: str) -> Response[MadeWebhook]:
    shown = MadeWebhook(
        id=ids.encode("whk", known.id),
        url=known.url,
        events=known.types,
        state=known.state,
        secret=secret,
        created_at=instant(known.created_at),
    )
    headers = {
        "Cache-Control": "no-store",
        "ETag": f'"{known.revision}"',
        "Location": f"/v1/webhooks/{shown.id}",
    }
    return Response(shown, status_code=201, headers=headers)


def _delivery(known: Delivery) -> DeliveryShape:
    pending = known.state == 0
    return DeliveryShape(
        id=ids.encode("dlv", known.id),
        event=event(known),
        state=STATES[known.state],
        attempts=known.attempts,
        next_attempt_at=instant(known.due_at) if pending else None,
        status=known.status,
        answer=known.answer,
        ended_at=maybe_instant(known.ended_at),
    )


async def _callable(tx: Transaction, call: Call, url: str) -> None:
    """Raise Problem for an address that may not be called."""
    workspace = await workspaces.find(tx, call.workspace_id)
    reason = call.house.notices.obstacle(url, workspace.mode)
    if reason is not None:
        raise Problem("invalid_value", reason)


@get("/webhooks", opt=needs(*_READ), tags=_TAGS)
async def list_webhooks(
    call: Caller, limit: Limit = 50, cursor: Cursor = None
) -> Page[WebhookShape]:
    """The workspace's webhooks in the order of their making."""
    above = after(cursor, list="webhooks") or 0
    async with call.transaction() as tx:
        rows = await endpoints.listing(tx, call.workspace_id, limit=limit + 1, above=above)
    return page(rows, limit, lambda row: row.id, _shape, list="webhooks")


@post("/webhooks", opt={**needs(_WRITE), **reads(WebhookWrite)}, tags=_TAGS, status_code=201)
async def create_webhook(request: Request[Any, Any, Any], call: Caller) -> Response[MadeWebhook]:
    """Have another system told of what happens; the secret is in this answer only."""
    body = await bodies.read(request, WebhookWrite)
    async with call.transaction() as tx:
        await _callable(tx, call, body.url)
        made = await endpoints.create(
            tx,
            call.house.seals,
            call.workspace_id,
            body.url,
            description=body.description,
            types=body.events,
            batch=body.batch,
            now=call.now,
        )
    return _made(*made)


@get("/webhooks/{webhook_id:str}", opt=needs(*_READ), tags=_TAGS)
async def get_webhook(call: Caller, webhook_id: FromPath[str]) -> Response[WebhookShape]:
    """One webhook, without its secret."""
    async with call.transaction() as tx:
        return _answer(await endpoints.find(tx, call.workspace_id, number("whk", webhook_id)))


@patch("/webhooks/{webhook_id:str}", opt={**needs(_WRITE), **reads(WebhookChange)}, tags=_TAGS)
async def change_webhook(
    request: Request[Any, Any, Any], call: Caller, webhook_id: FromPath[str]
) -> Response[WebhookShape]:
    """Change a webhook, or turn a disabled one on again with `{"state": "enabled"}`."""
    body = await bodies.read(request, WebhookChange)
    given = Change(
        url=body.url,
        description=body.description,
        types=body.events,
        batch=body.batch,
        state=body.state,
    )
    async with call.transaction() as tx:
        if not isinstance(body.url, UnsetType):
            await _callable(tx, call, body.url)
        changed = await endpoints.change(
            tx,
            call.workspace_id,
            number("whk", webhook_id),
            given,
            expected=bodies.expected_revision(request),
            now=call.now,
        )
    return _answer(changed)


@delete("/webhooks/{webhook_id:str}", opt=needs(_WRITE), tags=_TAGS, status_code=204)
async def delete_webhook(call: Caller, webhook_id: FromPath[str]) -> None:
    """Delete a webhook with its log; nothing more is sent to it."""
    async with call.transaction() as tx:
        await endpoints.remove(tx, call.workspace_id, number("whk", webhook_id))


@post("/webhooks/{webhook_id:str}/ping", opt=needs(_WRITE), tags=_TAGS, status_code=200)
async def ping_webhook(
    request: Request[Any, Any, Any], call: Caller, webhook_id: FromPath[str]
) -> DeliveryShape:
    """Send a `webhook.ping` now and answer what came of it."""
    need_voice(request)
    if call.dry:
        raise Problem("wrong_state", "a ping cannot be rehearsed: all it does is to send")
    return _delivery(await call.house.notices.ping(call.workspace_id, number("whk", webhook_id)))


@post("/webhooks/{webhook_id:str}/rotate", opt=needs(_WRITE), tags=_TAGS, status_code=201)
async def rotate_webhook(call: Caller, webhook_id: FromPath[str]) -> Response[MadeWebhook]:
    """Make a new secret; for 24 hours both sign, so that the receiver can change over."""
    async with call.transaction() as tx:
        made = await endpoints.rotate(
            tx, call.house.seals, call.workspace_id, number("whk", webhook_id), now=call.now
        )
    return _made(*made)


@get("/webhooks/{webhook_id:str}/deliveries", opt=needs(*_READ), tags=_TAGS)
async def list_deliveries(
    call: Caller,
    webhook_id: FromPath[str],
    limit: Limit = 50,
    cursor: Cursor = None,
    delivery_state: Annotated[DeliveryWord | None, QueryParameter(name="state")] = None,
) -> Page[DeliveryShape]:
    """What a webhook was told in the last 30 days, the newest first."""
    asked = {"list": "deliveries", "webhook": webhook_id, "state": delivery_state}
    before = after(cursor, **asked)
    async with call.transaction() as tx:
        known = await endpoints.find(tx, call.workspace_id, number("whk", webhook_id))
        rows = await deliveries.listing(
            tx, call.workspace_id, known.id, limit=limit + 1, before=before, state=delivery_state
        )
    return page(rows, limit, lambda row: row.id, _delivery, **asked)


@post(
    "/webhooks/{webhook_id:str}/deliveries/{delivery_id:str}/replay",
    opt=needs(_WRITE),
    tags=_TAGS,
    status_code=202,
)
async def replay_delivery(
    call: Caller, webhook_id: FromPath[str], delivery_id: FromPath[str]
) -> DeliveryShape:
    """Send one delivery once more, under the same `webhook-id`."""
    async with call.transaction() as tx:
        known = await endpoints.find(tx, call.workspace_id, number("whk", webhook_id))
        found = await deliveries.find(tx, call.workspace_id, known.id, number("dlv", delivery_id))
        await deliveries.replay(tx, call.workspace_id, known.id, number=found.id, now=call.now)
        return _delivery(await deliveries.find(tx, call.workspace_id, known.id, found.id))


@post("/webhooks/{webhook_id:str}/replay", opt=needs(_WRITE), tags=_TAGS, status_code=202)
async def replay_webhook(
    call: Caller,
    webhook_id: FromPath[str],
    since: Annotated[str, QueryParameter(description="a time such as 2026-11-23T09:30:00Z")],
) -> Replayed:
    """Send once more all that has failed of what happened since a time."""
    begins = moment("since", since)
    async with call.transaction() as tx:
        known = await endpoints.find(tx, call.workspace_id, number("whk", webhook_id))
        count = await deliveries.replay(tx, call.workspace_id, known.id, since=begins, now=call.now)
    return Replayed(count)


@get("/schema", opt=needs(), tags=_TAGS)
async def list_event_types() -> list[EventType]:
    """The events that webhooks can be told of, each with the path of its JSON Schema."""
    return [EventType(type_, f"/v1/schema/{type_}.json") for type_ in TYPES]


@get("/schema/{name:str}", opt=needs(), tags=_TAGS)
async def event_schema(name: FromPath[str]) -> Response[dict[str, Any]]:
    """The JSON Schema of an event: `/v1/schema/message.sent.json`."""
    type_ = name.removesuffix(".json")
    if type_ not in TYPES:
        raise Problem("not_found", f"there is no event `{type_[:60]}`; see `/v1/schema`")
    return Response(schema(type_), media_type="application/schema+json")


HANDLERS: Final[list[HTTPRouteHandler]] = [
    list_webhooks, create_webhook, get_webhook, change_webhook, delete_webhook, ping_webhook,
    rotate_webhook, list_deliveries, replay_delivery, replay_webhook, list_event_types,
    event_schema,
]  # fmt: skip
