"""What goes to and comes from programs: public write keys, webhook endpoints, deliveries.

Imports SQLAlchemy and `columns`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from headless.storage.tables.columns import (
    id_column,
    instant_column,
    json_column,
    metadata,
    workspace_column,
)

write_key = Table(  # public: it stands in web pages and apps
    "write_key",
    metadata,
    workspace_column(),
    id_column(),
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False, unique=True),
    Column("origins", ARRAY(Text), nullable=False, server_default="{}"),  # none: any
    instant_column("created_at"),
    instant_column("revoked_at", nullable=True),
    PrimaryKeyConstraint("workspace_id", "id"),
)

endpoint = Table(  # where a workspace wants to be told of what happens
    "endpoint",
    metadata,
    workspace_column(),
    id_column(),
    Column("url", Text, nullable=False),
    Column("description", Text),
    Column("types", ARRAY(Text), nullable=False),  # which events; none: all
    Column("batch", Boolean, nullable=False, server_default="false"),
    Column("secrets", LargeBinary, nullable=False),  # sealed JSON, newest first
    Column("state", Text, nullable=False, server_default="enabled"),
    Column("reason", Text),  # why it is disabled
    instant_column("failing_since", nullable=True),
    Column("revision", Integer, nullable=False, server_default="1"),
    instant_column("created_at"),
    instant_column("updated_at"),
    PrimaryKeyConstraint("workspace_id", "id"),
    CheckConstraint("state in ('enabled', 'disabled')", name="state"),
)

delivery = Table(  # one event for one endpoint: the outbox of events and its log
    "delivery",
    metadata,
    workspace_column(),
    id_column(),
    Column("endpoint_id", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    instant_column("at"),
    json_column("data"),
    Column("state", SmallInteger, nullable=False, server_default="0"),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    instant_column("due_at"),
    Column("status", SmallInteger),  # what the last attempt was answered
    Column("answer", Text),  # why the last attempt failed
    instant_column("ended_at", nullable=True),
    PrimaryKeyConstraint("workspace_id", "id"),
    postgresql_with={"fillfactor": "80"},
)
Index(
    "ix_delivery_due",
    delivery.c.endpoint_id, delivery.c.due_at,
    postgresql_where=text("state = 0"),
)  # fmt: skip
Index("ix_delivery_endpoint", delivery.c.endpoint_id, delivery.c.id)
