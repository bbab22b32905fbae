"""The schema: bring a database to the newest version, and say what that would change.

Imports Alembic, `database` and `revisions`. Running it twice, or in two processes at once, is
harmless: an advisory lock lets one through at a time. No table is waited for longer than
`LOCK_SECONDS`, because whoever comes after us would wait behind us; it is tried again instead.
"""

import asyncio
from pathlib import Path
from typing import Final

import msgspec
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError

from headless.storage.database import Database
from headless.storage.revisions import standing

LOCK_SECONDS: Final = 5
_TRIES: Final = 12
_BUSY: Final = "55P03"  # lock_not_available
_LOCK: Final = 7_236_512  # any number that nobody else locks

_CHECKOUT: Final = Path(__file__).parents[2] / "migrations"
_WHEEL: Final = Path(__file__).parents[1] / "_migrations"


class BusyError(Exception):
    """Somebody holds a table, or migrates, for longer than we try."""


class Change(msgspec.Struct, frozen=True):
    """One migration: its revision, and in words what it does."""

    revision: str
    says: str


def config() -> Config:
    """Where the migrations are, in a checkout and in a wheel."""
    config = Config()
    config.set_main_option("script_location", str(_CHECKOUT if _CHECKOUT.is_dir() else _WHEEL))
    return config


def pending(revision: str | None) -> list[Change]:
    """What `migrate` would do to a database of that revision, in order; raises nothing."""
    if standing(revision) in ("current", "newer"):
        return []
    scripts = ScriptDirectory.from_config(config())
    ahead = scripts.iterate_revisions("head", revision or "base")
    return [Change(each.revision, (each.doc or "").strip()) for each in reversed(list(ahead))]


async def migrate(database: Database, *, tries: int = _TRIES) -> None:
    """Bring the database to the newest revision; one of a later release is left as it is.

    Raises BusyError when locks cannot be had `tries` times in a row.
    """
    for left in reversed(range(tries)):
        try:
            await _migrate(database)
            return
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _BUSY:
                raise
            if not left:
                raise BusyError(
                    f"a table could not be had within {tries} times {LOCK_SECONDS} seconds"
                ) from error
            await asyncio.sleep(1)


async def _migrate(database: Database) -> None:
    def upgrade(connection: Connection) -> None:
        connection.execute(text(f"set local lock_timeout = '{LOCK_SECONDS}s'"))
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        if standing(MigrationContext.configure(connection).get_current_revision()) == "newer":
            return
        configured = config()
        configured.attributes["connection"] = connection
        command.upgrade(configured, "head")

    async with database.engine.begin() as connection:
        await connection.run_sync(upgrade)
