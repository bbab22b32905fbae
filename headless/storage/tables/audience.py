"""Who: contacts, their fields, tags, segments and consent, and what they do.

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
    UniqueConstraint,
    func,
    text,
)

from headless.storage.tables.columns import (
    id_column,
    instant_column,
    json_column,
    metadata,
    workspace_column,
)

contact = Table(
    "contact",
    metadata,
    workspace_column(),
    id_column(),
    Column("external_id", Text),
    Column("email", Text),  # as written, normalised; unique without regard to case
    Column("phone", Text),  # E.164
    Column("preferred_channel", Text),  # email, sms or push message
    Column("time_zone", Text),
    Column("points", BigInteger, nullable=False, server_default="0"),
    Column("stage", Text),
    Column("owner", Text),
    json_column("fields"),  # {name: value} for what `field` declares, typed as it says
    json_column("utm", nullable=True),  # {source, medium, campaign, term, content}, as last seen
    json_column("device", nullable=True),  # {kind, brand, os}, as last used
    instant_column("created_at"),
    instant_column("updated_at"),
    PrimaryKeyConstraint("workspace_id", "id"),
    UniqueConstraint("workspace_id", "external_id"),
    # a batch changes all rows of a page at once: with room for all of them no index is written
    postgresql_with={"fillfactor": "50"},
)
Index("uq_contact_email", contact.c.workspace_id, func.lower(contact.c.email), unique=True)
Index("ix_contact_time_zone", contact.c.workspace_id, contact.c.time_zone)
Index("ix_contact_phone", contact.c.phone, postgresql_where=text("phone is not null"))

gone_contact = Table(  # what stays of contacts that were erased, or merged into another
    "gone_contact",
    metadata,
    workspace_column(),
    Column("contact_id", BigInteger, nullable=False),
    Column("into_id", BigInteger),  # null: erased
    Column("address_hash", LargeBinary),
    instant_column("at"),
    instant_column("clear_at", nullable=True),  # when what others were just writing is cleared
    PrimaryKeyConstraint("workspace_id", "contact_id"),
)
Index(
    "ix_gone_contact_clear_at",
    gone_contact.c.clear_at,
    postgresql_where=text("clear_at is not null"),
)

push_device = Table(  # where push messages go
    "push_device",
    metadata,
    workspace_column(),
    id_column(),
    Column("contact_id", BigInteger, nullable=False),
    Column("token", Text, nullable=False),
    Column("platform", Text, nullable=False),  # ios, android, web
    instant_column("seen_at"),
    instant_column("created_at"),
    PrimaryKeyConstraint("workspace_id", "id"),
    UniqueConstraint("workspace_id", "token"),
)
Index("ix_push_device_contact", push_device.c.contact_id)

field = Table(
    "field",
    metadata,
    workspace_column(),
    id_column(),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("label", Text),  # what people are shown in its place
    Column("description", Text),
    Column("personal", Boolean, nullable=False, server_default=text("false")),
    instant_column("created_at"),
    PrimaryKeyConstraint("workspace_id", "id"),
    UniqueConstraint("workspace_id", "name"),
    CheckConstraint("type in ('text', 'number', 'boolean', 'date', 'datetime')", name="type"),
)

tag = Table(
    "tag",
    metadata,
    workspace_column(),
    id_column(),
    Column("name", Text, nullable=False),
    PrimaryKeyConstraint("workspace_id", "id"),
)
Index("uq_tag_name", tag.c.workspace_id, func.lower(tag.c.name), unique=True)

contact_tag = Table(
    "contact_tag",
    metadata,
    workspace_column(),
    Column("contact_id", BigInteger, nullable=False),
    Column("tag_id", BigInteger, nullable=False),
    instant_column("at"),
    PrimaryKeyConstraint("workspace_id", "contact_id", "tag_id"),
)
Index("ix_contact_tag_tag", contact_tag.c.tag_id)

contact_change = Table(  # contacts whose dynamic segments must be asked again
    "contact_change",
    metadata,
    workspace_column(),
    Column("contact_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("workspace_id", "contact_id"),
)

bulk_target = Table(  # the contacts that a bulk change has still before it
    "bulk_target",
    metadata,
    workspace_column(),
    Column("job_id", BigInteger, nullable=False),
    Column("contact_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("workspace_id", "job_id", "contact_id"),
)
Index("ix_bulk_target_contact", bulk_target.c.contact_id)

segment = Table(
    "segment",
    metadata,
    workspace_column(),
    id_column(),
    Column("name", Text, nullable=False),
    Column("condition", Text),  # the language's own words; null: a static list
    Column("campaign_id", BigInteger),  # the source `from contacts where (...)` of that campaign
    Column("zone", Text),  # whose days its condition counts in; null: each contact's own
    json_column("refs", nullable=True),  # the names of its condition as they were resolved
    Column("revision", Integer, nullable=False, server_default="1"),
    instant_column("created_at"),
    instant_column("refreshed_at", nullable=True),
    instant_column("asked_at", nullable=True),  # days that begin up to then have been asked about
    instant_column("asks_at", nullable=True),  # the next day's beginning that can change it
    PrimaryKeyConstraint("workspace_id", "id"),
    UniqueConstraint("workspace_id", "name"),
)

segment_member = Table(
    "segment_member",
    metadata,
    workspace_column(),
    Column("segment_id", BigInteger, nullable=False),
    Column("contact_id", BigInteger, nullable=False),
    instant_column("since"),
    PrimaryKeyConstraint("workspace_id", "segment_id", "contact_id"),
)
Index("ix_segment_member_contact", segment_member.c.contact_id)
Index("ix_segment_asks_at", segment.c.asks_at, postgresql_where=text("asks_at is not null"))

segment_watch = Table(  # the activities after which a dynamic segment is asked again
    "segment_watch",
    metadata,
    workspace_column(),
    Column("kind", SmallInteger, nullable=False),
    Column("ref", BigInteger, nullable=False),  # 0: any
    Column("segment_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("workspace_id", "kind", "ref", "segment_id"),
)

segment_pin = Table(  # put into a dynamic segment, or taken out of it, whatever its condition says
    "segment_pin",
    metadata,
    workspace_column(),
    Column("segment_id", BigInteger, nullable=False),
    Column("contact_id", BigInteger, nullable=False),
    Column("inside", Boolean, nullable=False),
    instant_column("at"),
    PrimaryKeyConstraint("workspace_id", "segment_id", "contact_id"),
)
Index("ix_segment_pin_contact", segment_pin.c.contact_id)

suppression = Table(
    "suppression",
    metadata,
    workspace_column(),
    Column("contact_id", BigInteger, nullable=False),
    Column("channel", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),  # unsubscribed, hard_bounce, complaint, by_hand
    Column("source", Text, nullable=False),
    Column("address_hash", LargeBinary),  # outlives the contact
    instant_column("at"),
    PrimaryKeyConstraint("workspace_id", "contact_id", "channel"),
)
Index(
    "ix_suppression_address_hash",
    suppression.c.address_hash,
    postgresql_where=text("address_hash is not null"),
)

lifted_suppression = Table(  # those that somebody took away by hand, and why
    "lifted_suppression",
    metadata,
    workspace_column(),
    id_column(),
    Column("contact_id", BigInteger, nullable=False),
    Column("channel", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),  # of the suppression
    Column("source", Text, nullable=False),
    instant_column("at"),
    Column("because", Text, nullable=False),  # in the words of whoever lifted it
    Column("token_id", BigInteger),
    instant_column("lifted_at"),
    PrimaryKeyConstraint("workspace_id", "id"),
)
Index("ix_lifted_suppression_contact", lifted_suppression.c.contact_id)

subject = Table(  # the names of activities (`did "order placed"`), learned as they come
    "subject",
    metadata,
    workspace_column(),
    id_column(),
    Column("kind", Text, nullable=False),  # event
    Column("name", Text, nullable=False),
    json_column("properties"),  # {property: type} as seen
    instant_column("created_at"),
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
    workspace_column(),
    id_column(),
    Column("contact_id", BigInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("ref", BigInteger, nullable=False, server_default="0"),
    instant_column("occurred_at"),
    instant_column("received_at"),
    Column("message_id", BigInteger),  # the message it answers
    Column("enrollment_id", BigInteger),  # the run whose own step brought it about
    Column("machine", Boolean, nullable=False, server_default=text("false")),
    json_column("properties", nullable=True),
    PrimaryKeyConstraint("workspace_id", "id"),
    postgresql_partition_by="RANGE (id)",  # months: see `partitions`
)
Index(
    "ix_activity_contact",
    activity.c.contact_id, activity.c.kind, activity.c.ref,
    activity.c.occurred_at,
)  # fmt: skip

activity_seen = Table(  # the senders' own ids: what came twice counts once
    "activity_seen",
    metadata,
    workspace_column(),
    Column("key", Text, nullable=False),
    instant_column("arrived_at"),
    PrimaryKeyConstraint("workspace_id", "key"),
)
Index(
    "ix_activity_seen_arrived_at",
    activity_seen.c.arrived_at,
    postgresql_using="brin",  # for forgetting the old: costs no insert
    postgresql_with={"autosummarize": "on"},
)

activity_todo = Table(  # written by steps inside a batch; whoever listens is woken after commit
    "activity_todo",
    metadata,
    workspace_column(),
    Column("activity_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("workspace_id", "activity_id"),
)
