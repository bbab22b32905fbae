"""The end of a request: what it did is kept together with its audit, and only then answered.

Around each handler under `/v1` (`around`). The database of a call that changes something is a
`Whole`: it is committed when the answer is known, before its first byte leaves, so that nobody is
told of what was not kept. `?dry_run=true` takes the same way and is rolled back; the answer then
has `would` and the header `Headless-Dry-Run: true`.
"""

from typing import Any, Final, cast

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from headless import ids
from headless.api import auditing, counting, problems
from headless.api.auth import Call
from headless.storage.whole import Whole
from headless.workspace import former

DRY_RUN: Final = b"headless-dry-run"
_LARGEST: Final = 1024 * 1024
_HOUSEKEEPING: Final = frozenset(
    {"activity_seen", "activity_todo", "audit", "contact_change", "kept_answer", "segment_watch"}
)
RENAMED: Final[dict[str, ids.Kind]] = {
    "assets": "ast", "campaigns": "cmp", "channels": "chn",
    "contents": "cnt", "emails": "eml", "forms": "frm", "integrations": "int",
    "multi-messages": "mul", "pages": "pag", "push-messages": "psh", "segments": "seg",
    "slots": "slt", "sms": "sms", "snippets": "snp", "webhook-targets": "wht",
}  # fmt: skip
"""What keeps its id under a new name: the old one answers a 308 for thirty days."""
_REPLACED: Final = frozenset({b"location", b"etag", b"content-length", b"content-type"})
_JSON: Final = b"application/json"


def around(app: ASGIApp) -> ASGIApp:
    """For a router's `middleware`."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        ending = _Ending(scope, send)
        try:
            await app(scope, receive, ending.send)
        finally:
            await ending.close()

    return run


class _Ending:
    """Holds the head of an answer back until what it tells of is kept."""

    def __init__(self, scope: HTTPScope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._head: Any = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = message
            return
        if message["type"] == "http.response.body" and self._head is not None:
            body, more = message.get("body", b""), message.get("more_body", False)
            changed = await self._finish(self._head, body, more)
            head, self._head = self._head, None
            await self._send(head)
            if changed is not None:
                message = cast(Message, {**message, "body": changed})
        await self._send(message)

    async def close(self) -> None:
        """Give back what a request that never answered still holds."""
        call = self._call()
        if call is not None and isinstance(call.database, Whole):
            await call.database.rollback()

    def _call(self) -> Call | None:
        call: Call | None = self._scope.get("state", {}).get("call")
        return call

    async def _finish(self, head: Any, body: bytes, more: bool) -> bytes | None:
        """Keep, or undo, what the request did; answers the body to send instead, if another."""
        call, status = self._call(), head["status"]
        if call is None:
            return None
        if status == 404 and (place := await _new_place(call, self._scope)) is not None:
            body = _lead_to(head, place)
        elif call.dry:
            return await _rehearsed(call, head, body, more)
        went_well = 200 <= status < 300
        if went_well and auditing.deed_of(call.handler) is not None:
            async with call.database.transaction() as tx:
                await auditing.note(
                    tx,
                    call,
                    method=self._scope["method"],
                    path=self._scope["path"],
                    parameters=self._scope.get("path_params", {}),
                    answer=_told(self._scope, head, body, more),
                )
        if isinstance(call.database, Whole):
            keeps = status < 500 and not call.dry
            await (call.database.commit() if keeps else call.database.rollback())
        if call.count is not None and status == 200 and not more:
            body = counting.put_in(body, call.total)
            length = (b"content-length", str(len(body)).encode("ascii"))
            head["headers"] = [*(h for h in head["headers"] if h[0].lower() != length[0]), length]
            return body
        return body if head["status"] != status else None


async def _new_place(call: Call, scope: HTTPScope) -> str | None:
    """Where a thing is that is asked for by a name that it had within the last thirty days."""
    _, _, collection, name, *rest = [*scope["path"].split("/"), "", "", "", ""]
    prefix = RENAMED.get(collection)
    if prefix is None or scope.get("path_params", {}).get("name") != name:
        return None
    async with call.database.transaction() as tx:
        number = await former.find(tx, call.workspace_id, prefix, name, now=call.now)
    if number is None:
        return None
    behind = "/".join(part for part in rest if part)
    place = f"/v1/{collection}/{ids.encode(prefix, number)}" + (f"/{behind}" if behind else "")
    query = scope["query_string"].decode("latin-1")
    return f"{place}?{query}" if query else place


def _lead_to(head: Any, place: str) -> bytes:
    """Make a 404 a 308: the same request, with its body, to another address; answers the body."""
    body = msgspec.json.encode({"moved_to": place})
    head["status"] = 308
    head["headers"] = [
        *((name, value) for name, value in head["headers"] if name.lower() not in _REPLACED),
        (b"location", place.encode("latin-1")),
        (b"content-type", _JSON),
        (b"content-length", str(len(body)).encode("ascii")),
    ]
    return body


def _told(scope: HTTPScope, head: Any, body: bytes, more: bool) -> dict[str, Any]:
    """What the audit says of an answer: its status, whose it is, and which save it went over."""
    headers = dict(head["headers"])
    told: dict[str, Any] = {"status": head["status"], "request_id": problems.request_id(scope)}
    if (place := headers.get(b"location")) is not None:
        told["id"] = place.decode("latin-1").rpartition("/")[2]
    elif not more and isinstance(made := (_object(headers, body) or {}).get("id"), str):
        told["id"] = made
    tag = headers.get(b"etag", b"").decode("latin-1").strip('"').partition("-")[0]
    if scope["method"] in ("PUT", "PATCH") and tag.isdecimal():
        told["version"] = int(tag)
        if b"if-match" not in dict(scope["headers"]) and int(tag) > 1:
            told["overwrote"] = int(tag) - 1
    return told


def _object(headers: dict[bytes, bytes], body: bytes) -> dict[str, Any] | None:
    """The answer's JSON, where it is an object of a bearable size."""
    if _JSON not in headers.get(b"content-type", b"") or len(body) > _LARGEST:
        return None
    found = msgspec.json.decode(body)
    return found if isinstance(found, dict) else None


async def _rehearsed(call: Call, head: Any, body: bytes, more: bool) -> bytes | None:
    """Undo it all; an answer that is JSON, or empty, says what would have been done."""
    headers = [(name.lower(), value) for name, value in head["headers"]]
    whole, status = call.database, head["status"]
    touched = await whole.touched() if isinstance(whole, Whole) and status < 400 else {}
    if isinstance(whole, Whole):
        await whole.rollback()
    known = dict(headers)
    value = {} if not body and not more else None if more else _object(known, body)
    if value is None or status >= 400:
        head["headers"] = [*headers, (DRY_RUN, b"true")]
        return None
    changes = [
        {"what": name, **msgspec.structs.asdict(rows)}
        for name, rows in sorted(touched.items())
        if name not in _HOUSEKEEPING
    ]
    raw = msgspec.json.encode({**value, "would": {"status": status, "changes": changes}})
    head["status"] = 200 if status == 204 else status
    head["headers"] = [
        *((name, value) for name, value in headers if name not in _REPLACED),
        (b"content-type", _JSON),
        (b"content-length", str(len(raw)).encode("ascii")),
        (DRY_RUN, b"true"),
    ]
    return raw
