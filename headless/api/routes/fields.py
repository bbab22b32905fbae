"""`/v1/fields`: what a workspace knows of its contacts, and of which type it is."""

from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler

from headless import ids
from headless.api import bodies
from headless.api.auditing import shows_nobody
from headless.api.auth import Caller, needs
from headless.api.openapi import reads
from headless.api.shapes import Instant, Page, instant
from headless.audience import fields
from headless.audience.field_values import FieldType
from headless.audience.fields import Field


class NewField(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A field to make; its type is for good."""

    name: str
    type: FieldType


class FieldShape(msgspec.Struct, frozen=True):
    """A field of the workspace's contacts."""

    id: str
    name: str
    type: FieldType
    created_at: Instant


def _shape(field: Field) -> FieldShape:
    return FieldShape(
        ids.encode("fld", field.id), field.name, field.type, instant(field.created_at)
    )


@post(
    "/fields",
    opt={**needs("contacts:write"), **reads(NewField)},
    tags=["Fields"],
    status_code=201,
)
async def create_field(request: Request[Any, Any, Any], call: Caller) -> Response[FieldShape]:
    """Make a field."""
    body = await bodies.read(request, NewField)
    async with call.transaction() as tx:
        made = await fields.create(tx, call.workspace_id, body.name, body.type, now=call.now)
    return Response(_shape(made), status_code=201, headers={"Location": "/v1/fields"})


@get("/fields", opt={**needs("contacts:read"), **shows_nobody()}, tags=["Fields"])
async def list_fields(call: Caller) -> Page[FieldShape]:
    """All fields; there are 500 at most."""
    async with call.transaction() as tx:
        known = await fields.known(tx, call.workspace_id)
    return Page([_shape(field) for field in known.values()], None)


HANDLERS: Final[list[HTTPRouteHandler]] = [create_field, list_fields]
