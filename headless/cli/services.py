"""`headless serve`, `work` and `migrate`: the parts of an installation, each a process of its own.

They expect their servers in DATABASE_URL and REDIS_URL and never migrate on the way. What they run
is imported when they run.
"""

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from headless.cli import environment
from headless.cli.loading import for_good
from headless.cli.output import Exit, Failure, answer, json_option, print_json, say
from headless.cli.ports import holder, is_free, next_free
from headless.cli.processes import follow_parent

if TYPE_CHECKING:
    from headless.storage.migrate import Change

_SOON: Final = 3
_PARENT = click.option("--parent", type=int, hidden=True, help="End when this process is gone.")


@click.command("serve")
@click.option("--host", help="The address to listen on; by default HEADLESS_HOST.")
@click.option("--port", type=click.IntRange(1, 65535), help="By default HEADLESS_PORT.")
@click.option(
    "--processes", type=click.IntRange(1), default=1, show_default=True, help="How many processes."
)
@click.option("--development", is_flag=True, hidden=True, help="With /dev/inbox.")
@_PARENT
def command_serve(
    host: str | None, port: int | None, processes: int, development: bool, parent: int | None
) -> None:
    """Serve the API over HTTP."""
    settings = environment.settings()
    environment.servers(settings)
    settings = msgspec.structs.replace(
        settings, host=host or settings.host, port=port or settings.port
    )
    require_free(settings.host, settings.port, "serve")
    if parent is not None:
        follow_parent(parent)
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    Granian(
        f"headless.cli.services:{'development' if development else 'application'}",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=processes,
        respawn_failed_workers=True,
        # a page of the development inbox may hold a request for half a minute
        workers_kill_timeout=_SOON if development else settings.stop_seconds,
        log_level=LogLevels.warning,
        websockets=False,
    ).serve()


def application() -> Any:
    """The ASGI application of one serving process, which ends with the process that began it."""
    with for_good():
        from headless.api.app import create

        _begin_serving()
        return create()


def development() -> Any:
    """The same with the development inbox."""
    with for_good():
        from headless.api.app import create_dev

        _begin_serving()
        return create_dev()


def _begin_serving() -> None:
    from headless.cli.logs import configure

    follow_parent(os.getppid())
    configure(environment.settings().log_level)


@click.command("work")
@_PARENT
def command_work(parent: int | None) -> None:
    """Move contacts through campaigns and hand over what is due; run as many as you like."""
    settings = environment.settings()
    environment.servers(settings)
    if parent is not None:
        follow_parent(parent)
    with for_good():
        from headless.cli.logs import configure
        from headless.worker import run

    configure(settings.log_level)
    run(settings)


@click.command("mail-sink", hidden=True)
@click.option("--port", type=click.IntRange(0, 65535), required=True)
@_PARENT
def command_mail_sink(port: int, parent: int | None) -> None:
    """Take every mail on this machine's own address, keep it for /dev/inbox, send none on."""
    settings = environment.settings()
    database_url, _ = environment.servers(settings)
    if parent is not None:
        follow_parent(parent)
    from headless.cli.logs import configure

    configure(settings.log_level)
    asyncio.run(_sink(database_url, port))


async def _sink(database_url: str, port: int) -> None:
    with for_good():
        from headless.channels.sink import run_sink
        from headless.storage.database import connect

    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    database = connect(database_url, application="headless-mail")
    try:
        async with run_sink(database, port=port):
            await asked.wait()
    finally:
        await database.close()


@click.command("migrate")
@click.option("--plan", is_flag=True, help="Only say what would be done.")
@json_option
def command_migrate(plan: bool, as_json: bool) -> None:
    """Bring the database to the schema of this release.

    Two at once do no harm; a table that others hold is asked for again after five seconds.
    """
    settings = environment.settings()
    if settings.database_url is None:
        raise Failure("`DATABASE_URL` must name a server", "set it", Exit.USAGE)
    if plan:
        _tell_plan(*asyncio.run(_pending(settings.database_url)), as_json=as_json)
        return
    revision = asyncio.run(migrated(settings.database_url))
    if as_json:
        print_json({"schema": revision})
    else:
        answer(f"the schema is {revision}")


async def _pending(database_url: str) -> "tuple[str | None, list[Change]]":
    from headless.storage import migrate, revisions
    from headless.storage.database import connect

    database = connect(database_url)
    try:
        has = await revisions.current(database)
        return has, migrate.pending(has)
    except OSError as error:
        raise _away(error) from error
    finally:
        await database.close()


def _tell_plan(has: str | None, changes: "list[Change]", *, as_json: bool) -> None:
    if as_json:
        print_json({"schema": has, "changes": changes})
        return
    for change in changes:
        first, *rest = change.says.splitlines() or [""]
        answer("\n".join([f"{change.revision}  {first}", *(f"      {line}" for line in rest)]))
    say(f"the schema is {has or 'empty'}; {len(changes) or 'nothing'} to do")


def _away(error: OSError) -> Failure:
    return Failure(f"the database does not answer: {error}", "start it, or mend DATABASE_URL")


async def migrated(database_url: str) -> str:
    """Migrate, and answer the revision that the database has now."""
    from headless.storage.database import connect
    from headless.storage.migrate import BusyError, migrate
    from headless.storage.revisions import current

    database = connect(database_url)
    try:
        await migrate(database)
        return await current(database) or "empty"
    except OSError as error:
        raise _away(error) from error
    except BusyError as error:
        fix = "look who holds it (pg_stat_activity), and call it again: nothing was changed"
        raise Failure(str(error), fix, Exit.TRY_AGAIN) from error
    finally:
        await database.close()


def require_free(host: str, port: int, command: str) -> None:
    """End the command when nobody could listen there, and say who does and what is free."""
    try:
        if is_free(host, port):
            return
    except OSError as error:
        raise Failure(
            f"`{host}` is no address of this machine: {error.strerror}",
            f"headless {command} --host 127.0.0.1",
            Exit.USAGE,
        ) from error
    other = next_free(host, port)
    raise Failure(
        f"port {port} on {host} is taken by {holder(port) or 'another program'}",
        f"headless {command} --port {other}" if other else "free the port",
    )
