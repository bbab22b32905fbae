"""`/v1/fields`: what a workspace knows of its contacts, and of which type it is.

A field is named in a path by its id or its name.
"""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import UNSET, UnsetType

from headless import ids
from headless.api import bodies
from headless.api.auditing import shows_nobody
from headless.api.auth import Caller, needs
from headless.api.openapi import reads
from headless.api.shapes import Instant, Page, instant
from headless.audience import fields
from headless.audience.field_values import FieldType
from headless.audience.fields import Field
from headless.problems import Problem

Label = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Description = Annotated[str, msgspec.Meta(max_length=1000)]


class NewField(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A field to make; its name and its type are for good.

    `personal` says that even a number in it is about somebody: it does not stay in copies in which
    nobody can be recognised.
    """

    name: str
    type: FieldType
    label: Label | None = None
    description: Description | None = None
    personal: bool = False


class FieldChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be said of a field; absent keeps, null clears. Another `type` is refused."""

    label: Label | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET
    personal: bool | UnsetType = UNSET
    type: FieldType | UnsetType = UNSET


class FieldShape(msgspec.Struct, frozen=True):
    """A field of the workspace's contacts."""

    id: str
    name: str
    type: FieldType
    label: str | None
    description: str | None
    personal: bool
    created_at: Instant


def _shape(field: Field) -> FieldShape:
    return FieldShape(
        id=ids.encode("fld", field.id),
        name=field.name,
        type=field.type,
        label=field.label,
        description=field.description,
        personal=field.personal,
        created_at=instant(field.created_at),
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
        told = await fields.describe(
            tx,
            call.workspace_id,
            made.name,
            label=body.label,
            description=body.description,
            personal=body.personal,
        )
    return Response(_shape(told), status_code=201, headers={"Location": f"/v1/fields/{told.name}"})


@get("/fields", opt={**needs("contacts:read"), **shows_nobody()}, tags=["Fields"])
async def list_fields(call: Caller) -> Page[FieldShape]:
    """All fields; there are 500 at most."""
    async with call.transaction() as tx:
        known = await fields.known(tx, call.workspace_id)
    return Page([_shape(field) for field in known.values()], None)


@get("/fields/{name:str}", opt={**needs("contacts:read"), **shows_nobody()}, tags=["Fields"])
async def get_field(call: Caller, name: FromPath[str]) -> FieldShape:
    """One field."""
    async with call.transaction() as tx:
        return _shape(await fields.find(tx, call.workspace_id, name))


@patch(
    "/fields/{name:str}",
    opt={**needs("contacts:write"), **reads(FieldChange)},
    tags=["Fields"],
)
async def change_field(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> FieldShape:
    """Say something else of a field: its label, what it is for, whether it is personal.

    Its type is for good (409): what contacts have in it was checked against it.
    """
    body = await bodies.read(request, FieldChange)
    async with call.transaction() as tx:
        known = await fields.find(tx, call.workspace_id, name)
        if body.type not in (UNSET, known.type):
            raise Problem(
                "wrong_state",
                f"`{known.name}` is of type {known.type} for good; make a field of type "
                f"{body.type} under another name, fill it by an import, and delete this one",
            )
        changed = await fields.describe(
            tx,
            call.workspace_id,
            known.name,
            label=body.label,
            description=body.description,
            personal=body.personal,
        )
    return _shape(changed)


@delete("/fields/{name:str}", opt=needs("contacts:write"), tags=["Fields"], status_code=204)
async def delete_field(call: Caller, name: FromPath[str]) -> None:
    """Delete a field that nothing speaks of and no contact has.

    What uses it is listed (409 `in_use`): campaigns, segments, emails and other texts, forms,
    integrations, or how many contacts have a value in it.
    """
    async with call.transaction() as tx:
        await fields.remove(tx, call.workspace_id, name)


HANDLERS: Final[list[HTTPRouteHandler]] = [
    create_field, list_fields, get_field, change_field, delete_field,
]  # fmt: skip
