"""Which PostgreSQL a simulation runs on: the one that is there, else one of its own.

In this order: `DATABASE_URL`; that of a `headless dev` that runs on the data folder; an embedded
one in the user's cache folder, started for the length of the block. Nothing of value ever lies in
the cache, so it runs without fsync. Imports storage and settings.
"""

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from headless.settings import Settings
from headless.simulation.faults import UnfitError
from headless.storage.data_folder import Folder, ServerError, hold
from headless.storage.embedded import Postgres, running

_AT_ONCE: Final = 8
"""So many simulations can have a server of their own at the same time."""


@contextmanager
def postgres(settings: Settings) -> Iterator[str]:
    """The address of a PostgreSQL that answers; raises UnfitError where none can be had."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    there = running(settings.data_dir)
    if there is not None and _answers(there.database_url):
        yield there.database_url
        return
    with _own() as url:
        yield url


def _answers(url: str) -> bool:
    """Whether a server listens where its pid file says: it may have been killed."""
    folder = parse_qs(urlsplit(url).query)["host"][0]
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(f"{folder}/.s.PGSQL.5432")
        except OSError:
            return False
    return True


@contextmanager
def _own() -> Iterator[str]:
    """An embedded server in the first free place; a place is made once and kept."""
    with ExitStack() as stack:
        try:
            server = Postgres(_held(stack), durable=False)
            stack.callback(server.stop)
            server.start()
        except ServerError as error:
            message, _, fix = str(error).partition("\n→ ")
            raise UnfitError(
                message, fix.partition("\n")[0] or "set DATABASE_URL to a PostgreSQL"
            ) from error
        yield server.url


def _held(stack: ExitStack) -> Folder:
    """A folder that is ours as long as the stack is open; raises ServerError."""
    refused = ServerError("there is no folder that a PostgreSQL could be kept in")
    for folder in _places():
        try:
            return stack.enter_context(hold(folder))
        except ServerError as error:
            refused = error
    raise refused


def _places() -> Iterator[Path]:
    """Folders for servers: in the cache, else (it cannot be used) in the temporary folder."""
    for parent in (_cache(), Path(tempfile.gettempdir()) / f"headless-{os.geteuid()}"):
        try:
            parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            mine = parent.stat().st_uid == os.geteuid()
        except OSError:
            continue
        if not mine:
            continue
        if os.geteuid() == 0:
            parent.chmod(0o711)  # the account that PostgreSQL runs as may have to pass through
        for number in range(1, _AT_ONCE + 1):
            yield parent / f"simulate-{number}"


def _cache() -> Path:
    """`$XDG_CACHE_HOME/headless`, `~/.cache/headless`; root's lies where others may pass."""
    given = os.environ.get("XDG_CACHE_HOME")
    if given:
        return Path(given) / "headless"
    if os.geteuid() == 0:
        return Path("/var/cache/headless")
    return Path("~/.cache/headless").expanduser()
