"""What is sent: emails and their versions, the outbox, the development inbox.

Imports SQLAlchemy and `columns`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
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

email = Table(
    "email",
    metadata,
    workspace_column(),
    id_column(),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("topic_id", BigInteger),  # what it is about; null: none that anybody chooses
    instant_column("created_at"),
    instant_column("updated_at"),
    PrimaryKeyConstraint("workspace_id", "id"),
    UniqueConstraint("workspace_id", "name"),
)

email_version = Table(
    "email_version",
    metadata,
    workspace_column(),
    Column("email_id", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("text", Text),  # null: made from the html
    Column("sender", Text),  # null: the workspace's
    Column("reply_to", Text),
    Column("mjml", Text),  # what the html was made of
    json_column("written", nullable=True),  # as its author wrote it, where snippets stand in it
    Column("links", ARRAY(Text), nullable=False, server_default="{}"),  # ordinal -> target
    Column("variables", ARRAY(Text), nullable=False, server_default="{}"),
    instant_column("created_at"),
    PrimaryKeyConstraint("workspace_id", "email_id", "version"),
)

message = Table(  # one intent to send on a channel: the outbox and its history
    "message",
    metadata,
    workspace_column(),
    id_column(),
    Column("contact_id", BigInteger, nullable=False),
    Column("channel", SmallInteger, nullable=False),
    Column("ref", BigInteger, nullable=False, server_default="0"),  # the email, the webhook ...
    Column("enrollment_id", BigInteger),
    Column("version_id", BigInteger),
    Column("step", SmallInteger),
    Column("visit", Integer),
    Column("activity_id", BigInteger),  # what brought the contact here: `{{ event.* }}`
    Column("state", SmallInteger, nullable=False, server_default="0"),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    instant_column(
        "created_at"
    ),  # when the intent was released: what `when opened ... within` counts from
    instant_column("due_at"),
    instant_column("sent_at", nullable=True),
    json_column("data", nullable=True),  # `with (...)`, `to`, a webhook's url
    Column("links", ARRAY(Text)),  # where they differ from the email version's own
    Column("email_version", Integer),
    Column("reason", Text),
    Column("tracked", Boolean),  # of a mail: false has neither picture nor counted links
    PrimaryKeyConstraint("workspace_id", "id"),
    postgresql_partition_by="RANGE (id)",  # months: see `partitions`
)
Index(
    "ix_message_due",
    message.c.workspace_id, message.c.channel, message.c.due_at,
    postgresql_where=text("state = 0"),
)  # fmt: skip
Index(
    "ix_message_sending", message.c.workspace_id, message.c.channel,
    postgresql_where=text("state = 1"),
)  # fmt: skip
Index(  # those that a person has to decide on: parked, uncertain
    "ix_message_stuck", message.c.workspace_id, message.c.id,
    postgresql_where=text("state in (4, 5)"),
)  # fmt: skip
Index("ix_message_contact", message.c.contact_id, message.c.created_at)

inbox_mail = Table(  # what the development SMTP server received
    "inbox_mail",
    metadata,
    id_column(),
    instant_column("received_at"),
    Column("sender", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("message_id", Text),  # our own public id, from the Message-ID header
    Column("raw", LargeBinary, nullable=False),
    PrimaryKeyConstraint("id"),
)
Index("ix_inbox_mail_recipient", func.lower(inbox_mail.c.recipient), inbox_mail.c.id)
