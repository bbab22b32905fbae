"""Who did what, who is asked to join, and what things were called before.

Imports SQLAlchemy and `columns`.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from headless.storage.tables.columns import (
    id_column,
    instant_column,
    json_column,
    metadata,
    workspace_column,
)

audit = Table(  # what people and programs did, and whose data they looked at
    "audit",
    metadata,
    workspace_column(),
    id_column(),
    Column("actor", Text, nullable=False),  # `mem_…`, `tok_…` or whoever else acts: `slack:U1`
    Column("act", Text, nullable=False),  # `pause_campaign`
    Column("subject", Text, nullable=False),  # an id, or the name that was used
    json_column("detail"),
    instant_column("at"),
    PrimaryKeyConstraint("workspace_id", "id"),
)
Index("ix_audit_subject", audit.c.subject, audit.c.id)
Index("ix_audit_actor", audit.c.actor, audit.c.id)
Index("ix_audit_at", audit.c.at)

invite = Table(  # a ticket that makes whoever has it a member, once
    "invite",
    metadata,
    workspace_column(),
    id_column(),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),  # SHA-256 of the ticket
    Column("invited_by", Text, nullable=False),  # as in `audit.actor`
    Column("member_id", BigInteger),  # who came of it
    instant_column("created_at"),
    instant_column("expires_at"),
    instant_column("accepted_at", nullable=True),
    instant_column("revoked_at", nullable=True),
    PrimaryKeyConstraint("workspace_id", "id"),
)

former_name = Table(  # what a thing was called until a rename: old addresses answer for a while
    "former_name",
    metadata,
    workspace_column(),
    Column("kind", Text, nullable=False),  # the prefix of its id: `seg`
    Column("name", Text, nullable=False),  # in lower case
    Column("thing_id", BigInteger, nullable=False),
    instant_column("until"),
    PrimaryKeyConstraint("workspace_id", "kind", "name"),
)
Index("ix_former_name_until", former_name.c.until)
