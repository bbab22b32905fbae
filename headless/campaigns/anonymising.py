"""Anonymising: a copy of the data in which nobody can be recognised, and from which nobody is
reached.

Every table stands in one of three lists, so that a new one cannot be forgotten: it is emptied, some
of its columns are written over, or it holds nothing about people and stays. What makes up segments
and campaigns stays (numbers, yes or no, tags, points, when who did what); words about people go.
Works on the whole database, across workspaces. Imports storage.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import insert, select, text

from headless.storage.codes import Channel
from headless.storage.database import Transaction
from headless.storage.tables import hold, workspace

_NUMBERS: Final = (
    "(select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(fields)"
    " where jsonb_typeof(value) in ('number', 'boolean')"
)
_IMPERSONAL: Final = (
    f"{_NUMBERS} and not exists (select from field where field.personal"
    " and field.workspace_id = contact.workspace_id and field.name = key))"
)
EMPTIED: Final = (
    "activity_seen", "approval", "asset_file", "audit", "bulk_target", "consent", "delivery",
    "endpoint", "form_answer", "handover", "inbox_mail", "invite", "job", "kept_answer",
    "lifted_suppression", "message_key", "push_device", "slack_account", "slack_card",
    "slack_digest", "slack_installation", "slack_pace", "slack_post", "slack_task",
    "slack_ticket", "slack_watch", "token", "visitor", "worker", "write_key",
)  # fmt: skip
"""What is about people, lets somebody in, or leads to other systems."""
CHANGED: Final = {
    "activity": {"properties": "null"},
    "channel": {"secrets": "null", "in_use": "false", "settings": "'{}'", "reason": "null"},
    "company": {"name": "'Company ' || id", "fields": f"{_NUMBERS})"},
    "contact": {
        "external_id": "'x' || id",
        "email": "case when email is null then null else 'c' || id || '@example.invalid' end",
        "phone": "null",
        "owner": "null",
        "fields": _IMPERSONAL,
        "utm": "null",
        "device": "null",
    },
    "enrollment": {"entry": "null"},
    "gone_contact": {"address_hash": "null"},
    "integration": {"secrets": "null", "settings": "'{}'"},
    "journal": {"detail": "null"},
    "member": {"email": "null", "slack_id": "null", "name": "'Member ' || id"},
    "message": {
        "data": "null",
        "links": "null",
        "reason": "case when state in (0, 1, 4, 5) then 'anonymised' end",
        "state": "case when state in (0, 1, 4, 5) then 3 else state end",
    },
    "suppression": {"source": "'anonymised'", "address_hash": "null"},
    "topic_choice": {"source": "'anonymised'"},
    "tracking": {"source": "'anonymised'"},
    "webhook": {"secrets": "null", "headers": "'{}'"},
    "workspace": {
        "mode": "'sandbox'",
        "sender": "'hello@example.com'",
        "postal_address": "null",
    },
}
"""The columns that are written over, with SQL."""
KEPT: Final = (
    "activity_todo", "asset", "breaker", "campaign", "company_field", "company_member",
    "company_points", "component_version", "contact_change", "contact_points", "contact_tag",
    "content", "email", "email_version", "field", "form", "former_name", "hold", "installation",
    "intake", "listener", "multi_message", "page", "point_group", "position", "push_message",
    "segment", "segment_member", "segment_pin", "segment_watch", "site", "slot", "slot_content",
    "sms", "snippet", "snippet_use", "stage", "subject", "tag", "tally", "topic", "turn",
    "version",
)  # fmt: skip
"""What was made by whoever runs the campaigns, and numbers."""
_REASON: Final = "anonymised: nothing goes to other systems"


async def anonymise(tx: Transaction, *, now: datetime) -> int:
    """Do it in one transaction; how many contacts there are."""
    await tx.whole_tables()
    await tx.execute(text(f"truncate {', '.join(EMPTIED)}"))
    for table, columns in CHANGED.items():
        values = ", ".join(f"{name} = {sql}" for name, sql in columns.items())
        await tx.execute(text(f"update {table} set {values}"))  # noqa: S608 - our own words
    await tx.execute(text("delete from hold"))
    for workspace_id in (await tx.execute(select(workspace.c.id))).scalars():
        rows = [
            {
                "workspace_id": workspace_id,
                "scope": "channel",
                "subject": int(channel),
                "reason": _REASON,
                "actor": "anonymise",
                "since": now,
            }
            for channel in Channel
            if channel is not Channel.EMAIL
        ]
        await tx.execute(insert(hold), rows)
    count: int = await tx.scalar(text("select count(*) from contact"))
    return count
