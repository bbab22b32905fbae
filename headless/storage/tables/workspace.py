"""Whose it is and who may: workspaces, tokens, kept answers, jobs, the workers' heartbeats.

Imports SQLAlchemy and `columns`.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from headless.storage.tables.columns import (
    id_column,
    instant_column,
    json_column,
    metadata,
    workspace_column,
)

workspace = Table(
    "workspace",
    metadata,
    Column("id", Integer, Identity(always=False), primary_key=True),
    Column("name", Text, nullable=False),
    Column("mode", Text, nullable=False, server_default="sandbox"),  # sandbox: nothing leaves
    Column("time_zone", Text, nullable=False, server_default="UTC"),
    Column("sender", Text, nullable=False, server_default="hello@example.com"),
    Column("postal_address", Text),
    Column("caps", JSONB(none_as_null=True)),  # [{"count": 3, "channel": "email", ...}]
    Column("tracking", JSONB(none_as_null=True)),  # what not having been asked means, by country
    Column("approval_threshold", BigInteger),  # contacts a start may concern without a second word
    Column("revision", Integer, nullable=False, server_default="1"),
    instant_column("created_at"),
    CheckConstraint("mode in ('sandbox', 'live')", name="mode"),
)

token = Table(
    "token",
    metadata,
    workspace_column(),
    id_column(),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),  # the first 12 characters, to recognise it by
    Column("hash", LargeBinary, nullable=False, unique=True),  # SHA-256 of the whole token
    Column("scopes", ARRAY(Text), nullable=False),
    Column("member_id", BigInteger),  # whose it is; null: a service account's
    instant_column("created_at"),
    instant_column("expires_at", nullable=True),
    instant_column("revoked_at", nullable=True),
    instant_column("last_used_at", nullable=True),
    PrimaryKeyConstraint("workspace_id", "id"),
)

kept_answer = Table(  # `Idempotency-Key`: what a request was answered, for whoever repeats it
    "kept_answer",
    metadata,
    workspace_column(),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),  # SHA-256 of the query and the body
    Column("status", SmallInteger),  # null: it is still being answered
    Column("answer", LargeBinary),  # headers and body, sealed: a token may stand in it
    instant_column("begun_at"),
    PrimaryKeyConstraint("workspace_id", "method", "path", "key"),
)
Index("ix_kept_answer_begun_at", kept_answer.c.begun_at)

job = Table(  # whatever takes longer than an answer may: imports, starts, rebuilds
    "job",
    metadata,
    workspace_column(),
    id_column(),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="queued"),
    Column("done", BigInteger, nullable=False, server_default="0"),
    Column("total", BigInteger),
    json_column("counts"),
    Column("errors", JSONB, nullable=False, server_default="[]"),  # the first 1,000, by row
    Column("detail", JSONB(none_as_null=True)),
    instant_column("created_at"),
    instant_column("started_at", nullable=True),
    instant_column("finished_at", nullable=True),
    instant_column("seen_at", nullable=True),  # when whoever runs it last said that it does
    PrimaryKeyConstraint("workspace_id", "id"),
    CheckConstraint("state in ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"),
)
Index(
    "ix_job_bulk",
    job.c.workspace_id,
    postgresql_where=text("kind = 'bulk' and state in ('queued', 'running')"),
)
Index("ix_job_queued", job.c.kind, job.c.created_at, postgresql_where=text("state = 'queued'"))

worker = Table(  # heartbeats: arq's own health key is shared by all workers
    "worker",
    metadata,
    Column("name", Text, primary_key=True),
    instant_column("started_at"),
    instant_column("seen_at"),
    json_column("told", nullable=True),  # what it has counted: see `measures`
)
