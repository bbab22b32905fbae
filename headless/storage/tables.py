"""Every table, as SQLAlchemy Core describes it; `migrations/` makes them.

Each row belongs to a workspace and each primary key begins with it; other indexes begin with what
tells rows apart (ids are unique across workspaces), so that no plan can mistake the workspace for a
selective condition while statistics are young. Enumerations are smallint with their
names in `codes`. Instants are timestamptz. Imports only SQLAlchemy.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

Instant = DateTime(timezone=True)


def _workspace() -> Column[int]:
    return Column("workspace_id", Integer, nullable=False)


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(always=False), nullable=False)


def _at(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, Instant, nullable=nullable)


def _json(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(
        name, JSONB(none_as_null=True), nullable=nullable, server_default=None if nullable else "{}"
    )


# ---------------------------------------------------------------- workspace and who may

workspace = Table(
    "workspace",
    metadata,
    Column("id", Integer, Identity(always=False), primary_key=True),
    Column("name", Text, nullable=False),
    Column("mode", Text, nullable=False, server_default="sandbox"),  # sandbox: nothing leaves
    Column("time_zone", Text, nullable=False, server_default="UTC"),
    Column("sender", Text, nullable=False, server_default="hello@example.com"),
    Column("postal_address", Text),
    _at("created_at"),
    CheckConstraint("mode in ('sandbox', 'live')", name="mode"),
)

token = Table(
    "token",
    metadata,
    _workspace(),
    _id(),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),  # the first 12 characters, to recognise it by
    Column("hash", LargeBinary, nullable=False, unique=True),  # SHA-256 of the whole token
    Column("scopes", ARRAY(Text), nullable=False),
    _at("created_at"),
    _at("expires_at", nullable=True),
    _at("revoked_at", nullable=True),
    _at("last_used_at", nullable=True),
    PrimaryKeyConstraint("workspace_id", "id"),
)

job = Table(  # whatever takes longer than an answer may: imports, starts, rebuilds
    "job",
    metadata,
    _workspace(),
    _id(),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="queued"),
    Column("done", BigInteger, nullable=False, server_default="0"),
    Column("total", BigInteger),
    _json("counts"),
    Column("errors", JSONB, nullable=False, server_default="[]"),  # the first 1,000, by row
    Column("detail", JSONB(none_as_null=True)),
    _at("created_at"),
    _at("started_at", nullable=True),
    _at("finished_at", nullable=True),
    PrimaryKeyConstraint("workspace_id", "id"),
    CheckConstraint("state in ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"),
)

worker = Table(  # heartbeats: arq's own health key is shared by all workers
    "worker",
    metadata,
    Column("name", Text, primary_key=True),
    _at("started_at"),
    _at("seen_at"),
)

# ---------------------------------------------------------------- contacts and what is known

contact = Table(
    "contact",
    metadata,
    _workspace(),
    _id(),
    Column("external_id", Text),
    Column("email", Text),  # as written, normalised; unique without regard to case
    Column("time_zone", Text),
    Column("points", Integer, nullable=False, server_default="0"),
    Column("stage", Text),
    Column("owner", Text),
    _json("fields"),  # {name: value} for what `field` declares, typed as it says
    _at("created_at"),
    _at("updated_at"),
    PrimaryKeyConstraint("workspace_id", "id"),
    UniqueConstraint("workspace_id", "external_id"),
    postgresql_with={"fillfactor": "80"},
)
Index("uq_contact_email", contact.c.workspace_id, func.lower(contact.c.email), unique=True)

field = Table(
    "field",
    metadata,
    _workspace(),
    _id(),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    _at("created_at"),
    PrimaryKeyConstraint("workspace_id", "id"),
    UniqueConstraint("workspace_id", "name"),
    CheckConstraint("type in ('text', 'number', 'boolean', 'date', 'datetime')", name="type"),
)

tag = Table(
    "tag",
    metadata,
    _workspace(),
    _id(),
    Column("name", Text, nullable=False),
    PrimaryKeyConstraint("workspace_id", "id"),
)
Index("uq_tag_name", tag.c.workspace_id, func.lower(tag.c.name), unique=True)

contact_tag = Table(
    "contact_tag",
    metadata,
    _workspace(),
    Column("contact_id", BigInteger, nullable=False),
    Column("tag_id", BigInteger, nullable=False),
    _at("at"),
    PrimaryKeyConstraint("workspace_id", "contact_id", "tag_id"),
)
Index("ix_contact_tag_tag", contact_tag.c.tag_id)

contact_change = Table(  # contacts whose dynamic segments must be asked again
    "contact_change",
    metadata,
    _workspace(),
    Column("contact_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("workspace_id", "contact_id"),
)

segment = Table(
    "segment",
    metadata,
    _workspace(),
    _id(),
    Column("name", Text, nullable=False),
    Column("condition", Text),  # the language's own words; null: a static list
    Column("campaign_id", BigInteger),  # the source `from contacts where (...)` of that campaign
    _at("created_at"),
    _at("refreshed_at", nullable=True),
    PrimaryKeyConstraint("workspace_id", "id"),
    UniqueConstraint("workspace_id", "name"),
)

segment_member = Table(
    "segment_member",
    metadata,
    _workspace(),
    Column("segment_id", BigInteger, nullable=False),
    Column("contact_id", BigInteger, nullable=False),
    _at("since"),
    PrimaryKeyConstraint("workspace_id", "segment_id", "contact_id"),
)
Index("ix_segment_member_contact", segment_member.c.contact_id)

suppression = Table(
    "suppression",
    metadata,
    _workspace(),
    Column("contact_id", BigInteger, nullable=False),
    Column("channel", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),  # unsubscribed, hard_bounce, complaint, by_hand
    Column("source", Text, nullable=False),
    Column("address_hash", LargeBinary),  # outlives the contact
    _at("at"),
    PrimaryKeyConstraint("workspace_id", "contact_id", "channel"),
)

# ---------------------------------------------------------------- what is sent

email = Table(
    "email",
    metadata,
    _workspace(),
    _id(),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    _at("created_at"),
    _at("updated_at"),
    PrimaryKeyConstraint("workspace_id", "id"),
    UniqueConstraint("workspace_id", "name"),
)

email_version = Table(
    "email_version",
    metadata,
    _workspace(),
    Column("email_id", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("text", Text),  # null: made from the html
    Column("sender", Text),  # null: the workspace's
    Column("reply_to", Text),
    Column("links", ARRAY(Text), nullable=False, server_default="{}"),  # ordinal -> target
    Column("variables", ARRAY(Text), nullable=False, server_default="{}"),
    _at("created_at"),
    PrimaryKeyConstraint("workspace_id", "email_id", "version"),
)

message = Table(  # one intent to send on a channel: the outbox and its history
    "message",
    metadata,
    _workspace(),
    _id(),
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
    _at("created_at"),  # when the intent was released: what `when opened ... within` counts from
    _at("due_at"),
    _at("sent_at", nullable=True),
    _json("data", nullable=True),  # `with (...)`, `to`, a webhook's url
    Column("links", ARRAY(Text)),  # where they differ from the email version's own
    Column("email_version", Integer),
    Column("reason", Text),
    PrimaryKeyConstraint("workspace_id", "id"),
    postgresql_with={"fillfactor": "85"},
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
Index("ix_message_contact", message.c.contact_id, message.c.created_at)

inbox_mail = Table(  # what the development SMTP server received
    "inbox_mail",
    metadata,
    _id(),
    _at("received_at"),
    Column("sender", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("message_id", Text),  # our own public id, from the Message-ID header
    Column("raw", LargeBinary, nullable=False),
    PrimaryKeyConstraint("id"),
)
Index("ix_inbox_mail_recipient", func.lower(inbox_mail.c.recipient), inbox_mail.c.id)

# ---------------------------------------------------------------- what contacts do

subject = Table(  # what activities are about and has no table of its own, learned as it comes
    "subject",
    metadata,
    _workspace(),
    _id(),
    Column("kind", Text, nullable=False),  # event, form, page, asset, slot, stage, group, sms
    Column("name", Text, nullable=False),
    _json("properties"),  # {property: type} as seen
    _at("created_at"),
    PrimaryKeyConstraint("workspace_id", "id"),
)
Index(
    "uq_subject_name",
    subject.c.workspace_id, subject.c.kind, func.lower(subject.c.name),
    unique=True,
)  # fmt: skip

activity = Table(
    "activity",
    metadata,
    _workspace(),
    _id(),
    Column("contact_id", BigInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("ref", BigInteger, nullable=False, server_default="0"),
    _at("occurred_at"),
    _at("received_at"),
    Column("message_id", BigInteger),  # the message it answers
    Column("enrollment_id", BigInteger),  # the run whose own step brought it about
    Column("machine", Boolean, nullable=False, server_default=text("false")),
    _json("properties", nullable=True),
    PrimaryKeyConstraint("workspace_id", "id"),
)
Index(
    "ix_activity_contact",
    activity.c.contact_id, activity.c.kind, activity.c.ref,
    activity.c.occurred_at,
)  # fmt: skip

activity_seen = Table(  # the senders' own ids: what came twice counts once
    "activity_seen",
    metadata,
    _workspace(),
    Column("key", Text, nullable=False),
    _at("arrived_at"),
    PrimaryKeyConstraint("workspace_id", "key"),
)

activity_todo = Table(  # written by steps inside a batch; whoever listens is woken after commit
    "activity_todo",
    metadata,
    _workspace(),
    Column("activity_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("workspace_id", "activity_id"),
)

# ---------------------------------------------------------------- campaigns

campaign = Table(
    "campaign",
    metadata,
    _workspace(),
    _id(),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="draft"),
    Column("version_id", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False, server_default="1"),
    _at("active_from", nullable=True),
    _at("active_to", nullable=True),
    _at("created_at"),
    _at("updated_at"),
    _at("started_at", nullable=True),
    _at("paused_at", nullable=True),
    _at("stopped_at", nullable=True),
    PrimaryKeyConstraint("workspace_id", "id"),
    UniqueConstraint("workspace_id", "name"),
    CheckConstraint("state in ('draft', 'running', 'paused', 'stopped', 'archived')", name="state"),
)

version = Table(  # never changed once stored; enrollments point at one
    "version",
    metadata,
    _workspace(),
    _id(),
    Column("campaign_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("plan", JSONB, nullable=False),
    Column("refs", JSONB, nullable=False),  # {"email:Welcome": 12}: the names as they were resolved
    _at("created_at"),
    PrimaryKeyConstraint("workspace_id", "id"),
    UniqueConstraint("workspace_id", "campaign_id", "number"),
)

listener = Table(  # which steps of which versions an activity concerns; step 0: it starts a run
    "listener",
    metadata,
    _workspace(),
    Column("kind", SmallInteger, nullable=False),
    Column("ref", BigInteger, nullable=False),  # 0: any
    Column("version_id", BigInteger, nullable=False),
    Column("step", SmallInteger, nullable=False),
    PrimaryKeyConstraint("workspace_id", "kind", "ref", "version_id", "step"),
)

enrollment = Table(  # one contact's run through one campaign
    "enrollment",
    metadata,
    _workspace(),
    _id(),
    Column("campaign_id", BigInteger, nullable=False),
    Column("version_id", BigInteger, nullable=False),
    Column("contact_id", BigInteger, nullable=False),
    Column("rotation", Integer, nullable=False, server_default="1"),
    Column("state", SmallInteger, nullable=False, server_default="0"),
    _at("entered_at"),
    _at("ended_at", nullable=True),
    Column("activity_id", BigInteger),  # what started it; its properties are `entry.*`
    _json("entry", nullable=True),
    PrimaryKeyConstraint("workspace_id", "id"),
    UniqueConstraint("workspace_id", "campaign_id", "contact_id", "rotation"),
    postgresql_with={"fillfactor": "85"},
)
Index("ix_enrollment_contact", enrollment.c.contact_id)

intake = Table(  # the members a starting campaign has still to admit, in the contacts' order
    "intake",
    metadata,
    _workspace(),
    Column("campaign_id", BigInteger, nullable=False),
    Column("version_id", BigInteger, nullable=False),
    Column("source", SmallInteger, nullable=False),  # which of the plan's sources
    Column("segment_id", BigInteger, nullable=False),
    Column("after_id", BigInteger, nullable=False, server_default="0"),
    _at("before"),  # who joined later enters by joining
    _at("finished_at", nullable=True),
    PrimaryKeyConstraint("workspace_id", "campaign_id", "source"),
)

position = Table(  # where a running enrollment stands; narrow, updated in place, deleted at the end
    "position",
    metadata,
    _workspace(),
    Column("enrollment_id", BigInteger, nullable=False),
    Column("branch", SmallInteger, nullable=False, server_default="0"),
    Column("contact_id", BigInteger, nullable=False),
    Column("version_id", BigInteger, nullable=False),
    Column("step", SmallInteger, nullable=False),
    Column("visit", Integer, nullable=False, server_default="1"),
    _at("arrived_at"),
    _at("due_at", nullable=True),  # null: only an activity moves it
    Column("opens", ARRAY(Instant)),  # at a `when`: each arm's window, [opens, closes)
    Column("closes", ARRAY(Instant)),
    Column("activity_id", BigInteger),  # what moved this path last: `event.*`
    PrimaryKeyConstraint("workspace_id", "enrollment_id", "branch"),
    postgresql_with={
        "fillfactor": "70",
        "autovacuum_vacuum_scale_factor": "0.02",
        "autovacuum_vacuum_cost_delay": "0",
    },
)
Index(
    "ix_position_step",
    position.c.version_id, position.c.step, position.c.due_at,
    postgresql_where=text("due_at is not null"),
)  # fmt: skip
Index(
    "ix_position_due",
    position.c.due_at,
    postgresql_include=["version_id", "step"],
    postgresql_where=text("due_at is not null"),
)
Index("ix_position_contact", position.c.contact_id)

journal = Table(  # every step taken and why; its key is what makes each effect happen once
    "journal",
    metadata,
    _workspace(),
    Column("enrollment_id", BigInteger, nullable=False),
    Column("step", SmallInteger, nullable=False),
    Column("visit", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("contact_id", BigInteger, nullable=False),
    Column("version_id", BigInteger, nullable=False),
    Column("outcome", SmallInteger, nullable=False),
    Column("activity_id", BigInteger),
    _json("detail", nullable=True),
    PrimaryKeyConstraint("workspace_id", "enrollment_id", "step", "visit"),
)

tally = Table(  # what the journal adds up to: one row a batch, step and outcome; sums are stats
    "tally",
    metadata,
    _workspace(),
    Column("version_id", BigInteger, nullable=False),
    Column("step", SmallInteger, nullable=False),
    Column("outcome", SmallInteger, nullable=False),
    Column("arm", SmallInteger, nullable=False, server_default="0"),
    _at("at"),
    Column("contacts", BigInteger, nullable=False),
)
Index("ix_tally_version", tally.c.workspace_id, tally.c.version_id, tally.c.step)
