"""`/v1/stages`, `/v1/tags`, `/v1/point-groups`, `/v1/owners`: the names that contacts are given.

Most come into being by use; whoever wants them before that makes them here, and deletes those that
nothing speaks of.
"""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from sqlalchemy import ColumnElement, Table, exists, func, select
from sqlalchemy import delete as delete_from

from headless.api import bodies
from headless.api.auditing import shows_nobody
from headless.api.auth import Call, Caller, needs
from headless.api.openapi import also, reads
from headless.api.shapes import Cursor, Limit, Page, after, page
from headless.problems import Problem
from headless.storage import tables
from headless.workspace import names, uses

_TABLES: Final = {"stage": tables.stage, "tag": tables.tag, "group": tables.point_group}


class Named(msgspec.Struct, frozen=True):
    """A name that campaigns and conditions can speak of."""

    name: str


class NewName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it is to be called."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]


async def _names(call: Call, table: Table, limit: int, cursor: str | None) -> Page[Named]:
    start = after(cursor, list=table.name)
    async with call.transaction() as tx:
        found = await tx.execute(
            select(table.c.id, table.c.name)
            .where(table.c.workspace_id == call.workspace_id, table.c.id > (start or 0))
            .order_by(table.c.id)
            .limit(limit + 1)
        )
        rows: list[Any] = list(found)
    return page(rows, limit, lambda row: row.id, lambda row: Named(row.name), list=table.name)


@get("/stages", opt={**needs("contacts:read"), **shows_nobody()}, tags=["Contacts"])
async def list_stages(call: Caller, limit: Limit = 50, cursor: Cursor = None) -> Page[Named]:
    """The stages that contacts can be in."""
    return await _names(call, tables.stage, limit, cursor)


@get("/tags", opt={**needs("contacts:read"), **shows_nobody()}, tags=["Contacts"])
async def list_tags(call: Caller, limit: Limit = 50, cursor: Cursor = None) -> Page[Named]:
    """The tags that contacts can have."""
    return await _names(call, tables.tag, limit, cursor)


@get("/point-groups", opt={**needs("contacts:read"), **shows_nobody()}, tags=["Contacts"])
async def list_point_groups(call: Caller, limit: Limit = 50, cursor: Cursor = None) -> Page[Named]:
    """The groups that points are counted in beside the plain ones."""
    return await _names(call, tables.point_group, limit, cursor)


@get("/owners", opt={**needs("contacts:read"), **shows_nobody()}, tags=["Contacts"])
async def list_owners(call: Caller, limit: Limit = 50, cursor: Cursor = None) -> Page[Named]:
    """The colleagues who can own contacts."""
    return await _names(call, tables.member, limit, cursor)


async def _make(request: Request[Any, Any, Any], call: Call, kind: str) -> Response[Named]:
    body = await bodies.read(request, NewName)
    name = body.name.strip()
    if not name or not name.isprintable() or '"' in name:
        raise Problem("invalid_value", "`name` has letters, no quotes, no line breaks or the like")
    async with call.transaction() as tx:
        table = _TABLES[kind]
        mine = (table.c.workspace_id == call.workspace_id, func.lower(table.c.name) == name.lower())
        known = await tx.scalar(select(table.c.name).where(*mine))
        if known is None:
            await names.made(tx, call.workspace_id, kind, [name], now=call.now)
    return Response(Named(known or name), status_code=201 if known is None else 200)


async def _delete(call: Call, kind: str, name: str) -> None:
    table = _TABLES[kind]
    mine = (table.c.workspace_id == call.workspace_id, func.lower(table.c.name) == name.lower())
    async with call.transaction() as tx:
        found = (await tx.execute(select(table.c.id, table.c.name).where(*mine))).one_or_none()
        if found is None:
            raise Problem("not_found", f"there is no {kind} `{name[:60]}`")
        await uses.refuse_used(tx, call.workspace_id, kind, found.id, found.name)
        if await tx.scalar(select(_had(kind, call.workspace_id, found.id, found.name))):
            raise Problem(
                "in_use", f"contacts have the {kind} `{found.name}`; take it from them first"
            )
        await tx.execute(delete_from(table).where(*mine))


def _had(kind: str, workspace_id: int, number: int, name: str) -> ColumnElement[bool]:
    """Whether any contact has it."""
    match kind:
        case "tag":
            held = tables.contact_tag
            wanted = held.c.tag_id == number
        case "group":
            held = tables.contact_points
            wanted = held.c.group_id == number
        case _:
            held = tables.contact
            wanted = func.lower(held.c.stage) == name.lower()
    return exists().where(held.c.workspace_id == workspace_id, wanted)


_WRITES: Final[dict[str, Any]] = {
    "opt": {**needs("contacts:write"), **reads(NewName), **also(200)},
    "tags": ["Contacts"],
    "status_code": 201,
}
_ENDS: Final[dict[str, Any]] = {
    "opt": needs("contacts:write"),
    "tags": ["Contacts"],
    "status_code": 204,
}


@post("/stages", **_WRITES)
async def create_stage(request: Request[Any, Any, Any], call: Caller) -> Response[Named]:
    """Make a stage that contacts can be in: 201 for a new one, 200 for one that is there."""
    return await _make(request, call, "stage")


@post("/tags", **_WRITES)
async def create_tag(request: Request[Any, Any, Any], call: Caller) -> Response[Named]:
    """Make a tag before any contact has it: 201 for a new one, 200 for one that is there."""
    return await _make(request, call, "tag")


@post("/point-groups", **_WRITES)
async def create_point_group(request: Request[Any, Any, Any], call: Caller) -> Response[Named]:
    """Make a group of points: 201 for a new one, 200 for one that is there."""
    return await _make(request, call, "group")


@delete("/stages/{name:str}", **_ENDS)
async def delete_stage(call: Caller, name: FromPath[str]) -> None:
    """Delete a stage that no contact is in and nothing names."""
    await _delete(call, "stage", name)


@delete("/tags/{name:str}", **_ENDS)
async def delete_tag(call: Caller, name: FromPath[str]) -> None:
    """Delete a tag that no contact has and nothing names."""
    await _delete(call, "tag", name)


@delete("/point-groups/{name:str}", **_ENDS)
async def delete_point_group(call: Caller, name: FromPath[str]) -> None:
    """Delete a group of points that no contact has any in and nothing names."""
    await _delete(call, "group", name)


HANDLERS: Final[list[HTTPRouteHandler]] = [
    list_stages, create_stage, delete_stage, list_tags, create_tag, delete_tag,
    list_point_groups, create_point_group, delete_point_group, list_owners,
]  # fmt: skip
