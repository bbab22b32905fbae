"""Campaigns, their versions, the runs through them, and the journal of every step.

Imports SQLAlchemy and `columns`.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from headless.storage.tables.columns import (
    Instant,
    Place,
    id_column,
    instant_column,
    json_column,
    metadata,
    workspace_column,
)

campaign = Table(
    "campaign",
    metadata,
    workspace_column(),
    id_column(),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="draft"),
    Column("version_id", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False, server_default="1"),
    instant_column("active_from", nullable=True),
    instant_column("active_to", nullable=True),
    instant_column("created_at"),
    instant_column("updated_at"),
    instant_column("started_at", nullable=True),
    instant_column("paused_at", nullable=True),
    Column("pause_reason", Text),
    instant_column("stopped_at", nullable=True),
    PrimaryKeyConstraint("workspace_id", "id"),
    UniqueConstraint("workspace_id", "name"),
    CheckConstraint("state in ('draft', 'running', 'paused', 'stopped', 'archived')", name="state"),
)

version = Table(  # never changed once stored; enrollments point at one
    "version",
    metadata,
    workspace_column(),
    id_column(),
    Column("campaign_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("plan", JSONB, nullable=False),
    Column("refs", JSONB, nullable=False),  # {"email:Welcome": 12}: the names as they were resolved
    Column("priority", Integer, nullable=False, server_default="0"),  # the plan's own
    instant_column("created_at"),
    PrimaryKeyConstraint("workspace_id", "id"),
    UniqueConstraint("workspace_id", "campaign_id", "number"),
)

listener = Table(  # which steps of which versions an activity concerns; step 0: it starts a run
    "listener",
    metadata,
    workspace_column(),
    Column("kind", SmallInteger, nullable=False),
    Column("ref", BigInteger, nullable=False),  # 0: any
    Column("version_id", BigInteger, nullable=False),
    Column("step", SmallInteger, nullable=False),
    PrimaryKeyConstraint("workspace_id", "kind", "ref", "version_id", "step"),
)

enrollment = Table(  # one contact's run through one campaign
    "enrollment",
    metadata,
    workspace_column(),
    id_column(),
    Column("campaign_id", BigInteger, nullable=False),
    Column("version_id", BigInteger, nullable=False),
    Column("contact_id", BigInteger, nullable=False),
    Column("rotation", Integer, nullable=False, server_default="1"),
    Column("state", SmallInteger, nullable=False, server_default="0"),
    instant_column("entered_at"),
    instant_column("ended_at", nullable=True),
    Column("activity_id", BigInteger),  # what started it; its properties are `entry.*`
    json_column("entry", nullable=True),
    PrimaryKeyConstraint("workspace_id", "id"),
    UniqueConstraint("workspace_id", "campaign_id", "contact_id", "rotation"),
    postgresql_with={"fillfactor": "50"},  # all rows of a page end in one batch: see `contact`
)
Index("ix_enrollment_contact", enrollment.c.contact_id)

intake = Table(  # the members a starting campaign has still to admit, in the contacts' order
    "intake",
    metadata,
    workspace_column(),
    Column("campaign_id", BigInteger, nullable=False),
    Column("version_id", BigInteger, nullable=False),
    Column("source", SmallInteger, nullable=False),  # which of the plan's sources
    Column("segment_id", BigInteger, nullable=False),
    Column("after_id", BigInteger, nullable=False, server_default="0"),
    instant_column("before"),  # who joined later enters by joining
    instant_column("finished_at", nullable=True),
    PrimaryKeyConstraint("workspace_id", "campaign_id", "source"),
)

position = Table(  # where a running enrollment stands; narrow, updated in place, deleted at the end
    "position",
    metadata,
    workspace_column(),
    Column("enrollment_id", BigInteger, nullable=False),
    Column("branch", SmallInteger, nullable=False, server_default="0"),
    Column("contact_id", BigInteger, nullable=False),
    Column("version_id", BigInteger, nullable=False),
    Column("step", SmallInteger, nullable=False),
    Column("visit", Integer, nullable=False, server_default="1"),
    instant_column("arrived_at"),
    instant_column("due_at", nullable=True),  # null: only an activity moves it
    Column("opens", ARRAY(Instant)),  # at a `when`: each arm's window, [opens, closes)
    Column("closes", ARRAY(Instant)),
    Column("activity_id", BigInteger),  # what moved this path last: `event.*`
    json_column("laps", nullable=True),  # {step: rounds} of loops, ticks and jumps; null: none
    Column("ctid", Place, system=True),  # PostgreSQL's own: the row's place
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
    workspace_column(),
    Column("enrollment_id", BigInteger, nullable=False),
    Column("step", SmallInteger, nullable=False),
    Column("visit", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("contact_id", BigInteger, nullable=False),
    Column("version_id", BigInteger, nullable=False),
    Column("outcome", SmallInteger, nullable=False),
    Column("activity_id", BigInteger),
    json_column("detail", nullable=True),
    PrimaryKeyConstraint("workspace_id", "enrollment_id", "step", "visit"),
    postgresql_partition_by="RANGE (enrollment_id)",  # months: see `partitions`
)
Index("ix_journal_at", journal.c.at, postgresql_using="brin")  # for streams: costs no insert

tally = Table(  # what the journal adds up to: one row a batch, step and outcome; sums are stats
    "tally",
    metadata,
    workspace_column(),
    Column("version_id", BigInteger, nullable=False),
    Column("step", SmallInteger, nullable=False),
    Column("outcome", SmallInteger, nullable=False),
    Column("arm", SmallInteger, nullable=False, server_default="0"),
    instant_column("at"),
    Column("contacts", BigInteger, nullable=False),
)
Index("ix_tally_version", tally.c.workspace_id, tally.c.version_id, tally.c.step)

turn = Table(  # how often a step has dealt something in turn: the next one goes to the next
    "turn",
    metadata,
    workspace_column(),
    Column("campaign_id", BigInteger, nullable=False),
    Column("step_key", Text, nullable=False),  # the step's identity across versions
    Column("dealt", BigInteger, nullable=False),
    PrimaryKeyConstraint("workspace_id", "campaign_id", "step_key"),
)

approval = Table(  # a second person's word on a plan that concerns many; one row a plan
    "approval",
    metadata,
    workspace_column(),
    id_column(),
    Column("campaign_id", BigInteger, nullable=False),
    Column("plan", Text, nullable=False),  # the hash of the plan that was asked about
    Column("contacts", BigInteger, nullable=False),  # how many it concerned when it was asked
    Column("asked_by", Text, nullable=False),
    Column("asked_name", Text, nullable=False),
    instant_column("asked_at"),
    Column("approved_by", Text),
    Column("approved_name", Text),
    instant_column("approved_at", nullable=True),
    Column("declined_by", Text),  # whoever asked, where they took it back
    Column("declined_name", Text),
    instant_column("declined_at", nullable=True),
    Column("reason", Text),  # why it was declined
    PrimaryKeyConstraint("workspace_id", "id"),
    UniqueConstraint("workspace_id", "campaign_id", "plan"),
)
