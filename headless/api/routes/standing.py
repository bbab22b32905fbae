"""`/v1/stages`, `/v1/tags`, `/v1/point-groups`, `/v1/owners`: the names that contacts are given.

They come into being by use; these lists are for editors, and for whoever wants to know.
"""

from typing import Any, Final

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from sqlalchemy import Table, select

from headless.api.auditing import shows_nobody
from headless.api.auth import Call, Caller, needs
from headless.api.shapes import Cursor, Limit, Page, after, page
from headless.storage import tables


class Named(msgspec.Struct, frozen=True):
    """A name that campaigns and conditions can speak of."""

    name: str


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


HANDLERS: Final[list[HTTPRouteHandler]] = [list_stages, list_tags, list_point_groups, list_owners]
