"""`/v1/companies`: what contacts work for; a path names one by its id or its encoded name."""

from typing import Any, Final

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from headless import ids
from headless.api import bodies
from headless.api.auditing import shows_nobody
from headless.api.auth import Caller, needs
from headless.api.openapi import also, reads
from headless.api.routes.segments import (
    MemberChange,
    MembersChanged,
    MemberShape,
    members_of,
    shape_of_member,
)
from headless.api.shapes import Cursor, Instant, Limit, Page, after, instant, page
from headless.audience import companies
from headless.audience.companies import Company
from headless.audience.field_values import FieldType
from headless.storage.database import Transaction


class CompanyWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A company to make or to change; a field of null is cleared, an absent one stays."""

    name: str
    fields: dict[str, Any] = {}


class CompanyShape(msgspec.Struct, frozen=True):
    """A company and how many contacts belong to it."""

    id: str
    name: str
    points: int
    fields: dict[str, Any]
    members: int
    created_at: Instant
    updated_at: Instant


class CompanyField(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A field of companies; its type is for good."""

    name: str
    type: FieldType


def _shape(known: Company) -> CompanyShape:
    return CompanyShape(
        id=ids.encode("cpy", known.id),
        name=known.name,
        points=known.points,
        fields=known.fields,
        members=known.members,
        created_at=instant(known.created_at),
        updated_at=instant(known.updated_at),
    )


async def _find(tx: Transaction, workspace_id: int, name: str) -> Company:
    return await companies.find(tx, workspace_id, name, ids.decode("cpy", name))


@post(
    "/companies",
    opt={**needs("contacts:write"), **reads(CompanyWrite), **also(200)},
    tags=["Companies"],
    status_code=201,
)
async def save_company(request: Request[Any, Any, Any], call: Caller) -> Response[CompanyShape]:
    """Make a company, or change the one with this name: 201 for a new one, else 200."""
    body = await bodies.read(request, CompanyWrite)
    async with call.transaction() as tx:
        saved, is_new = await companies.save(
            tx, call.workspace_id, body.name, body.fields, now=call.now
        )
    answer = _shape(saved)
    headers = {"Location": f"/v1/companies/{answer.id}"}
    return Response(answer, status_code=201 if is_new else 200, headers=headers)


@get("/companies", opt={**needs("contacts:read"), **shows_nobody()}, tags=["Companies"])
async def list_companies(
    call: Caller, limit: Limit = 50, cursor: Cursor = None
) -> Page[CompanyShape]:
    """The workspace's companies in the order in which they were made."""
    start = after(cursor, list="companies")
    async with call.transaction() as tx:
        rows = await companies.listing(tx, call.workspace_id, limit=limit + 1, after=start)
    return page(rows, limit, lambda row: row.id, _shape, list="companies")


@get("/companies/{name:str}", opt={**needs("contacts:read"), **shows_nobody()}, tags=["Companies"])
async def get_company(call: Caller, name: FromPath[str]) -> CompanyShape:
    """One company."""
    async with call.transaction() as tx:
        return _shape(await _find(tx, call.workspace_id, name))


@delete("/companies/{name:str}", opt=needs("contacts:write"), tags=["Companies"], status_code=204)
async def delete_company(call: Caller, name: FromPath[str]) -> None:
    """Delete a company that nothing names; the contacts that belong to it stay."""
    async with call.transaction() as tx:
        await companies.remove(tx, call.workspace_id, await _find(tx, call.workspace_id, name))


@get("/companies/{name:str}/members", opt=needs("contacts:read"), tags=["Companies"])
async def list_company_members(
    call: Caller, name: FromPath[str], limit: Limit = 50, cursor: Cursor = None
) -> Page[MemberShape]:
    """The contacts that belong to a company."""
    async with call.transaction() as tx:
        known = await _find(tx, call.workspace_id, name)
        start = after(cursor, list="company", of=known.id)
        rows = await companies.members(
            tx, call.workspace_id, known.id, limit=limit + 1, after=start
        )
    return page(
        rows, limit, lambda row: row.contact_id, shape_of_member, list="company", of=known.id
    )


@post(
    "/companies/{name:str}/members",
    opt={**needs("contacts:write"), **reads(MemberChange)},
    tags=["Companies"],
    status_code=200,
)
async def change_company_members(
    request: Request[Any, Any, Any], call: Caller, name: FromPath[str]
) -> MembersChanged:
    """Let contacts belong to a company, or no longer, up to 1,000 each."""
    body = await bodies.read(request, MemberChange)
    async with call.transaction() as tx:
        known = await _find(tx, call.workspace_id, name)
        numbers, unknown = await members_of(tx, call.workspace_id, body)
        added = await companies.join(tx, call.workspace_id, known.id, numbers["add"], now=call.now)
        removed = await companies.leave(tx, call.workspace_id, known.id, numbers["remove"])
    return MembersChanged(added, removed, unknown)


@get("/company-fields", opt={**needs("contacts:read"), **shows_nobody()}, tags=["Companies"])
async def list_company_fields(call: Caller) -> Page[CompanyField]:
    """What the workspace knows of companies; there are 500 fields at most."""
    async with call.transaction() as tx:
        known = await companies.fields(tx, call.workspace_id)
    return Page(
        [msgspec.convert({"name": n, "type": t}, CompanyField) for n, t in known.items()], None
    )


@post(
    "/company-fields",
    opt={**needs("contacts:write"), **reads(CompanyField)},
    tags=["Companies"],
    status_code=201,
)
async def create_company_field(request: Request[Any, Any, Any], call: Caller) -> CompanyField:
    """Make a field of companies."""
    body = await bodies.read(request, CompanyField)
    async with call.transaction() as tx:
        name = await companies.create_field(
            tx, call.workspace_id, body.name, body.type, now=call.now
        )
    return CompanyField(name, body.type)


HANDLERS: Final[list[HTTPRouteHandler]] = [
    save_company, list_companies, get_company, delete_company, list_company_members,
    change_company_members, list_company_fields, create_company_field,
]  # fmt: skip
