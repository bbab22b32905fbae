"""Companies: what contacts work for, with fields and points of their own.

A contact may belong to several; the one that it joined last is the one that `company.FIELD` speaks
of. Imports SQLAlchemy and `columns`.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from headless.storage.tables.columns import (
    id_column,
    instant_column,
    json_column,
    metadata,
    named_table,
    workspace_column,
)

company = named_table(
    "company",
    Column("points", BigInteger, nullable=False, server_default="0"),
    json_column("fields"),  # {name: value} for what `company_field` declares
    instant_column("updated_at"),
    postgresql_with={"fillfactor": "80"},
)

company_field = Table(
    "company_field",
    metadata,
    workspace_column(),
    id_column(),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    instant_column("created_at"),
    PrimaryKeyConstraint("workspace_id", "id"),
    UniqueConstraint("workspace_id", "name"),
    CheckConstraint("type in ('text', 'number', 'boolean', 'date', 'datetime')", name="type"),
)

company_member = Table(
    "company_member",
    metadata,
    workspace_column(),
    Column("contact_id", BigInteger, nullable=False),
    Column("company_id", BigInteger, nullable=False),
    instant_column("since"),
    PrimaryKeyConstraint("workspace_id", "contact_id", "company_id"),
)
Index("ix_company_member_company", company_member.c.company_id)

company_points = Table(  # those of groups; the plain ones stand on the company
    "company_points",
    metadata,
    workspace_column(),
    Column("company_id", BigInteger, nullable=False),
    Column("group_id", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("workspace_id", "company_id", "group_id"),
    postgresql_with={"fillfactor": "80"},
)
