"""The revisions of the schema that this code knows, and how a database's own stands to them.

Imports `database` alone, so that whoever only asks need not load Alembic and all its dialects:
that is a fifth of what a server's start costs. `migrate` brings a database forward.
"""

from typing import Final, Literal

from sqlalchemy import text

from headless.storage.database import Database

REVISIONS: Final = ("0001",)
"""All of them, oldest first; a test holds them against `migrations/versions`."""

Standing = Literal["current", "older", "newer", "empty"]


def newest() -> str:
    """The revision that this code is written for."""
    return REVISIONS[-1]


async def current(database: Database) -> str | None:
    """The revision that the database has; None for an empty one."""
    async with database.engine.connect() as connection:
        if await connection.scalar(text("select to_regclass('alembic_version')")) is None:
            return None
        found: str | None = await connection.scalar(text("select version_num from alembic_version"))
        return found


def standing(revision: str | None) -> Standing:
    """How a database's revision stands to this code; one that we do not know is a later one."""
    if revision is None:
        return "empty"
    if revision not in REVISIONS:
        return "newer"
    return "current" if revision == REVISIONS[-1] else "older"
