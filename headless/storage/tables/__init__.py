"""Every table, as SQLAlchemy Core describes it; `migrations/` makes them.

Each row belongs to a workspace and each primary key begins with it; other indexes begin with what
tells rows apart (ids are unique across workspaces), so that no plan can mistake the workspace for a
selective condition while statistics are young. Enumerations are smallint with their names in
`codes`. Instants are timestamptz. Imports only SQLAlchemy.
"""

from headless.storage.tables.audience import (
    activity,
    activity_seen,
    activity_todo,
    contact,
    contact_change,
    contact_tag,
    field,
    segment,
    segment_member,
    subject,
    suppression,
    tag,
)
from headless.storage.tables.campaigns import (
    campaign,
    enrollment,
    intake,
    journal,
    listener,
    position,
    tally,
    version,
)
from headless.storage.tables.channels import channel
from headless.storage.tables.columns import Instant, Place, metadata
from headless.storage.tables.messages import email, email_version, inbox_mail, message
from headless.storage.tables.workspace import job, token, worker, workspace

__all__ = [
    "Instant",
    "Place",
    "activity",
    "activity_seen",
    "activity_todo",
    "campaign",
    "channel",
    "contact",
    "contact_change",
    "contact_tag",
    "email",
    "email_version",
    "enrollment",
    "field",
    "inbox_mail",
    "intake",
    "job",
    "journal",
    "listener",
    "message",
    "metadata",
    "position",
    "segment",
    "segment_member",
    "subject",
    "suppression",
    "tag",
    "tally",
    "token",
    "version",
    "worker",
    "workspace",
]
