"""Problems as RFC 9457 answers: every refusal has the same members, whoever raised it.

`type` is a path on this host that can be read there, `code` is what a program switches on,
`request_id` what the logs know the request by. Nothing of the inside gets out: an error of ours is
a 500 with its request id, and the rest is in the log.
"""

import random
import re
from typing import Any, Final

import msgspec
import structlog
from asyncpg.exceptions import (
    CannotConnectNowError,
    CharacterNotInRepertoireError,
    ConnectionDoesNotExistError,
    DataError,
    PostgresConnectionError,
    TooManyConnectionsError,
    UntranslatableCharacterError,
)
from litestar import Request, Response
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.types import HTTPScope, Message, Scope

from headless.dsl.render import report, terminal
from headless.problems import CATALOGUE, Problem

log = structlog.get_logger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
_CODES: Final = {
    400: "invalid_value",
    401: "unauthenticated",
    403: "insufficient_scope",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media",
    429: "rate_limited",
    503: "not_ready",
}
_AWAY: Final = (
    ConnectionError,
    FileNotFoundError,  # a socket's
    CannotConnectNowError,
    ConnectionDoesNotExistError,
    PostgresConnectionError,
    TooManyConnectionsError,
)
_TOO_LARGE: Final = re.compile(r"value out of int\d\d range|out of range for type \w*int")
_OUTSIDE_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
_SECRET_PATH: Final = re.compile(r"^(/[ocu]/.{0,6})[^/]*")


def type_of(code: str) -> str:
    """The path at which a problem is explained: `/problems/stale-version`."""
    return f"/problems/{code.replace('_', '-')}"


def request_id(scope: Scope) -> str:
    """The request's id: the sender's own `X-Request-Id` where it is a sane one, else a new one."""
    state: dict[str, Any] = scope.setdefault("state", {})  # nobody need be unable to guess it
    known: str | None = state.get("request_id")
    if known is None:
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        known = given if _OUTSIDE_ID.fullmatch(given) else f"req_{random.getrandbits(64):016x}"
        state["request_id"] = known
    return known


async def say_request_id(message: Message, scope: Scope) -> None:
    """Put the request's id into the answer's headers."""
    if message["type"] == "http.response.start" and scope["type"] == ScopeType.HTTP:
        named = (b"x-request-id", request_id(scope).encode("ascii"))
        message["headers"] = [*message["headers"], named]


def shown_path(scope: HTTPScope) -> str:
    """The path as a log may show it: link tokens are cut."""
    return _SECRET_PATH.sub(r"\1…", scope["path"])


def members(problem: Problem) -> dict[str, Any]:
    """The members that are a problem's own; a text's faults become `diagnostics` with places."""
    extra = dict(problem.extra)
    text, faults = extra.pop("text", None), extra.pop("faults", None)
    if isinstance(text, str) and faults is not None:
        extra["diagnostics"] = [report(text, fault) for fault in faults]
    return extra


