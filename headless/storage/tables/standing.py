"""How a contact stands: its stage, its points in groups, and the colleagues who own contacts.

The contact's row holds the names of its stage and its owner; what they may be is kept here. Imports
SQLAlchemy and `columns`.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from headless.storage.tables.columns import (
    instant_column,
    metadata,
    named_table,
    workspace_column,
)

stage = named_table(
    "stage",
    Column("rank", Integer, nullable=False, server_default="0"),  # the order people see them in
)

point_group = named_table("point_group")

contact_points = Table(  # those of groups; the plain ones stand on the contact
    "contact_points",
    metadata,
    workspace_column(),
    Column("contact_id", BigInteger, nullable=False),
    Column("group_id", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("workspace_id", "contact_id", "group_id"),
    postgresql_with={"fillfactor": "80"},
)
Index("ix_contact_points_group", contact_points.c.group_id, contact_points.c.points)

member = named_table(  # a colleague: whom `owned by` and `set owner to` name
    "member",
    Column("email", Text),
    Column("slack_id", Text),
    Column("role", Text, nullable=False, server_default="viewer"),
    instant_column("left_at", nullable=True),
    CheckConstraint("role in ('viewer', 'editor', 'approver', 'admin')", name="role"),
)
