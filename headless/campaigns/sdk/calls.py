"""The calls of the Segment spec, as SDKs send them: read leniently, one fault never another's.

Members that are not known are ignored, numbers do for ids, and the sender's clock is corrected by
what it said when it sent. Pure: bytes and the time in, `Call`s and Problems out.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, Literal, cast, get_args

import msgspec

from headless.campaigns.ingest import RETENTION
from headless.problems import Problem

Kind = Literal["identify", "track", "page", "screen", "group", "alias"]
KINDS: Final = frozenset(get_args(Kind))
EVENT_LIMIT: Final = 32 * 1024
BATCH_LIMIT: Final = 500 * 1024
MOST_CALLS: Final = 2_500
LONGEST_NAME: Final = 200
_LONGEST_KEY: Final = 100
_NUL: Final = re.compile(rb"\\u0000|\x00")


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call: who (`user_id`, `anonymous_id`), what (`kind`, `name`, `data`), and when.

    `name` is an event's, a page's or a screen's; `data` are the properties or the traits. `key` is
    the sender's own id of the call, by which it counts once.
    """

    kind: Kind
    at: datetime
    key: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    user_hash: str | None = None
    name: str = ""
    data: dict[str, Any] = {}
    group_id: str | None = None
    previous_id: str | None = None
    context: dict[str, Any] = {}


class Batch(msgspec.Struct, frozen=True):
    """What one request holds: the key that its body names, and its calls in their order."""

    write_key: str | None
    calls: tuple[Call | Problem, ...]


class _Envelope(msgspec.Struct, rename="camel"):
    """What a body says beside its calls; a body without `batch` is a call itself."""

    batch: list[msgspec.Raw] | None = None
    write_key: str | None = None
    sent_at: Any = None
    context: Any = None


def read(raw: bytes, kind: Kind | None, *, now: datetime) -> Batch:
    """The calls of a body; `kind` is that of the path, None for a batch.

    Raises Problem `invalid_body` or `too_large` where the whole cannot be read.
    """
    if len(raw) > BATCH_LIMIT:
        raise Problem("too_large", f"a batch has at most {BATCH_LIMIT // 1024} KB; send several")
    try:
        envelope = msgspec.json.decode(raw, type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem("invalid_body", f"the body is not a call or a batch: {error}") from error
    if envelope.batch is None:
        if kind is None:
            raise Problem("invalid_body", "a batch has its calls in `batch`, a list")
        return Batch(envelope.write_key, (_read(raw, kind, {}, now),))
    if len(envelope.batch) > MOST_CALLS:
        raise Problem("too_large", f"a batch has at most {MOST_CALLS:,} calls; send several")
    shared = {"sentAt": envelope.sent_at, "context": envelope.context}
    calls = tuple(_read(bytes(one), None, shared, now) for one in envelope.batch)
    return Batch(envelope.write_key, calls)


def _read(raw: bytes, kind: Kind | None, shared: dict[str, Any], now: datetime) -> Call | Problem:
    if len(raw) > EVENT_LIMIT:
        return Problem("too_large", f"a call has at most {EVENT_LIMIT // 1024} KB")
    try:
        given = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Problem("invalid_body", f"this is no call: {error}")
    if not isinstance(given, dict):
        return Problem("invalid_body", "a call is an object")
    if _NUL.search(raw):
        given = _without_nul(given)
    try:
        return _call(given, kind, shared, now)
    except Problem as problem:
        return problem


def _call(given: dict[str, Any], kind: Kind | None, shared: dict[str, Any], now: datetime) -> Call:
    kind = kind or _kind(given.get("type"))
    context = {**_object(shared.get("context")), **_object(given.get("context"))}
    traits = kind in ("identify", "group")
    data = _object(given.get("traits" if traits else "properties"))
    call = Call(
        kind=kind,
        at=_moment(given, shared, now),
        key=_key(given.get("messageId")),
        user_id=_id(given.get("userId")),
        anonymous_id=_id(given.get("anonymousId")),
        user_hash=_id(given.get("userHash")) or _id(context.get("userHash")),
        name=_name(given, kind, data),
        data=data,
        group_id=_id(given.get("groupId")),
        previous_id=_id(given.get("previousId")),
        context=context,
    )
    _complete(call)
    return call


def _complete(call: Call) -> None:
    """Raise Problem for a call that says too little to be taken."""
    if call.kind == "alias":
        if call.user_id is None or call.previous_id is None:
            raise Problem("invalid_value", "`alias` needs `previousId` and `userId`")
    elif call.user_id is None and call.anonymous_id is None:
        raise Problem("invalid_value", "say who: `userId` or `anonymousId`")
    if call.kind == "track" and not call.name:
        raise Problem("invalid_value", "`event` is empty; name what was done")
    if call.kind == "group" and call.group_id is None:
        raise Problem("invalid_value", "`group` needs `groupId`")


def _kind(given: Any) -> Kind:
    if not isinstance(given, str) or given not in KINDS:
        raise Problem(
            "invalid_value", f"`type` is one of {', '.join(sorted(KINDS))}, not `{given!s:.40}`"
        )
    return cast(Kind, given)


def _name(given: dict[str, Any], kind: Kind, data: dict[str, Any]) -> str:
    name = given.get("event") if kind == "track" else given.get("name") or data.get("name")
    name = " ".join(name.split()) if isinstance(name, str) else ""
    if len(name) > LONGEST_NAME:
        raise Problem("invalid_value", f"a name has at most {LONGEST_NAME} characters")
    return name


def _moment(given: dict[str, Any], shared: dict[str, Any], now: datetime) -> datetime:
    """When it happened by our clock; raises Problem for what is too old to be kept."""
    told = _instant(given.get("originalTimestamp")) or _instant(given.get("timestamp"))
    if told is None:
        return now
    sent = _instant(given.get("sentAt")) or _instant(shared.get("sentAt"))
    if sent is not None:
        told += now - sent
    if told < now - RETENTION:
        raise Problem(
            "invalid_value", f"it happened more than {RETENTION.days} days ago; too old to be kept"
        )
    return min(told, now)


def _instant(given: Any) -> datetime | None:
    if not isinstance(given, str):
        return None
    try:
        told = datetime.fromisoformat(given.strip())
        return told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _id(given: Any) -> str | None:
    """An id as text; None for none, and for what is no id at all."""
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return None
    text = str(given).strip()
    if len(text) > LONGEST_NAME or not text.isprintable():
        raise Problem("invalid_value", f"an id has 1 to {LONGEST_NAME} characters that can be read")
    return text or None


def _key(given: Any) -> str | None:
    if given is None or given == "" or isinstance(given, dict | list):
        return None
    text = str(given)
    return text if len(text) <= _LONGEST_KEY else hashlib.sha256(text.encode()).hexdigest()


def _object(given: Any) -> dict[str, Any]:
    return given if isinstance(given, dict) else {}


def _without_nul(value: Any) -> Any:
    """The same without U+0000, which no text in the database can have."""
    match value:
        case str():
            return value.replace("\0", "")
        case dict():
            return {_without_nul(name): _without_nul(part) for name, part in value.items()}
        case list():
            return [_without_nul(part) for part in value]
        case _:
            return value


def read_well(calls: tuple[Call | Problem, ...]) -> Iterator[tuple[int, Call]]:
    """Those that could be read, with their places."""
    return ((n, call) for n, call in enumerate(calls) if isinstance(call, Call))
