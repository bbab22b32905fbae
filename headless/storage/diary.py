"""The diary: what must outlive the database, written beside it before anybody is answered.

One JSON line for each contact that is to get nothing more on a channel, or may get it again; a
restore reads them back, so that nobody who unsubscribed after the backup is written to. Lines are
only ever appended, each in one write, so that any number of processes share the file. Nothing in it
says who somebody is. Imports nothing of ours.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import structlog

FILE: Final = "suppressions.log"
TRACKING: Final = "tracking"
"""The reason of a line about being seen opening and clicking."""
Hashed = Callable[[int, str], bytes]

log = structlog.get_logger(__name__)


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line: who (by number and by the keyed hash of the address), on which channel, and why.

    `lifted`: they may be written to again. With a `topic`, or where `reason` is `tracking`, it is
    about that and not about a channel (0): left, or with `lifted` wanted again.
    """

    at: datetime
    workspace: int
    contact: int
    channel: int
    reason: str
    address: bytes | None = None
    lifted: bool = False
    topic: int | None = None


class Diary:
    """The file; made with its folder when the first line is written."""

    def __init__(self, path: Path, hashed: Hashed | None = None) -> None:
        """`hashed` makes the keyed hash of an address in a workspace."""
        self.path = path
        self.hashed = hashed

    async def write(self, entries: Sequence[Entry]) -> None:
        """Append lines and have them on the disk.

        A diary that cannot be written stops nobody from unsubscribing: it is told in the log.
        """
        try:
            await asyncio.to_thread(self._append, entries)
        except OSError as error:
            log.error("diary_failed", path=str(self.path), error=str(error), lost=len(entries))

    def _append(self, entries: Sequence[Entry]) -> None:
        lines = b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, lines)
            os.fsync(handle)
        finally:
            os.close(handle)


def read(path: Path) -> Iterator[Entry]:
    """Every whole line in the order of writing; a line that a crash has torn is passed over."""
    decoder = msgspec.json.Decoder(Entry)
    with path.open("rb") as file:
        for line in file:
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, msgspec.ValidationError):
                log.warning("diary_line_torn", path=str(path))
