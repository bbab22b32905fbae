"""How messages leave: a workspace's channels with their sealed secrets.

Imports SQLAlchemy and `columns`.
"""

from sqlalchemy import (
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
    UniqueConstraint,
    text,
)

from headless.storage.tables.columns import (
    id_column,
    instant_column,
    json_column,
    metadata,
    workspace_column,
)

channel = Table(  # one account with one provider; each kind has one that is used by default
    "channel",
    metadata,
    workspace_column(),
    id_column(),
    Column("name", Text, nullable=False),
    Column("kind", SmallInteger, nullable=False),  # codes.Channel
    Column("provider", Text, nullable=False),
    json_column("settings"),
    Column("secrets", LargeBinary),  # sealed JSON; null: the provider needs none
    Column("in_use", Boolean, nullable=False, server_default="false"),  # messages go this way
    Column("state", Text, nullable=False, server_default="ready"),
    Column("reason", Text),  # why it is held or broken
    Column("revision", Integer, nullable=False, server_default="1"),
    instant_column("created_at"),
    instant_column("updated_at"),
    PrimaryKeyConstraint("workspace_id", "id"),
    UniqueConstraint("workspace_id", "name"),
    CheckConstraint("state in ('ready', 'held', 'broken')", name="state"),
)
Index(
    "uq_channel_in_use",
    channel.c.workspace_id, channel.c.kind,
    unique=True,
    postgresql_where=text("in_use"),
)  # fmt: skip

breaker = Table(  # refusals of us in the last minutes, by domain and by campaign; what is broken
    "breaker",
    metadata,
    workspace_column(),
    Column("channel", SmallInteger, nullable=False),
    Column("scope", Text, nullable=False),  # domain, campaign, channel
    Column("subject", Text, nullable=False),  # the domain, the campaign's number, or nothing
    Column("taken", Integer, nullable=False),  # hand-overs that were answered
    Column("refused", Integer, nullable=False),
    instant_column("since"),
    instant_column("open_until", nullable=True),  # nothing before; null again when it works
    Column("waiting", Boolean, nullable=False, server_default="false"),  # for its campaign's pause
    PrimaryKeyConstraint("workspace_id", "channel", "scope", "subject"),
    CheckConstraint("scope in ('domain', 'campaign', 'channel')", name="scope"),
)
