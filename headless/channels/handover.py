"""The hand-over: a click in a mail tells the website's script whose browser this is.

The click's redirect carries `_hc=<ticket>` to the workspace's own hosts and to no others. A ticket
is signed, good for ten minutes, and each message hands over once: so of all who open a forwarded
mail only the first browser becomes the contact's, and none that already is somebody else's.
Computes only.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import msgspec

PARAMETER: Final = "_hc"
GOOD_FOR: Final = timedelta(minutes=10)
_PAYLOAD: Final = struct.Struct(">IQQI")
_MAC: Final = 12
_LENGTH: Final = 48


class Ticket(msgspec.Struct, frozen=True):
    """What a good ticket says: this browser followed a link in a message to this contact."""

    workspace_id: int
    contact_id: int
    message_id: int


class Handover:
    """Makes and reads the tickets of one installation."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        """`keys`: the key ring, newest first; the first signs, all are read."""
        self._keys = [hmac.digest(key, b"headless handover", hashlib.sha256) for key in keys]

    def ticket(self, ticket: Ticket, *, now: datetime) -> str:
        """Its 48 characters."""
        payload = _PAYLOAD.pack(
            ticket.workspace_id, ticket.contact_id, ticket.message_id, int(now.timestamp())
        )
        return base64.urlsafe_b64encode(payload + _mac(self._keys[0], payload)).decode()

    def read(self, text: str, *, now: datetime) -> Ticket | None:
        """What a ticket says, None when it is none of ours or older than ten minutes."""
        if len(text) != _LENGTH or not text.isascii():
            return None
        try:
            raw = base64.urlsafe_b64decode(text)
        except (binascii.Error, ValueError):
            return None
        payload, mac = raw[: _PAYLOAD.size], raw[_PAYLOAD.size :]
        if not any(hmac.compare_digest(_mac(key, payload), mac) for key in self._keys):
            return None
        workspace_id, contact_id, message_id, made = _PAYLOAD.unpack(payload)
        age = now.timestamp() - made
        if not -60 <= age <= GOOD_FOR.total_seconds():
            return None
        return Ticket(workspace_id, contact_id, message_id)


def is_carried_to(target: str, hosts: Collection[str]) -> bool:
    """Whether a target leads to one of the hosts, and may have a ticket in its query."""
    try:
        host = urlsplit(target).hostname
    except ValueError:
        return False
    return host is not None and host in hosts and target.isprintable()


def carried(target: str, ticket: str) -> str:
    """The target with a ticket in its query."""
    before, hash_, after = target.partition("#")
    joint = "&" if "?" in before else "?"
    return f"{before}{joint}{PARAMETER}={ticket}{hash_}{after}"


def _mac(key: bytes, payload: bytes) -> bytes:
    return hmac.digest(key, payload, hashlib.sha256)[:_MAC]
