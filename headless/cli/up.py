"""`headless up`: an installation on one machine, under a service manager.

The servers that DATABASE_URL and REDIS_URL do not name, the schema, then the API and the workers as
processes. What `dev` has for a newcomer is not here: no mail server, no inbox, no token in a file.
systemd is told when all is ready and when it stops (`Type=notify`).
"""

import asyncio
import os
import signal
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click
import httpx
import msgspec

from headless.cli import environment
from headless.cli.one_machine import (
    Servers,
    children_environ,
    ignore_signals,
    interrupt,
    start,
    told,
    until_ready,
    watch,
)
from headless.cli.output import Failure
from headless.cli.processes import Program, Tree, command_line
from headless.cli.services import migrated, require_free
from headless.settings import Settings, SettingsError, load
from headless.storage.data_folder import Folder, ServerError, hold

_LOOPBACK: Final = "127.0.0.1"
_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


class _Plan(msgspec.Struct, frozen=True):
    """What is to run."""

    settings: Settings
    environ: Mapping[str, str]
    folder: Folder
    servers: Servers
    processes: int
    workers: int


@click.command("up")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where all data lie; by default HEADLESS_DATA_DIR.",
)
@click.option("--url", help="Where the world reaches it; by default HEADLESS_URL.")
@click.option("--host", help="The address to listen on; by default HEADLESS_HOST.")
@click.option("--port", type=click.IntRange(1, 65535), help="By default HEADLESS_PORT.")
@click.option(
    "--processes", type=click.IntRange(1), default=1, show_default=True, help="How many serve."
)
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, help="How many work."
)
def command_up(
    data_dir: Path | None,
    url: str | None,
    host: str | None,
    port: int | None,
    processes: int,
    workers: int,
) -> None:
    """Run a whole installation on this machine; migrates first."""
    signal.signal(signal.SIGTERM, interrupt)
    given = {
        "HEADLESS_DATA_DIR": data_dir,
        "HEADLESS_URL": url,
        "HEADLESS_HOST": host,
        "HEADLESS_PORT": port,
    }
    settings, environ = _settings(given)
    require_free(settings.host, settings.port, "up")
    try:
        with ExitStack() as stack:
            folder = stack.enter_context(hold(settings.data_dir))
            stack.callback(ignore_signals)
            servers = start(settings, folder, stack, told)
            children = children_environ(settings, environ, servers)
            revision = asyncio.run(migrated(servers.database_url))
            told(f"the schema is {revision}")
            plan = _Plan(settings, children, folder, servers, processes, workers)
            asyncio.run(_run(plan))
    except ServerError as error:
        message, _, fix = str(error).partition("\n→ ")
        raise Failure(message, fix or f"look into {settings.data_dir / 'log'}") from error
    told("stopped")


def _settings(given: Mapping[str, object]) -> tuple[Settings, dict[str, str]]:
    environ = dict(os.environ)
    for name, value in given.items():
        if value is not None:
            environ.pop(name + "_FILE", None)
            environ[name] = str(value)
    try:
        return load(environ), environ
    except SettingsError as error:
        raise environment.unfit(error) from error


def _programs(plan: _Plan) -> list[Program]:
    parent = ("--parent", str(os.getpid()))

    def program(name: str, does: str, *words: str) -> Program:
        log = plan.folder.log(name)
        return Program(name, does, command_line(*words, *parent), plan.environ, log)

    serves = program("api", "answers over HTTP", "serve", "--processes", str(plan.processes))
    works = [program(f"worker-{n}", "moves contacts", "work") for n in range(1, plan.workers + 1)]
    return [serves, *works]


async def _run(plan: _Plan) -> None:
    """The tree, from its start until somebody stops it."""
    settings = plan.settings
    tree = Tree(_programs(plan), seconds=settings.stop_seconds, say=told)
    asked = asyncio.Event()

    def stop() -> None:
        if asked.is_set():
            tree.cut_off()
        asked.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    await tree.start()
    tasks = [
        asyncio.create_task(watch(plan.servers.own, told)),
        asyncio.create_task(_tell_ready(plan)),
    ]
    try:
        await asked.wait()
        notify("STOPPING=1")
        told(f"stopping; what runs may finish for {settings.stop_seconds} s (again: at once) …")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await tree.stop()


async def _tell_ready(plan: _Plan) -> None:
    settings = plan.settings
    host = _LOOPBACK if settings.host in _EVERYWHERE else settings.host
    address = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
    async with httpx.AsyncClient(base_url=address, timeout=30, trust_env=False) as client:
        await until_ready(client, plan.folder, told)
    notify(f"READY=1\nSTATUS=answers at {settings.url}")
    told(f"ready at {settings.url}; the first token: headless tokens create --admin")


def notify(words: str) -> None:
    """Tell systemd, where it has started us; see sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.connect(address)
        line.sendall(words.encode())
