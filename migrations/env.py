"""How Alembic reaches the database: over the connection that it is handed."""

from typing import Any

from alembic import context

from headless.storage.tables import metadata


def _is_ours(thing: Any, *_: Any) -> bool:
    """PostgreSQL's own columns, such as a row's place, are there without us."""
    return not getattr(thing, "system", False)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_object=_is_ours,
)
with context.begin_transaction():
    context.run_migrations()
