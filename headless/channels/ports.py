"""What the outbox asks of a channel, and what passes between them.

A courier makes parcels of messages that are due and hands them over; a sender carries mails to one
server. Both are ports: SMTP, a webhook's HTTP and the benchmark's nothing stand behind them.
Imports storage's types and `answers`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

import msgspec

from headless.channels.answers import SENT, Answer
from headless.storage.codes import Channel
from headless.storage.database import Transaction


class Due(msgspec.Struct, frozen=True):
    """A message that is due, as it stands in the outbox; `attempts` so far."""

    workspace_id: int
    id: int
    contact_id: int
    ref: int
    enrollment_id: int | None
    version_id: int | None
    activity_id: int | None
    attempts: int
    created_at: datetime
    data: dict[str, Any] | None
    links: list[str] | None

    @property
    def transactional(self) -> bool:
        """Whether it goes to those, too, who only unsubscribed from marketing."""
        return bool(self.data and self.data.get("transactional"))


class Parcel(msgspec.Struct, frozen=True):
    """A message ready for the wire: who it is from and for, and its bytes."""

    message_id: int
    sender: str
    recipient: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()  # of a webhook
    links: tuple[str, ...] | None = None  # to be kept with the message
    email_version: int | None = None
    tracked: bool | None = None  # of a mail: whether it counts opens and clicks


class Refusal(msgspec.Struct, frozen=True):
    """A message that is not to be sent: `skipped` needs nobody, `parked` needs a person."""

    message_id: int
    state: Literal["skipped", "parked"]
    reason: str
    email_version: int | None = None


class Courier(Protocol):
    """One channel of one workspace's messages."""

    @property
    def channel(self) -> Channel:
        """The messages it takes."""
        ...

    @property
    def width(self) -> int:
        """How many messages may be on the wire at once."""
        ...

    async def ready(self) -> Answer:
        """Whether anything can be handed over at all; SENT means yes."""
        ...

    async def prepare(
        self, transaction: Transaction, due: Sequence[Due], *, now: datetime
    ) -> list[Parcel | Refusal]:
        """The last checks, and the bytes: one answer for each message."""
        ...

    async def send(self, parcel: Parcel, *, now: datetime) -> Answer:
        """Hand one over. Never raises for what the other side does."""
        ...

    async def close(self) -> None:
        """Take leave of the other side."""
        ...


class Sender(Protocol):
    """Carries mails to one server, `width` at once."""

    @property
    def width(self) -> int:
        """How many mails may be under way at once."""
        ...

    @property
    def local(self) -> bool:
        """Whether nothing that it takes leaves this machine."""
        ...

    async def ready(self) -> Answer:
        """Whether the server takes our connection; SENT means yes."""
        ...

    async def send(self, sender: str, recipient: str, body: bytes) -> Answer:
        """Hand over one mail, lines ending in CR LF. Never raises for what the server does."""
        ...

    async def close(self) -> None:
        """Take leave of the server."""
        ...


class NullSender:
    """Takes every mail and does nothing with it: for benchmarks and simulations."""

    local = True

    def __init__(self, width: int = 64) -> None:
        self.width = width

    async def ready(self) -> Answer:
        """Always."""
        return SENT

    async def send(self, sender: str, recipient: str, body: bytes) -> Answer:
        """Forget the mail."""
        return SENT

    async def close(self) -> None:
        """Nothing to leave."""
