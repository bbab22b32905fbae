"""What campaigns send, show and listen for beside emails: texts, pages, forms, assets, slots.

Each is a named thing of a workspace; its row is what is used now, `component_version` what its
author wrote, save by save. Imports SQLAlchemy and `columns`.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from headless.storage.tables.columns import (
    Instant,
    instant_column,
    json_column,
    metadata,
    named_table,
    workspace_column,
)


def _version_column() -> Column[int]:
    return Column("version", Integer, nullable=False, server_default="1")


sms = named_table(
    "sms",
    _version_column(),
    Column("body", Text, nullable=False, server_default=""),
    instant_column("updated_at"),
)

push_message = named_table(
    "push_message",
    _version_column(),
    Column("title", Text, nullable=False, server_default=""),
    Column("body", Text, nullable=False, server_default=""),
    Column("url", Text),
    instant_column("updated_at"),
)

multi_message = named_table(  # `send message X`: one of these, by the channel a contact prefers
    "multi_message",
    _version_column(),
    Column("email_id", BigInteger),
    Column("sms_id", BigInteger),
    Column("push_message_id", BigInteger),
    instant_column("updated_at"),
)

webhook = named_table(
    "webhook",
    _version_column(),
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
    _version_column(),
    Column("provider", Text, nullable=False),
    json_column("settings"),
    Column("secrets", LargeBinary),
    instant_column("updated_at"),
)

page = named_table(
    "page",
    _version_column(),
    Column("url", Text),  # where it stands when it is not one of ours
    Column("body", Text),
    Column("slug", Text),  # `/p/{slug}`, of one page in the whole installation
    instant_column("updated_at"),
)
Index("uq_page_slug", page.c.slug, unique=True)

asset = named_table(
    "asset",
    _version_column(),
    Column("url", Text),
    Column("slug", Text),  # `/a/{slug}`
    Column("file_name", Text),
    Column("media_type", Text),
    Column("size", BigInteger),
    instant_column("updated_at"),
)
Index("uq_asset_slug", asset.c.slug, unique=True)

asset_file = Table(  # the bytes themselves, apart, so that lists stay light
    "asset_file",
    metadata,
    workspace_column(),
    Column("asset_id", BigInteger, nullable=False),
    Column("bytes", LargeBinary, nullable=False),
    PrimaryKeyConstraint("workspace_id", "asset_id"),
)

form = named_table(
    "form",
    _version_column(),
    json_column("fields"),  # {name: type}
    json_column("definition"),  # its fields as they are asked, and what follows an answer
    Column("slug", Text),  # `/f/{slug}`
    instant_column("updated_at"),
)
Index("uq_form_slug", form.c.slug, unique=True)

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

slot = named_table(  # a place on a page that campaigns fill
    "slot",
    _version_column(),
    Column("default_content_id", BigInteger),  # for those to whom no campaign shows anything
    Column("updated_at", Instant),
)

content = named_table(
    "content",
    _version_column(),
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

snippet = named_table(  # a piece that others take in with `{% render 'name' %}` when they are saved
    "snippet",
    _version_column(),
    Column("body", Text, nullable=False, server_default=""),
    instant_column("updated_at"),
)

snippet_use = Table(  # which components a snippet stands in
    "snippet_use",
    metadata,
    workspace_column(),
    Column("snippet_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("component_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("workspace_id", "snippet_id", "kind", "component_id"),
)

component_version = Table(  # what the author of a component wrote, at each save
    "component_version",
    metadata,
    workspace_column(),
    Column("kind", Text, nullable=False),
    Column("component_id", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    json_column("written"),
    instant_column("created_at"),
    PrimaryKeyConstraint("workspace_id", "kind", "component_id", "version"),
)

site = Table(  # the workspace's own websites, where the script counts visits
    "site",
    metadata,
    workspace_column(),
    Column("hosts", ARRAY(Text), nullable=False, server_default="{}"),
    Column("version", Integer, nullable=False, server_default="1"),
    instant_column("updated_at"),
    PrimaryKeyConstraint("workspace_id"),
)

visitor = Table(  # one browser on those websites, and the contact it belongs to as far as known
    "visitor",
    metadata,
    workspace_column(),
    Column("key", Text, nullable=False),
    Column("contact_id", BigInteger),
    json_column("waiting"),  # {"items": [...]}: what it did before it was known
    instant_column("created_at"),
    instant_column("seen_at"),
    PrimaryKeyConstraint("workspace_id", "key"),
)
Index("ix_visitor_contact", visitor.c.contact_id)

handover = Table(  # messages whose click has told a browser who it belongs to: each once
    "handover",
    metadata,
    workspace_column(),
    Column("message_id", BigInteger, nullable=False),
    instant_column("at"),
    PrimaryKeyConstraint("workspace_id", "message_id"),
)
