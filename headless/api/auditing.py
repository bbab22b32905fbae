"""What of the API is audited: each route that changes something or shows whose data it holds.

It follows from the scopes that a route asks for, so that a new one cannot be forgotten: those with
a scope that writes are acts, those with a scope that shows people are looks, unless the route says
that it shows nobody (`shows_nobody`). What programs report of contacts (`activities:write`) is not
an act: each activity is kept as such.
"""

from typing import Any, Final, Literal

from litestar.handlers import BaseRouteHandler

from headless.api.auth import INGEST, Call, mutates, needs_of
from headless.storage.database import Transaction
from headless.workspace import audit

Deed = Literal["act", "look"]
_PERSONAL: Final = frozenset(
    {"contacts:read", "contacts:export", "messages:read", "suppressions:read"}
)
_NOBODY: Final = "shows_nobody"
_LONGEST: Final = 200


def shows_nobody() -> dict[str, Any]:
    """For the `opt` of a route whose scope is one for people, and whose answer names none."""
    return {_NOBODY: True}


def deed_of(handler: BaseRouteHandler) -> Deed | None:
    """Whether a route acts or looks; None for what is not audited."""
    scopes = needs_of(handler).scopes
    if mutates(handler):
        return None if INGEST in scopes else "act"
    if handler.opt.get(_NOBODY):
        return None
    return "look" if _PERSONAL & set(scopes) else None


async def note(
    tx: Transaction,
    call: Call,
    *,
    method: str,
    path: str,
    parameters: dict[str, Any],
    answer: dict[str, Any],
) -> None:
    """Write the entry of a request that went well; `answer` has its status, headers and id."""
    detail: dict[str, Any] = {"method": method, "path": path[:_LONGEST], **answer, **call.noted}
    if call.token.member_id is not None:
        detail["token"] = call.token_id
    await audit.record(
        tx,
        call.workspace_id,
        actor=call.actor,
        act=call.handler.handler_name,
        subject=_subject(call, path, parameters, detail.pop("id", None))[:_LONGEST],
        detail=detail,
        now=call.now,
    )


def _subject(call: Call, path: str, parameters: dict[str, Any], made: str | None) -> str:
    """What a request is about: what the handler says, its answer's id, its path's, or the path."""
    if call.subject is not None:
        return call.subject
    if made is not None:
        return made
    named = [str(value) for value in parameters.values()]
    return named[0] if named else path.removeprefix("/v1/")
