"""A provider's report on one message, in our words. Pure; imports `ids`."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

import msgspec

from headless import ids

_LONGEST_KEY: Final = 200


class Fate(Enum):
    """What a provider says became of a message."""

    DELIVERED = "delivered"  # the other side has taken it
    LATER = "later"  # they go on trying
    DEAD = "dead"  # the address does not exist: suppress it
    REFUSED = "refused"  # they refuse us: never suppress, count for the breaker
    FAILED = "failed"  # this message is over, the address lives
    LISTED = "listed"  # on the provider's own list of those not to be mailed
    COMPLAINED = "complained"  # called spam by its reader
    UNSUBSCRIBED = "unsubscribed"
    OPENED = "opened"
    CLICKED = "clicked"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One event. `key` is the same whenever it is told again; `message_id` is our row's number."""

    fate: Fate
    key: str
    message_id: int
    at: datetime
    detail: str = ""
    url: str | None = None
    machine: bool = False


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wrote to our number; `stops`: that it wants no more."""

    sender: str
    words: str
    key: str
    stops: bool


class Taken(msgspec.Struct, frozen=True):
    """What a request holds: its reports, how many events are not ours, and an address to confirm.

    `confirm` is where SNS wants to be told that the subscription is wanted; `texts` are answers
    that people wrote.
    """

    reports: tuple[Report, ...] = ()
    foreign: int = 0
    confirm: str | None = None
    texts: tuple[Text, ...] = ()


class NotTheirsError(Exception):
    """The signature, or what stands for it, does not prove that the provider sent this."""


class UnreadableError(Exception):
    """The body is not what the provider documents."""


class Call(msgspec.Struct, frozen=True):
    """A request as it came: lower-case header names, the body's raw bytes, our own address."""

    headers: Mapping[str, str]
    body: bytes
    url: str


def decoded(body: bytes) -> Any:
    """JSON; raises UnreadableError."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableError(f"the body is not JSON: {error}") from error


def object_in(value: object) -> dict[str, Any]:
    """A member that ought to be an object; empty where it is none."""
    return value if isinstance(value, dict) else {}


def key_of(provider: str, *told: object) -> str:
    """What makes an event count once; what is longer than any provider's id is hashed."""
    text = ":".join(map(str, told))
    if len(text) > _LONGEST_KEY:
        text = hashlib.sha256(text.encode()).hexdigest()
    return f"{provider}:{text}"


def number(token: object) -> int | None:
    """The message that our token names; None for what is none of ours."""
    return ids.decode("msg", token) if isinstance(token, str) else None


def moment(told: object) -> datetime:
    """A time as providers write it: seconds since 1970, or ISO; raises UnreadableError."""
    try:
        if isinstance(told, int | float):
            return datetime.fromtimestamp(told, UTC)
        if isinstance(told, str):
            made = datetime.fromisoformat(told)
            return made if made.tzinfo else made.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UnreadableError(f"`{str(told)[:40]}` is no time") from error
    raise UnreadableError("an event has no time")
