"""The migrations make exactly the tables that the code describes."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from headless.storage.database import connect
from headless.storage.tables import metadata


async def test_the_migrations_make_the_tables_of_the_code(database_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection,
            opts={"include_object": lambda thing, *_: not getattr(thing, "system", False)},
        )
        return list(compare_metadata(context, metadata))

    database = connect(database_url)
    try:
        async with database.engine.connect() as connection:
            assert await connection.run_sync(differences) == []
    finally:
        await database.close()
