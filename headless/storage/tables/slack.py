"""The Slack face: installations, accounts, tasks that came in, posts that go out, what is watched.

`team_id` is everywhere the installation's key: the team's id, or the organisation's where the app
is installed for a whole Enterprise Grid. Imports SQLAlchemy and `columns`.
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

slack_installation = Table(
    "slack_installation",
    metadata,
    workspace_column(),
    Column("team_id", Text, nullable=False),
    Column("enterprise_id", Text),
    Column("name", Text, nullable=False),
    Column("app_id", Text, nullable=False, server_default=""),
    Column("bot_user_id", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False, server_default="{}"),
    Column("secrets", LargeBinary),  # sealed JSON: token, refresh_token; null: it was taken back
    instant_column("expires_at", nullable=True),  # of the token, where tokens rotate
    Column("installed_by", Text, nullable=False),  # the Slack user
    Column("default_role", Text, nullable=False, server_default="viewer"),
    Column("state", Text, nullable=False, server_default="active"),
    Column("reason", Text),  # why it is gone
    instant_column("created_at"),
    instant_column("updated_at"),
    PrimaryKeyConstraint("workspace_id", "team_id"),
    UniqueConstraint("team_id"),  # one team is in one workspace
    CheckConstraint("default_role in ('none', 'viewer', 'editor')", name="default_role"),
    CheckConstraint("state in ('active', 'gone')", name="state"),
)

slack_ticket = Table(  # single-use, expiring: an installation to make, an account to link
    "slack_ticket",
    metadata,
    workspace_column(),
    Column("hash", LargeBinary, nullable=False),  # SHA-256 of the ticket
    Column("kind", Text, nullable=False),
    json_column("detail"),
    instant_column("created_at"),
    instant_column("expires_at"),
    instant_column("used_at", nullable=True),
    PrimaryKeyConstraint("workspace_id", "hash"),
    UniqueConstraint("hash"),
    CheckConstraint("kind in ('install', 'link')", name="kind"),
)

slack_account = Table(  # a Slack user as we know it; who has no row is whatever the default says
    "slack_account",
    metadata,
    workspace_column(),
    Column("team_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("role", Text),  # null: the installation's default
    Column("name", Text, nullable=False, server_default=""),
    Column("zone", Text),
    Column("email", Text),
    Column("member_id", BigInteger),  # the colleague that it is linked with
    instant_column("linked_at", nullable=True),
    instant_column("looked_at", nullable=True),  # when Slack was last asked for name and zone
    instant_column("updated_at"),
    PrimaryKeyConstraint("workspace_id", "team_id", "user_id"),
    CheckConstraint("role in ('none', 'viewer', 'editor', 'approver', 'admin')", name="role"),
)

slack_task = Table(  # what came in and has to be done
    "slack_task",
    metadata,
    workspace_column(),
    id_column(),
    Column("key", Text, nullable=False),  # what tells a repetition: kept for a day
    Column("kind", Text, nullable=False),
    json_column("detail"),
    Column("state", Text, nullable=False, server_default="queued"),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("error", Text),
    instant_column("created_at"),
    instant_column("due_at"),  # of a running one: when it is taken for lost
    PrimaryKeyConstraint("workspace_id", "id"),
    UniqueConstraint("workspace_id", "key"),
    CheckConstraint("state in ('queued', 'running', 'done', 'failed')", name="state"),
)
Index(
    "ix_slack_task_due",
    slack_task.c.due_at,
    postgresql_where=text("state in ('queued', 'running')"),
)
Index("ix_slack_task_created_at", slack_task.c.created_at)

slack_post = Table(  # what goes out, channel by channel in the order of the numbers
    "slack_post",
    metadata,
    workspace_column(),
    id_column(),
    Column("team_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    json_column("payload"),
    Column("picture", LargeBinary),  # a PNG, until it is uploaded
    Column("ts", Text),  # the message's, once Slack has told it
    Column("state", Text, nullable=False, server_default="pending"),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("error", Text),
    instant_column("created_at"),
    instant_column("due_at"),
    instant_column("sent_at", nullable=True),
    PrimaryKeyConstraint("workspace_id", "id"),
    UniqueConstraint("workspace_id", "key"),
    CheckConstraint("kind in ('post', 'edit', 'whisper')", name="kind"),
    CheckConstraint("state in ('pending', 'sent', 'failed')", name="state"),
)
Index(
    "ix_slack_post_pending",
    slack_post.c.due_at,
    postgresql_where=text("state = 'pending'"),
)
Index("ix_slack_post_created_at", slack_post.c.created_at)

slack_pace = Table(  # when a channel may be written to again
    "slack_pace",
    metadata,
    workspace_column(),
    Column("team_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    instant_column("free_at"),
    PrimaryKeyConstraint("workspace_id", "team_id", "channel"),
)

slack_card = Table(  # the one message that tells a watching channel how a campaign stands
    "slack_card",
    metadata,
    workspace_column(),
    Column("team_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("campaign_id", BigInteger, nullable=False),
    Column("key", Text, nullable=False),  # of the post that it is
    json_column("shown"),  # what it told last, to tell whether it must be drawn again
    instant_column("due_at", nullable=True),  # when it is to be drawn again
    instant_column("created_at"),
    instant_column("updated_at"),
    PrimaryKeyConstraint("workspace_id", "team_id", "channel", "campaign_id"),
)
Index(
    "ix_slack_card_due",
    slack_card.c.due_at,
    postgresql_where=text("due_at is not null"),
)

slack_watch = Table(  # which channel hears of which campaign, and of what
    "slack_watch",
    metadata,
    workspace_column(),
    Column("team_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("campaign_id", BigInteger, nullable=False),
    Column("lifecycle", Boolean, nullable=False, server_default="true"),
    Column("errors", Boolean, nullable=False, server_default="true"),
    Column("milestones", Boolean, nullable=False, server_default="false"),
    json_column("told"),  # how far the channel has been told
    Column("made_by", Text, nullable=False),  # the Slack user
    instant_column("created_at"),
    PrimaryKeyConstraint("workspace_id", "team_id", "channel", "campaign_id"),
)
Index("ix_slack_watch_campaign", slack_watch.c.campaign_id)

slack_digest = Table(  # a channel's weekly look back
    "slack_digest",
    metadata,
    workspace_column(),
    Column("team_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("weekday", SmallInteger, nullable=False),  # 0 is Monday
    Column("minute", Integer, nullable=False),  # of the day, in its zone
    Column("zone", Text, nullable=False),
    Column("made_by", Text, nullable=False),  # the Slack user
    Column("last", JSONB(none_as_null=True)),  # what the last one told, to compare with
    instant_column("next_at"),
    instant_column("created_at"),
    PrimaryKeyConstraint("workspace_id", "team_id", "channel"),
)
Index("ix_slack_digest_next_at", slack_digest.c.next_at)
