"""How Alembic reaches the database: over the connection that it is handed."""

import re
from typing import Any

from alembic import context

from headless.storage.tables import metadata


def _is_ours(thing: Any, name: str | None, kind: str, *_: Any) -> bool:
    """PostgreSQL's own columns, such as a row's place, and partitions are there without us."""
    if kind == "table" and re.fullmatch(r"(activity|journal|message)_(0|\d{4}_\d{2})", name or ""):
        return False
    return not getattr(thing, "system", False)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_object=_is_ours,
)
with context.begin_transaction():
    context.run_migrations()
