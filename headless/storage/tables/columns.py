"""What all tables are made with: the metadata, and the columns that come again and again.

Imports only SQLAlchemy.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import UserDefinedType

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

Instant: Final = DateTime(timezone=True)


class Place(UserDefinedType[str]):
    """Where a row stands in its table: PostgreSQL's `tid`. It holds while the row is locked."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The type's name in SQL."""
        return "TID"


def workspace_column() -> Column[int]:
    """`workspace_id`: whose row it is."""
    return Column("workspace_id", Integer, nullable=False)


def id_column() -> Column[int]:
    """`id`: a number of its own, never used again."""
    return Column("id", BigInteger, Identity(always=False), nullable=False)


def instant_column(name: str, *, nullable: bool = False) -> Column[Any]:
    """A timestamptz."""
    return Column(name, Instant, nullable=nullable)


def json_column(name: str, *, nullable: bool = False) -> Column[Any]:
    """JSONB; an empty object where it cannot be null."""
    return Column(
        name, JSONB(none_as_null=True), nullable=nullable, server_default=None if nullable else "{}"
    )


def named_table(name: str, *more: Any, **options: Any) -> Table:
    """A table of things with a name each, unique in its workspace without regard to case."""
    table = Table(
        name,
        metadata,
        workspace_column(),
        id_column(),
        Column("name", Text, nullable=False),
        *more,
        instant_column("created_at"),
        PrimaryKeyConstraint("workspace_id", "id"),
        **options,
    )
    Index(f"uq_{name}_name", table.c.workspace_id, func.lower(table.c.name), unique=True)
    return table
