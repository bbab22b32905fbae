"""`headless dev`: everything on this machine, in one process tree.

The database servers (embedded, unless DATABASE_URL or REDIS_URL names others), the schema, a
workspace and its token, then the API, the workers and the mail server as processes. All data lie
in the data folder; a second start continues where the first stopped.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import click
import httpx
import msgspec

from headless import __version__
from headless.cli import environment
from headless.cli.one_machine import (
    children_environ,
    ignore_signals,
    interrupt,
    start,
    told,
    until_ready,
    watch,
)
from headless.cli.output import Failure, say
from headless.cli.ports import any_free, next_free
from headless.cli.processes import Program, Tree, command_line
from headless.cli.services import migrated, require_free
from headless.clock import SystemClock
from headless.settings import Settings, SettingsError, load
from headless.storage.data_folder import Folder, ServerError, hold
from headless.storage.database import connect
from headless.storage.embedded import Server
from headless.workspace import tokens, workspaces

_LOOPBACK = "127.0.0.1"


class Prepared(msgspec.Struct, frozen=True):
    """What the children need, and what the console tells."""

    settings: Settings
    environ: Mapping[str, str]
    folder: Folder
    servers: tuple[Server, ...]
    workspace: workspaces.Workspace
    token: str
    mail_port: int


@click.command("dev")
@click.option("--demo", is_flag=True, help="Bring sample contacts and a campaign that moves.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where all data lie; by default HEADLESS_DATA_DIR, else ./.headless.",
)
@click.option("--host", help="The address to listen on; by default only this machine's own.")
@click.option("--port", type=click.IntRange(1, 65535), help="By default HEADLESS_PORT, else 8080.")
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, help="How many workers."
)
def command_dev(
    demo: bool, data_dir: Path | None, host: str | None, port: int | None, workers: int
) -> None:
    """Run everything on this machine: API, worker, PostgreSQL, Valkey and a mail server."""
    signal.signal(signal.SIGTERM, interrupt)
    settings, environ = _settings(data_dir, host, port)
    try:
        with ExitStack() as stack:
            folder = stack.enter_context(hold(settings.data_dir))
            settings, environ = _with_free_port(settings, environ)
            stack.callback(ignore_signals)
            prepared = _prepare(settings, environ, folder, stack)
            asyncio.run(_run(prepared, workers=workers, demo=demo))
    except ServerError as error:
        message, _, fix = str(error).partition("\n→ ")
        raise Failure(message, fix or f"look into {settings.data_dir / 'log'}") from error
    told("stopped; everything is kept in " + str(settings.data_dir))


def _settings(
    data_dir: Path | None, host: str | None, port: int | None
) -> tuple[Settings, dict[str, str]]:
    """The settings with the command's options, and the environment that says the same."""
    environ = dict(os.environ)
    options = {"HEADLESS_DATA_DIR": data_dir, "HEADLESS_HOST": host, "HEADLESS_PORT": port}
    for name, value in options.items():
        if value is not None:
            environ.pop(name + "_FILE", None)
            environ[name] = str(value)
    return _loaded(environ), environ


def _loaded(environ: dict[str, str]) -> Settings:
    """The settings; an address that nobody gave follows the port."""
    try:
        settings = load(environ)
    except SettingsError as error:
        raise environment.unfit(error) from error
    if environ.get("HEADLESS_URL") or environ.get("HEADLESS_URL_FILE"):
        return settings
    return msgspec.structs.replace(settings, url=f"http://localhost:{settings.port}")


def _with_free_port(settings: Settings, environ: dict[str, str]) -> tuple[Settings, dict[str, str]]:
    """The same, on the next free port if the port is taken and the person agrees."""
    try:
        require_free(settings.host, settings.port, "dev")
    except Failure as failure:
        other = next_free(settings.host, settings.port)
        if other is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise
        say(failure.message)
        if not click.confirm(f"use port {other} instead?", default=True, err=True):
            raise
        environ = {**environ, "HEADLESS_PORT": str(other)}
        environ.pop("HEADLESS_PORT_FILE", None)
        return _loaded(environ), environ
    return settings, environ