def answer(request: Request[Any, Any, Any], problem: Problem) -> Response[bytes]:
    """A problem as the answer to a request; a person gets a text's faults with their carets."""
    if "text/plain" in request.headers.get("accept", "") and "faults" in problem.extra:
        shown = terminal(problem.extra["text"], problem.extra["faults"])
        plain = f"{problem.detail}\n\n{shown}\n".encode()
        return Response(plain, status_code=problem.status, media_type="text/plain")
    body = {
        "type": type_of(problem.code),
        "title": problem.title,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        "request_id": request_id(request.scope),
        **members(problem),
    }
    headers: dict[str, str] = getattr(problem, "headers", {})
    return Response(
        msgspec.json.encode(body),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


def on_problem(request: Request[Any, Any, Any], error: Problem) -> Response[bytes]:
    """A use case, or a route, refused."""
    return answer(request, error)


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """The framework refused: no such path or method, a parameter that does not fit, too much."""
    if error.status_code >= 500 and error.status_code != 503:
        return on_exception(request, error)
    code = _CODES.get(error.status_code, "invalid_body")
    extra: dict[str, Any] = {}
    if code == "invalid_value" and isinstance(error.extra, list):
        extra["errors"] = [
            {"parameter": item.get("key", ""), "detail": _plain(item.get("message", ""))}
            for item in error.extra
        ]
    problem = Problem(code, _detail(request, error, code, extra), **extra)
    response = answer(request, problem)
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


def on_exception(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Something broke on our side: the log has it all, the answer the request's id."""
    if is_away(error):
        log.warning("database_away", request_id=request_id(request.scope), error=str(error))
        return answer(request, Away("not_ready", "the database does not answer; try again soon"))
    if (reason := _unstorable(error)) is not None:
        return answer(request, Problem("invalid_value", reason))
    log.error(
        "request_failed",
        request_id=request_id(request.scope),
        method=request.method,
        path=shown_path(request.scope),
        exc_info=error,
    )
    return answer(
        request,
        Problem("internal", "it is not your fault; tell us the request id if it happens again"),
    )


def _unstorable(error: BaseException | None) -> str | None:
    """What the database cannot hold of what was sent: U+0000, and numbers beyond its own."""
    while error is not None:
        if isinstance(error, CharacterNotInRepertoireError | UntranslatableCharacterError):
            return "a text holds U+0000; leave it out"
        if isinstance(error, DataError) and _TOO_LARGE.search(str(error)):
            return "a number is larger than any that is kept"
        error = error.__cause__ or getattr(error, "orig", None)
    return None


class Away(Problem):
    """A problem that passes by itself."""

    headers: Final = {"Retry-After": "2"}


def is_away(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, is that the database cannot be reached."""
    while error is not None:
        if isinstance(error, _AWAY) or getattr(error, "connection_invalidated", False):
            return True
        error = error.__cause__ or getattr(error, "orig", None)
    return False


def _detail(
    request: Request[Any, Any, Any], error: HTTPException, code: str, extra: dict[str, Any]
) -> str:
    match code:
        case "not_found":
            return f"there is no path `{request.scope['path'][:120]}`; see `/docs`"
        case "method_not_allowed":
            allowed = (error.headers or {}).get("allow", "")
            return f"`{request.method}` does not exist here{f'; {allowed} does' if allowed else ''}"
        case "too_large":
            return "the body is larger than this path takes"
        case "invalid_value" if extra.get("errors"):
            first = extra["errors"][0]
            return f"`{first['parameter']}`: {first['detail']}"
        case _:
            return _plain(error.detail)


def _plain(message: str) -> str:
    """A framework's sentence in our style: no capital, no full stop, no names of types."""
    for name, word in (("`int`", "a whole number"), ("`str`", "text"), ("`bool`", "true or false")):
        message = message.replace(name, word)
    return (message[:1].lower() + message[1:]).rstrip(".")


EXPLAINED: Final[dict[str, str]] = {
    "invalid_body": "The body is not JSON, or a member has the wrong type. `errors` points at each "
    "fault with a JSON pointer.",
    "invalid_value": "A parameter or a member has a value that cannot be used; the detail says "
    "which ones can.",
    "unknown_field": "The body has a member, or the contact a field, that is not known. The detail "
    "names the nearest known one. Declare new fields with `POST /v1/fields`, or send "
    '`"fields_mode": "create"`.',
    "cursor_mismatch": "A cursor works only with the list and the filter that it came from. Begin "
    "again without it.",
    "unauthenticated": "Send `Authorization: Bearer <token>`. A token is one word that begins with "
    "`hk_`; `headless dev` writes one to `.headless/token`, `headless tokens create --admin` makes "
    "one where you have the database.",
    "insufficient_scope": "The token is known but lacks the scope; the answer's `scopes` names "
    "those that would do.",
    "sandbox_only": "This exists only in a workspace whose mode is `sandbox`.",
    "not_found": "There is no such path, or no such thing in this token's workspace.",
    "method_not_allowed": "The path exists with other methods; `Allow` lists them.",
    "slow_body": "A body must come within `HEADLESS_BODY_SECONDS` (30), and a second more for each "
    "2 KB of it. The connection is closed; send the request again, the body at once.",
    "name_taken": "Something of this kind already has the name; the answer has its `id`.",
    "identity_conflict": "The external id belongs to one contact and the address to another; "
    "`contacts` has both. Change one of them first, or send only one of the two.",
    "wrong_state": "The thing is in a state in which this cannot be done; the detail says which.",
    "key_busy": "A request with the same `Idempotency-Key` is still being answered. Try again "
    "soon: you will get its answer. If its server died, the key is free after ten minutes.",
    "key_reused": "This `Idempotency-Key` came before with another query or body. Keys are kept "
    "for 24 hours; use a new one for each new request.",
    "held": "This installation is a copy, or held since it was restored from a backup: nothing "
    "leaves it. `headless doctor` says which, and what to do.",
    "in_use": "Others use it; the answer lists them.",
    "plan_drifted": "What would happen is no longer what you agreed to. The answer has the new "
    "plan: look at it and send its hash.",
    "approval_required": "It concerns more contacts than the workspace's `approval_threshold`. It "
    "has been noted that you asked; `approvers` can agree with "
    "`POST /v1/campaigns/{name}/approve` and the plan's hash. Then send the same request again. "
    "Where one of them has said no, `declined` has who and why: change it, or send the same "
    "request with `ask_again`.",
    "self_approval": "You asked for it, by this token or another account of yours. Somebody else "
    "who may approve must.",
    "stranded": "The new version has no place for people who wait in a step that it drops; "
    "`plan.stranded` names the steps. Keep those steps, say where their people go, or let them "
    "finish the old version with `drain`.",
    "gone": "It existed and was erased.",
    "stale_version": "Somebody saved a newer version since you read it (`If-Match`). Read it again "
    "and repeat the change.",
    "too_large": "The body is larger than the path takes: 1 MB, 256 KB for a campaign's text, 512 "
    "KB for an email, 5 MB for a batch of activities; an import has no limit.",
    "unsupported_media": "Send the content type that the detail names.",
    "invalid_text": "The campaign's text has faults. `diagnostics` has every one with its place, "
    "its help and, where there is one, its fix.",
    "plan_required": "Starting a campaign, giving it a new version and changing contacts in bulk "
    "are confirmed by the hash of the plan that you were shown: send the same again with "
    '`"plan": "sha256:…"`, the hash from this answer.',
    "rate_limited": "Wait as long as `Retry-After` says.",
    "internal": "Our fault. The request id finds it in the log.",
    "not_ready": "The service is starting or lacks something it needs; `/readyz` says what.",
}
"""What each problem means and what to do, as `/problems/…` tells it."""


def explained(code: str) -> dict[str, Any] | None:
    """The page of a problem as data; None when there is no such code."""
    if code not in CATALOGUE:
        return None
    status, title = CATALOGUE[code]
    return {
        "type": type_of(code),
        "code": code,
        "status": status,
        "title": title,
        "explanation": EXPLAINED[code],
    }


HANDLERS: Final[dict[Any, Any]] = {
    Problem: on_problem,
    HTTPException: on_http_exception,
    Exception: on_exception,
}
"""For `Litestar(exception_handlers=...)`."""
