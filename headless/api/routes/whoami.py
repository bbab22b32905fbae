"""`GET /v1/whoami`: the first call of every integration."""

from typing import Final

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler

from headless import __version__, ids
from headless.api.auth import Caller, needs
from headless.api.shapes import Instant, instant, maybe_instant
from headless.workspace import workspaces
from headless.workspace.tokens import Token
from headless.workspace.workspaces import Workspace

_LANGUAGE: Final = 1


class WorkspaceShape(msgspec.Struct, frozen=True):
    """The workspace that the token belongs to."""

    id: str
    name: str
    mode: str
    time_zone: str


class TokenShape(msgspec.Struct, frozen=True):
    """What is known of the token that the call came with."""

    id: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    member_id: str | None
    expires_at: Instant | None


class ServerShape(msgspec.Struct, frozen=True):
    """The service that answers."""

    version: str
    language: int
    now: Instant


class WhoAmI(msgspec.Struct, frozen=True):
    """Who calls whom."""

    workspace: WorkspaceShape
    token: TokenShape
    server: ServerShape


def _workspace(known: Workspace) -> WorkspaceShape:
    return WorkspaceShape(ids.encode("wsp", known.id), known.name, known.mode, known.time_zone)


def _token(known: Token) -> TokenShape:
    return TokenShape(
        ids.encode("tok", known.id),
        known.name,
        known.prefix,
        known.scopes,
        None if known.member_id is None else ids.encode("mem", known.member_id),
        maybe_instant(known.expires_at),
    )


@get("/whoami", opt=needs(), tags=["Access"])
async def whoami(call: Caller) -> WhoAmI:
    """The token, its workspace and the server."""
    async with call.transaction() as tx:
        workspace = await workspaces.find(tx, call.workspace_id)
    server = ServerShape(__version__, _LANGUAGE, instant(call.now))
    return WhoAmI(_workspace(workspace), _token(call.token), server)


HANDLERS: Final[list[HTTPRouteHandler]] = [whoami]