def _prepare(
    settings: Settings, environ: Mapping[str, str], folder: Folder, stack: ExitStack
) -> Prepared:
    """Servers that run, a database with the schema, a workspace and its token."""
    servers = start(settings, folder, stack, told)
    mail_port = any_free(_LOOPBACK)
    children = {
        **children_environ(settings, environ, servers),
        "HEADLESS_SMTP_URL": f"smtp://{_LOOPBACK}:{mail_port}",
    }
    children.pop("HEADLESS_SMTP_URL_FILE", None)
    database_url = children["DATABASE_URL"]
    token_file = settings.data_dir / "token"
    kept = token_file.read_text(encoding="ascii").strip() if token_file.exists() else ""
    workspace, token = asyncio.run(_first_rows(database_url, kept))
    if token != kept:
        _write_private(token_file, token)
    return Prepared(_loaded(children), children, folder, servers.own, workspace, token, mail_port)


async def _first_rows(database_url: str, text: str) -> tuple[workspaces.Workspace, str]:
    """Migrate; the workspace and its admin token: `text`, unless it is none (any more)."""
    await migrated(database_url)
    database = connect(database_url)
    now = SystemClock().now()
    try:
        async with database.transaction() as tx:
            workspace = await workspaces.default(tx, now=now)
            known = await tokens.verify(tx, text, now=now)
            if known is None or known.workspace_id != workspace.id:
                _, text = await tokens.make(
                    tx, workspace.id, "dev", ["admin"], kind=workspace.token_kind, now=now
                )
        return workspace, text
    finally:
        await database.close()


def _write_private(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text + "\n")
    fresh.replace(path)


def _programs(prepared: Prepared, workers: int) -> list[Program]:
    parent = ("--parent", str(os.getpid()))

    def program(name: str, does: str, *words: str, stage: int) -> Program:
        return Program(
            name=name,
            does=does,
            command=command_line(*words, *parent),
            environ=prepared.environ,
            log=prepared.folder.log(name),
            stage=stage,
        )

    works = [
        program(f"worker-{number}", "moves contacts", "work", stage=0)
        for number in range(1, workers + 1)
    ]
    return [
        program("mail", "takes the mails", "mail-sink", "--port", str(prepared.mail_port), stage=1),
        program("api", "answers over HTTP", "serve", "--development", stage=0),
        *works,
    ]


async def _run(prepared: Prepared, *, workers: int, demo: bool) -> None:
    """The tree, from its start until somebody stops it."""
    settings = prepared.settings
    tree = Tree(_programs(prepared, workers), seconds=settings.stop_seconds, say=told)
    asked = asyncio.Event()

    def stop() -> None:
        if asked.is_set():
            tree.cut_off()
        asked.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    told(f"starting the API, the mail server and {_count(workers, 'worker')} …")
    await tree.start()
    tasks = [
        asyncio.create_task(watch(prepared.servers, told)),
        asyncio.create_task(_live(prepared, demo=demo)),
    ]
    for task in tasks:
        task.add_done_callback(_tell_failure)
    try:
        await asked.wait()
        told(f"\nstopping; what runs may finish for {settings.stop_seconds} s (again: at once) …")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await tree.stop()


def _tell_failure(task: asyncio.Task[None]) -> None:
    """What runs beside the tree must not end it, but neither may it fail in silence."""
    if not task.cancelled() and (error := task.exception()) is not None:
        told(f"the console can follow no longer: {error}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


async def _live(prepared: Prepared, *, demo: bool) -> None:
    """Wait until the API is ready, say so, and follow the demonstration if there is one."""
    settings = prepared.settings
    everywhere = settings.host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
    host = _LOOPBACK if everywhere else settings.host
    headers = {"Authorization": f"Bearer {prepared.token}"}
    async with httpx.AsyncClient(
        base_url=f"http://{f'[{host}]' if ':' in host else host}:{settings.port}",
        headers=headers,
        timeout=30,
        trust_env=False,
    ) as client:
        await until_ready(client, prepared.folder, told)
        told(_welcome(prepared))
        if demo:
            from headless.cli.demo import play

            await play(client, settings.url, told)


def _welcome(prepared: Prepared) -> str:
    settings, workspace = prepared.settings, prepared.workspace
    mode = "sandbox: nothing leaves this machine" if workspace.mode == "sandbox" else "live"
    name = click.style("headless", bold=True)
    token = settings.data_dir / "token"
    export = f"export HEADLESS_URL={settings.url} HEADLESS_TOKEN=$(cat {token})"
    lines = [
        f"\n{name} {__version__}   workspace {workspace.name} ({mode})",
        f"  API     {settings.url}   docs   {settings.url}/docs",
        f"  inbox   {settings.url}/dev/inbox",
        f"  token   {token}   {export}",
        f"  data    {settings.data_dir}   logs   {settings.data_dir / 'log'}",
        "  stop    Ctrl-C\n",
    ]
    return "\n".join(lines)
