"""The schema: bring a database to the newest version, and say which version it has.

Imports Alembic, `tables` and `database`. Running it twice, or in two processes at once, is
harmless: an advisory lock lets one through at a time. No table is waited for longer than
`LOCK_SECONDS`, because whoever comes after us would wait behind us; it is tried again instead.
"""

import asyncio
from pathlib import Path
from typing import Final, Literal

import msgspec
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError

from headless.storage.database import Database

LOCK_SECONDS: Final = 5
_TRIES: Final = 12
_BUSY: Final = "55P03"  # lock_not_available
_LOCK: Final = 7_236_512  # any number that nobody else locks

_CHECKOUT: Final = Path(__file__).parents[2] / "migrations"
_WHEEL: Final = Path(__file__).parents[1] / "_migrations"


Standing = Literal["current", "older", "newer", "empty"]


class BusyError(Exception):
    """Somebody holds a table, or migrates, for longer than we try."""


class Change(msgspec.Struct, frozen=True):
    """One migration: its revision, and in words what it does."""

    revision: str
    says: str


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_CHECKOUT if _CHECKOUT.is_dir() else _WHEEL))
    return config


def newest() -> str:
    """The revision that this code is written for."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError("the migrations are missing from this installation")
    return head


async def current(database: Database) -> str | None:
    """The revision that the database has; None for an empty one."""
    async with database.engine.connect() as connection:
        return await connection.run_sync(
            lambda sync: MigrationContext.configure(sync).get_current_revision()
        )


def standing(revision: str | None) -> Standing:
    """How a database's revision stands to this code; one that we do not know is a later one."""
    if revision is None:
        return "empty"
    known = [each.revision for each in ScriptDirectory.from_config(_config()).walk_revisions()]
    if revision not in known:
        return "newer"
    return "current" if revision == known[0] else "older"


def pending(revision: str | None) -> list[Change]:
    """What `migrate` would do to a database of that revision, in order; raises nothing."""
    if standing(revision) in ("current", "newer"):
        return []
    scripts = ScriptDirectory.from_config(_config())
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
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    async with database.engine.begin() as connection:
        await connection.run_sync(upgrade)
