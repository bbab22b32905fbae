"""The schema: bring a database to the newest version, and say which version it has.

Imports Alembic, `tables` and `database`. Running it twice, or in two processes at once, is
harmless: an advisory lock lets one through at a time.
"""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select

from headless.storage.database import Database

_LOCK: Final = 7_236_512  # any number that nobody else locks

_CHECKOUT: Final = Path(__file__).parents[2] / "migrations"
_WHEEL: Final = Path(__file__).parents[1] / "_migrations"


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


async def migrate(database: Database) -> None:
    """Bring the database to the newest revision."""

    def upgrade(connection: Connection) -> None:
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    async with database.engine.begin() as connection:
        await connection.run_sync(upgrade)
