"""The migrations make exactly the tables that the code describes."""

import re
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from headless.storage import migrate, revisions
from headless.storage.database import connect
from headless.storage.tables import metadata

PARTITION = re.compile(r"(activity|journal|message)_(0|\d{4}_\d{2})")


def is_ours(thing: Any, name: str | None, kind: str, *_: Any) -> bool:
    """Neither PostgreSQL's own columns nor the partitions of a table."""
    if kind == "table" and PARTITION.fullmatch(name or ""):
        return False
    return not getattr(thing, "system", False)


async def test_the_migrations_make_the_tables_of_the_code(database_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection,
            opts={"include_object": is_ours},
        )
        return list(compare_metadata(context, metadata))

    database = connect(database_url)
    try:
        async with database.engine.connect() as connection:
            assert await connection.run_sync(differences) == []
    finally:
        await database.close()


def test_the_code_knows_every_migration_in_its_order() -> None:
    scripts = ScriptDirectory.from_config(migrate.config())
    assert [one.revision for one in scripts.walk_revisions("base", "heads")] == [
        *reversed(revisions.REVISIONS)
    ]
