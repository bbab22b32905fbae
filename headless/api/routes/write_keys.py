"""`/v1/write-keys`: public keys for web pages and apps that report through an SDK."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from headless import ids
from headless.api import bodies
from headless.api.auth import Caller, needs
from headless.api.openapi import reads
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
from headless.workspace import workspaces, write_keys
from headless.workspace.write_keys import MOST_ORIGINS, WriteKey

_SCOPES: Final = ("tokens:write",)


class WriteKeyShape(msgspec.Struct, frozen=True):
    """A public key; `origins` are the web sites that may use it, none: any."""

    id: str
    name: str
    key: str
    origins: tuple[str, ...]
    created_at: Instant
    revoked_at: Instant | None


class MadeWriteKey(msgspec.Struct, frozen=True):
    """A new public key. With `user_hash_secret`, shown now only, your server proves who is who:
    `userHash` is HMAC-SHA256 of the user's id under it, in hexadecimal."""

    id: str
    name: str
    key: str
    origins: tuple[str, ...]
    created_at: Instant
    user_hash_secret: str


class WriteKeyWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A public key to make; `origins` such as `https://shop.example.com`."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    origins: Annotated[list[str], msgspec.Meta(max_length=MOST_ORIGINS)] = []


def _shape(known: WriteKey) -> WriteKeyShape:
    return WriteKeyShape(
        id=ids.encode("wrk", known.id),
        name=known.name,
        key=known.key,
        origins=known.origins,
        created_at=instant(known.created_at),
        revoked_at=maybe_instant(known.revoked_at),
    )


@get("/write-keys", opt=needs("tokens:read", "tokens:write"), tags=["Access"])
async def list_write_keys(
    call: Caller, limit: Limit = 50, cursor: Cursor = None
) -> Page[WriteKeyShape]:
    """The workspace's public keys, those that were revoked too, in the order of their making."""
    above = after(cursor, list="write-keys") or 0
    async with call.transaction() as tx:
        rows = await write_keys.listing(tx, call.workspace_id, limit=limit + 1, above=above)
    return page(rows, limit, lambda row: row.id, _shape, list="write-keys")


@post(
    "/write-keys",
    opt={**needs(*_SCOPES), **reads(WriteKeyWrite)},
    tags=["Access"],
    status_code=201,
)
async def create_write_key(request: Request[Any, Any, Any], call: Caller) -> Response[MadeWriteKey]:
    """Make a public key for web pages and apps; it may only say what its own visitors do."""
    body = await bodies.read(request, WriteKeyWrite)
    async with call.transaction() as tx:
        workspace = await workspaces.find(tx, call.workspace_id)
        made = await write_keys.make(
            tx,
            call.workspace_id,
            body.name,
            body.origins,
            kind=workspace.token_kind,
            now=call.now,
        )
    shown = MadeWriteKey(
        id=ids.encode("wrk", made.id),
        name=made.name,
        key=made.key,
        origins=made.origins,
        created_at=instant(made.created_at),
        user_hash_secret=write_keys.secret(call.house.settings.secret_keys, made.id),
    )
    return Response(shown, status_code=201, headers={"Cache-Control": "no-store"})


@delete("/write-keys/{key_id:str}", opt=needs(*_SCOPES), tags=["Access"], status_code=204)
async def revoke_write_key(call: Caller, key_id: FromPath[str]) -> None:
    """End a public key at once; it stays in the list. A second time changes nothing."""
    async with call.transaction() as tx:
        await write_keys.revoke(tx, call.workspace_id, number("wrk", key_id), now=call.now)


HANDLERS: Final[list[HTTPRouteHandler]] = [list_write_keys, create_write_key, revoke_write_key]
