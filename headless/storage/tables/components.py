"""What campaigns send, show and listen for beside emails: texts, pages, forms, assets, slots.

Each is a named thing of a workspace. Imports SQLAlchemy and `columns`.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from headless.storage.tables.columns import (
    instant_column,
    json_column,
    metadata,
    named_table,
    workspace_column,
)

sms = named_table(
    "sms",
    Column("body", Text, nullable=False, server_default=""),
    instant_column("updated_at"),
)

push_message = named_table(
    "push_message",
    Column("title", Text, nullable=False, server_default=""),
    Column("body", Text, nullable=False, server_default=""),
    Column("url", Text),
    instant_column("updated_at"),
)

multi_message = named_table(  # `send message X`: one of these, by the channel a contact prefers
    "multi_message",
    Column("email_id", BigInteger),
    Column("sms_id", BigInteger),
    Column("push_message_id", BigInteger),
    instant_column("updated_at"),
)

webhook = named_table(
    "webhook",
    Column("url", Text, nullable=False),
    Column("method", Text, nullable=False, server_default="POST"),
    json_column("headers"),
    Column("timeout_seconds", Integer, nullable=False, server_default="10"),
    Column("secrets", LargeBinary),  # sealed JSON: the signing key
    instant_column("updated_at"),
    CheckConstraint("timeout_seconds between 1 and 60", name="timeout_seconds"),
)

integration = named_table(  # `push to X`: another system's contacts, and which field goes where
    "integration",
    Column("provider", Text, nullable=False),
    json_column("settings"),
    Column("secrets", LargeBinary),
    instant_column("updated_at"),
)

page = named_table(
    "page",
    Column("url", Text),  # where it stands when it is not one of ours
    Column("body", Text),
    instant_column("updated_at"),
)

asset = named_table(
    "asset",
    Column("url", Text),
    instant_column("updated_at"),
)

form = named_table(
    "form",
    json_column("fields"),  # {name: type}
    instant_column("updated_at"),
)

form_answer = Table(  # what a contact answered last in each field of a form
    "form_answer",
    metadata,
    workspace_column(),
    Column("contact_id", BigInteger, nullable=False),
    Column("form_id", BigInteger, nullable=False),
    json_column("answers"),
    instant_column("at"),
    PrimaryKeyConstraint("workspace_id", "contact_id", "form_id"),
)

slot = named_table("slot")  # a place on a page that campaigns fill

content = named_table(
    "content",
    Column("body", Text, nullable=False, server_default=""),
    instant_column("updated_at"),
)

slot_content = Table(  # what a contact is shown in a slot: `show content C in slot S`
    "slot_content",
    metadata,
    workspace_column(),
    Column("contact_id", BigInteger, nullable=False),
    Column("slot_id", BigInteger, nullable=False),
    Column("content_id", BigInteger, nullable=False),
    instant_column("at"),
    PrimaryKeyConstraint("workspace_id", "contact_id", "slot_id"),
)
