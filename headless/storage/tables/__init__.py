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
    gone_contact,
    push_device,
    segment,
    segment_member,
    segment_pin,
    segment_watch,
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
    turn,
    version,
)
from headless.storage.tables.channels import channel
from headless.storage.tables.columns import Instant, Place, metadata
from headless.storage.tables.companies import (
    company,
    company_field,
    company_member,
    company_points,
)
from headless.storage.tables.components import (
    asset,
    content,
    form,
    form_answer,
    integration,
    multi_message,
    page,
    push_message,
    slot,
    slot_content,
    sms,
    webhook,
)
from headless.storage.tables.messages import email, email_version, inbox_mail, message
from headless.storage.tables.standing import contact_points, member, point_group, stage
from headless.storage.tables.workspace import job, token, worker, workspace

__all__ = [
    "Instant",
    "Place",
    "activity",
    "activity_seen",
    "activity_todo",
    "asset",
    "campaign",
    "channel",
    "company",
    "company_field",
    "company_member",
    "company_points",
    "contact",
    "contact_change",
    "contact_points",
    "contact_tag",
    "content",
    "email",
    "email_version",
    "enrollment",
    "field",
    "form",
    "form_answer",
    "gone_contact",
    "inbox_mail",
    "intake",
    "integration",
    "job",
    "journal",
    "listener",
    "member",
    "message",
    "metadata",
    "multi_message",
    "page",
    "point_group",
    "position",
    "push_device",
    "push_message",
    "segment",
    "segment_member",
    "segment_pin",
    "segment_watch",
    "slot",
    "slot_content",
    "sms",
    "stage",
    "subject",
    "suppression",
    "tag",
    "tally",
    "token",
    "turn",
    "version",
    "webhook",
    "worker",
    "workspace",
]
