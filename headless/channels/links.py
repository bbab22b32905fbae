"""Signed links in messages: the open pixel, tracked links, unsubscribing, confirming.

A token is 25 bytes: key (1), month (2), workspace and message (20 and 44 bits), ordinal (2), and 12
of an HMAC-SHA256 whose key belongs to the kind of link; 34 base64url characters. It is verified
without a look-up. Where a link leads stands in the database (`message.links`, else that of
`email_version`), never in the request: nobody can make us redirect to a place of their choice. The
first key of the ring signs, all verify. `resolve` is the one function here that speaks SQL.
"""

import base64
import binascii
import hashlib
import hmac
import re
import struct
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec
from sqlalchemy import BigInteger, Integer, and_, select

from headless.audience.tracked import is_tracked
from headless.storage.codes import Channel
from headless.storage.database import Transaction
from headless.storage.many import many
from headless.storage.tables import contact, email_version, message, workspace

Kind = Literal["open", "click", "unsubscribe", "confirm"]

PATHS: Final[dict[Kind, tuple[str, str]]] = {
    "open": ("/o/", ".gif"),
    "click": ("/c/", ""),
    "unsubscribe": ("/u/", ""),
    "confirm": ("/s/", ""),
}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
RECORDED_MONTHS: Final = 24  # older opens and clicks are answered and not recorded
_LENGTH: Final = 34
_PAYLOAD: Final = struct.Struct(">BHQH")
_MAC: Final = 12
_MESSAGE_BITS: Final = 44  # numbers jump by 2**36 a month: enough until 2047
_MESSAGES: Final = 1 << _MESSAGE_BITS
_WORKSPACES: Final = 1 << (64 - _MESSAGE_BITS)
_EPOCH_YEAR: Final = 2020


class Link(msgspec.Struct, frozen=True):
    """What a verified token says."""

    kind: Kind
    workspace_id: int
    message_id: int
    ordinal: int
    month: int  # since January 2020, when the message was made

    def recorded(self, now: datetime) -> bool:
        """Whether an open or a click by this link still counts. Unsubscribing always does."""
        return self.kind == "unsubscribe" or _month(now) - self.month <= RECORDED_MONTHS


class Resolved(msgspec.Struct, frozen=True):
    """The message behind a link; `target` only for a click, and only if it leads to http(s).

    `tracked` says that the contact lets us note what it opens and follows.
    """

    link: Link
    contact_id: int
    email_id: int  # 0: the message is no email
    created_at: datetime
    target: str | None
    tracked: bool = True


class _Signer:
    """What the links of one kind are signed with, and what stands around their tokens."""

    __slots__ = ("after", "before", "key", "number")

    def __init__(self, number: int, key: hmac.HMAC, before: str, after: str) -> None:
        self.number = number
        self.key = key
        self.before = before
        self.after = after


class LinksOf:
    """The links of one message: called with a kind and an ordinal, it answers the address."""

    __slots__ = ("_month", "_signers", "_whose")

    def __init__(self, links: "Links", whose: int, month: int) -> None:
        self._signers = links.signers
        self._whose = whose
        self._month = month

    def __call__(self, kind: Kind, ordinal: int = 0) -> str:
        """The public address."""
        signer = self._signers[kind]
        return f"{signer.before}{self.token(kind, ordinal)}{signer.after}"

    def token(self, kind: Kind, ordinal: int = 0) -> str:
        """The 34 characters that stand in it."""
        signer = self._signers[kind]
        payload = _PAYLOAD.pack(signer.number, self._month, self._whose, ordinal)
        return base64.urlsafe_b64encode(payload + _mac(signer.key, payload))[:_LENGTH].decode()


