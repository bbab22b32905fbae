"""`headless backup`, `restore` and `release`: the data into a file, back again, and let go.

They work on the database itself. What is restored comes up held: see `channels.restored`.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from sqlalchemy import text

from headless.channels import restored
from headless.channels.restored import Uncertain
from headless.cli import environment
from headless.cli.output import Exit, Failure, answer, json_option, print_json, print_table, say
from headless.cli.own_database import database_url, work
from headless.clock import SystemClock
from headless.settings import diary_of
from headless.storage import diary, dumps, installation, migrate
from headless.storage.codes import word
from headless.storage.database import Database
from headless.storage.diary import Entry
from headless.storage.dumps import DumpError

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("backup")
@click.argument("file", type=_FILE)
def command_backup(file: Path) -> None:
    """Write the whole database to FILE, as `pg_dump` does; nothing has to stop for it.

    The suppressions log and the secret keys are files of their own: keep them with it.
    """
    settings = environment.settings()
    with database_url(settings) as url:
        now = SystemClock().now()
        try:
            size = dumps.dump(url, file)
        except (DumpError, OSError) as error:
            raise _failed(error, file) from error

        async def note(database: Database) -> None:
            async with database.transaction() as tx:
                await installation.arrive(tx, settings.url, now=now)
                await installation.backed_up(tx, now=now)

        work(url, note)
    answer(str(file))
    say(f"{size / 2**20:.1f} MB; keep {diary_of(settings)} and the secret keys with it")


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--same-installation",
    is_flag=True,
    help="A move: everything was held when the backup was made, and nothing has run since.",
)
@click.option("--replace", is_flag=True, help="Throw away what the database holds now.")
@click.option(
    "--suppressions",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The suppressions log to read back; by default HEADLESS_SUPPRESSIONS_LOG.",
)
@json_option
def command_restore(
    file: Path, same_installation: bool, replace: bool, suppressions: Path | None, as_json: bool
) -> None:
    """Read FILE into the database; it comes up held.

    What was about to be sent, and what becomes due until `headless release`, is set aside as
    uncertain: it may have been sent since the backup. Whoever unsubscribed since is suppressed
    again, from the suppressions log.
    """
    settings = environment.settings()
    log = suppressions or diary_of(settings)
    entries = list(diary.read(log)) if log.exists() else []
    with database_url(settings) as url:
        try:
            dumps.check(file)
            work(url, lambda database: _make_room(database, replace=replace))
            dumps.restore(url, file)
        except (DumpError, OSError) as error:
            raise _failed(error, file) from error
        now = SystemClock().now()
        replayed, found = work(
            url,
            lambda database: _settle(
                database, settings.url, entries, same_installation=same_installation, now=now
            ),
        )
    if as_json:
        print_json({"held": not same_installation, "suppressions": replayed, "uncertain": found})
        return
    if same_installation:
        answer("restored as it was; a hold that stood when the backup was made still stands")
        return
    answer(f"restored and held; {replayed} lines of the suppressions log were read back")
    _tell(found)
    say("start `serve` and `work`, look at what is uncertain, then `headless release`")


@click.command("release")
@click.option("--send", is_flag=True, help="Send what is uncertain; some of it will arrive twice.")
@click.option("--drop", is_flag=True, help="Drop what is uncertain; some of it never arrives.")
@json_option
def command_release(send: bool, drop: bool, as_json: bool) -> None:
    """Let go what is held since a restore.

    What is uncertain stays so, unless you say what is to become of all of it; `headless messages`
    decides on one campaign at a time.
    """
    if send and drop:
        raise Failure("`--send` and `--drop` are two answers", "choose one", Exit.USAGE)
    settings = environment.settings()
    now = SystemClock().now()

    async def let_go(database: Database) -> dict[str, Any]:
        async with database.transaction() as tx:
            stance = await installation.stance(tx, settings.url)
            freed = await restored.release(tx, now=now)
            decided = await restored.decide(tx, send=send, now=now) if send or drop else 0
            left = await restored.uncertain(tx)
        return {"was_held": stance.restored, "freed": freed, "decided": decided, "uncertain": left}

    with database_url(settings) as url:
        done = work(url, let_go)
    if as_json:
        print_json(done | {"uncertain": [_row(each) for each in done["uncertain"]]})
        return
    if not done["was_held"]:
        answer("nothing was held by a restore")
        return
    done_to = "will be sent" if send else "dropped"
    answer("released" + (f"; {done['decided']} messages {done_to}" if send or drop else ""))
    _tell([_row(each) for each in done["uncertain"]])


async def _make_room(database: Database, *, replace: bool) -> None:
    """See that nobody works on the database and that it is empty; raises Failure."""
    async with database.transaction() as tx:
        others = await tx.scalar(
            text(
                "select count(*) from pg_stat_activity where datname = current_database()"
                " and pid <> pg_backend_pid() and application_name in"
                " ('headless-api', 'headless-worker', 'headless-mail')"
            )
        )
        if others:
            raise Failure(
                f"{others} connections of running processes are in this database",
                "stop `serve` and `work` first",
                Exit.CONFLICT,
            )
        there = await tx.scalar(
            text("select count(*) from pg_class where relnamespace = 'public'::regnamespace")
        )
        if there and not replace:
            raise Failure(
                "the database is not empty",
                "name an empty one in DATABASE_URL, or throw this one away with `--replace`",
                Exit.CONFLICT,
            )
        if there:
            await tx.execute(text("drop schema public cascade"))
            await tx.execute(text("create schema public"))


async def _settle(
    database: Database, url: str, entries: list[Entry], *, same_installation: bool, now: datetime
) -> tuple[int, list[dict[str, Any]]]:
    await migrate.migrate(database)
    async with database.transaction() as tx:
        if same_installation:
            await installation.settle(tx, restored_at=None)
            return 0, []
        await installation.arrive(tx, url, now=now)
        await installation.settle(tx, restored_at=now)
        await restored.hold_all(tx, now=now)
        replayed = await restored.replay(tx, entries)
        found = await restored.uncertain(tx)
    return replayed, [_row(each) for each in found]


def _row(each: Uncertain) -> dict[str, Any]:
    return {**msgspec.structs.asdict(each), "channel": word(each.channel)}


def _tell(found: list[dict[str, Any]]) -> None:
    if not found:
        say("no message is uncertain")
        return
    print_table(
        ("workspace", "campaign", "channel", "uncertain"),
        [
            (row["workspace"], row["campaign"] or "-", row["channel"], row["messages"])
            for row in found
        ],
    )


def _failed(error: Exception, file: Path) -> Failure:
    message, _, fix = str(error).partition("\n→ ")
    return Failure(message, fix or f"look at {file} and at the database's log")
