"""One machine: the database servers that `dev` and `up` start for themselves, and look after.

What both commands need around their tree of processes. Imports storage's servers and `processes`.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import FrameType
from typing import Final

import click
import httpx
import msgspec

from headless.cli.processes import last_lines
from headless.settings import Settings, kept_secret
from headless.storage.data_folder import Folder, ServerError
from headless.storage.embedded import Postgres, Server, Valkey

_READY_SECONDS: Final = 60.0
_ASK_SECONDS: Final = 0.1
_LOOK_SECONDS: Final = 0.5
Say = Callable[[str], None]


class Servers(msgspec.Struct, frozen=True):
    """Where the servers are; `own` are those that were started here."""

    database_url: str
    redis_url: str
    own: tuple[Server, ...]


def start(settings: Settings, folder: Folder, stack: ExitStack, say: Say) -> Servers:
    """Start the servers that the settings do not name; they end with the stack."""
    own: list[Server] = []
    database_url, redis_url = settings.database_url, settings.redis_url
    if database_url is None:
        postgres = Postgres(folder)
        own.append(postgres)
    if redis_url is None:
        valkey = Valkey(folder)
        own.append(valkey)
    if own:
        say(f"starting {' and '.join(server.title for server in own)} …")
    for server in own:
        stack.callback(server.stop)
        server.start()
    return Servers(database_url or postgres.url, redis_url or valkey.url, tuple(own))


def children_environ(
    settings: Settings, environ: Mapping[str, str], servers: Servers
) -> dict[str, str]:
    """The environment of the processes: the same, with the servers and a key that are there."""
    secret_file = {}
    if not settings.secret_keys:
        kept_secret(settings.data_dir)
        secret_file = {"HEADLESS_SECRET_KEYS_FILE": str((settings.data_dir / "secret").absolute())}
    named = ("DATABASE_URL", "REDIS_URL", "HEADLESS_URL")
    return {
        **{name: text for name, text in environ.items() if name.removesuffix("_FILE") not in named},
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
        "HEADLESS_URL": settings.url,
        **secret_file,
    }


def told(line: str) -> None:
    """A line on the console, at once."""
    click.echo(line)
    sys.stdout.flush()


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """A signal handler: as Ctrl-C does."""
    raise KeyboardInterrupt


def ignore_signals() -> None:
    """From now on the stop is under way, and goes to its end."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


async def watch(servers: tuple[Server, ...], say: Say) -> None:
    """Start a database server again when it has died."""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        for server in servers:
            if server.alive():
                continue
            say(f"{server.title} has died; starting it again …")
            try:
                await asyncio.to_thread(server.stop)
                await asyncio.to_thread(server.start)
                say(f"{server.title} runs again")
            except ServerError as error:
                say(f"{error}; trying again")


async def until_ready(client: httpx.AsyncClient, folder: Folder, say: Say) -> None:
    """Wait until `/readyz` is content; tell once a minute what it lacks."""
    loop = asyncio.get_running_loop()
    complain_at = loop.time() + _READY_SECONDS
    said = "nobody answers yet"
    while True:
        try:
            answer = await client.get("/readyz")
            if answer.status_code == httpx.codes.OK:
                return
            said = answer.text.strip()
        except httpx.TransportError as error:
            said = f"it does not answer ({type(error).__name__})"
        if loop.time() > complain_at:
            say(f"the API is not ready: {said}\n{last_lines(folder.log('api'))}")
            complain_at = loop.time() + _READY_SECONDS
        await asyncio.sleep(_ASK_SECONDS)