class Links:
    """Makes and verifies the links of one installation."""

    def __init__(self, keys: tuple[bytes, ...], base_url: str) -> None:
        """`keys`: 16 bytes or more each, newest first; `base_url`: where the public pages are."""
        if not keys or any(len(key) < 16 for key in keys):
            raise ValueError("links need at least one key, each of 16 bytes or more")
        self.base_url = base_url.rstrip("/")
        self.signers: dict[Kind, _Signer] = {}
        self._verifying: dict[tuple[Kind, int], list[hmac.HMAC]] = {}
        for kind in PATHS:
            for key in keys:
                made = _derived(key, kind)
                before, after = PATHS[kind]
                self.signers.setdefault(kind, _Signer(*made, self.base_url + before, after))
                self._verifying.setdefault((kind, made[0]), []).append(made[1])

    def url(
        self, kind: Kind, *, workspace_id: int, message_id: int, made: datetime, ordinal: int = 0
    ) -> str:
        """The public address of a link of a message that was made at `made`."""
        return self.of(workspace_id=workspace_id, message_id=message_id, made=made)(kind, ordinal)

    def of(self, *, workspace_id: int, message_id: int, made: datetime) -> "LinksOf":
        """The links of one message, which share most of their payload."""
        if not (0 <= workspace_id < _WORKSPACES and 0 <= message_id < _MESSAGES):
            raise ValueError("a link holds a workspace below 2**20 and a message below 2**44")
        whose = workspace_id << _MESSAGE_BITS | message_id
        return LinksOf(self, whose, _month(made))

    def token(
        self, kind: Kind, *, workspace_id: int, message_id: int, made: datetime, ordinal: int = 0
    ) -> str:
        """The 34 characters that stand in that address."""
        links = self.of(workspace_id=workspace_id, message_id=message_id, made=made)
        return links.token(kind, ordinal)

    def verify(self, kind: Kind, token: str) -> Link | None:
        """What the token says, or None when it is none of ours or not of that kind."""
        raw = _decoded(token)
        if raw is None:
            return None
        payload, mac = raw[: _PAYLOAD.size], raw[_PAYLOAD.size :]
        number, month, whose, ordinal = _PAYLOAD.unpack(payload)
        for key in self._verifying.get((kind, number), ()):
            if hmac.compare_digest(_mac(key, payload), mac):
                return Link(kind, whose >> _MESSAGE_BITS, whose % _MESSAGES, ordinal, month)
        return None


_BEHIND: Final = (
    select(
        message.c.workspace_id,
        message.c.id,
        message.c.contact_id,
        message.c.channel,
        message.c.ref,
        message.c.created_at,
        message.c.links.label("own"),
        email_version.c.links.label("shared"),
        is_tracked().label("tracked"),
    )
    .join(workspace, workspace.c.id == message.c.workspace_id)
    .outerjoin(
        contact,
        and_(
            contact.c.workspace_id == message.c.workspace_id,
            contact.c.id == message.c.contact_id,
        ),
    )
    .outerjoin(
        email_version,
        and_(
            message.c.channel == Channel.EMAIL,
            email_version.c.workspace_id == message.c.workspace_id,
            email_version.c.email_id == message.c.ref,
            email_version.c.version == message.c.email_version,
        ),
    )
    .where(
        message.c.workspace_id == many("workspaces", Integer).any_(),
        message.c.id == many("messages", BigInteger).any_(),
    )
)


async def resolve(transaction: Transaction, links: Sequence[Link]) -> list[Resolved | None]:
    """The messages behind verified links, in their order; None where the message is gone."""
    if not links:
        return []
    # arrays, so that the statement is the same for however many
    numbers = {
        "workspaces": sorted({link.workspace_id for link in links}),
        "messages": sorted({link.message_id for link in links}),
    }
    rows = await transaction.execute(_BEHIND, numbers)
    found = {(row.workspace_id, row.id): row for row in rows}
    answers: list[Resolved | None] = []
    for link in links:
        row = found.get((link.workspace_id, link.message_id))
        if row is None:
            answers.append(None)
            continue
        targets = row.own if row.own is not None else row.shared or ()
        answers.append(
            Resolved(
                link,
                row.contact_id,
                row.ref if row.channel == Channel.EMAIL else 0,
                row.created_at,
                _target(link, targets),
                row.tracked,
            )
        )
    return answers


def _decoded(token: str) -> bytes | None:
    """The bytes of a token in its one proper spelling; base64 alone would allow four."""
    if len(token) != _LENGTH or not token.isascii():
        return None
    try:
        raw = base64.b64decode(token + "==", altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    return raw if base64.urlsafe_b64encode(raw)[:_LENGTH] == token.encode() else None


def _target(link: Link, targets: Sequence[str]) -> str | None:
    if link.kind != "click" or link.ordinal >= len(targets):
        return None
    # as browsers read it, and so that nothing can end a header
    target = _CONTROL.sub("", targets[link.ordinal])
    return target if target.lower().startswith(("http://", "https://")) else None


def _derived(key: bytes, kind: Kind) -> tuple[int, hmac.HMAC]:
    """A key's number (a byte of its own hash, so that it outlives its place in the ring) and the
    beginning of what the key of that kind signs: to go on from it costs half as much."""
    number = hmac.digest(key, b"headless link key number", hashlib.sha256)[0]
    own = hmac.digest(key, f"headless link {kind}".encode(), hashlib.sha256)
    return number, hmac.new(own, digestmod=hashlib.sha256)


def _mac(begun: hmac.HMAC, payload: bytes) -> bytes:
    made = begun.copy()
    made.update(payload)
    return made.digest()[:_MAC]


def _month(instant: datetime) -> int:
    return max((instant.year - _EPOCH_YEAR) * 12 + instant.month - 1, 0)
