"""What people have agreed to: topics and who gets them, the ledger, tracking; and what is held.

Imports SQLAlchemy and `columns`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from headless.storage.tables.columns import (
    id_column,
    instant_column,
    json_column,
    metadata,
    named_table,
    workspace_column,
)

topic = named_table(  # what a mail is about, for people to choose from
    "topic",
    Column("description", Text),
    Column("opt_in", Boolean, nullable=False, server_default="false"),  # only who asked for it
    Column("revision", Integer, nullable=False, server_default="1"),
    instant_column("updated_at"),
)

topic_choice = Table(  # who has chosen; without a row the topic's own way counts
    "topic_choice",
    metadata,
    workspace_column(),
    Column("contact_id", BigInteger, nullable=False),
    Column("topic_id", BigInteger, nullable=False),
    Column("subscribed", Boolean, nullable=False),
    Column("source", Text, nullable=False),
    instant_column("at"),
    PrimaryKeyConstraint("workspace_id", "contact_id", "topic_id"),
)
Index("ix_topic_choice_topic", topic_choice.c.topic_id)

tracking = Table(  # who agreed or objected to being seen opening and clicking
    "tracking",
    metadata,
    workspace_column(),
    Column("contact_id", BigInteger, nullable=False),
    Column("granted", Boolean, nullable=False),
    Column("source", Text, nullable=False),
    instant_column("at"),
    PrimaryKeyConstraint("workspace_id", "contact_id"),
)

consent = Table(  # the ledger: written, and never changed
    "consent",
    metadata,
    workspace_column(),
    id_column(),
    Column("contact_id", BigInteger, nullable=False),
    Column("about", Text, nullable=False),  # email, sms, push, topic, tracking
    Column("topic_id", BigInteger),
    Column("action", Text, nullable=False),
    Column("text", Text),  # the words that were agreed to
    Column("text_version", Text),
    Column("source", Text, nullable=False),  # form:frm_…, api, preferences, one_click ...
    Column("proof", Text),  # how it is proved
    Column("message_id", BigInteger),  # the mail that asked, or that was answered
    json_column("evidence"),  # {"ip": ..., "user_agent": ..., "token": ...}
    instant_column("at"),
    PrimaryKeyConstraint("workspace_id", "id"),
    CheckConstraint("action in ('requested', 'granted', 'denied', 'withdrawn')", name="action"),
)
Index("ix_consent_contact", consent.c.contact_id, consent.c.id)

hold = Table(  # nothing of it is handed over while its row is here
    "hold",
    metadata,
    workspace_column(),
    Column("scope", Text, nullable=False),
    Column("subject", BigInteger, nullable=False, server_default="0"),  # the channel, the campaign
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    instant_column("since"),
    PrimaryKeyConstraint("workspace_id", "scope", "subject"),
    CheckConstraint("scope in ('workspace', 'channel', 'campaign')", name="scope"),
)

message_key = Table(  # the senders' own names of messages: what is asked twice is sent once
    "message_key",
    metadata,
    workspace_column(),
    Column("key", Text, nullable=False),
    Column("message_id", BigInteger, nullable=False),
    instant_column("at"),
    PrimaryKeyConstraint("workspace_id", "key"),
)
