"""Reported: what webhooks are told of new activities that came from outside.

A statement in the transaction that wrote the activities. Imports storage and `telling`.
"""

from functools import lru_cache
from typing import Any, Final

from sqlalchemy import BigInteger, Text, case, literal, select

from headless.storage.codes import ActivityKind, Channel, word
from headless.storage.database import WORKSPACES
from headless.storage.many import many
from headless.storage.tables import activity
from headless.workspace.webhooks import telling

REPORTED: Final = {
    ActivityKind.OPENED: "message.opened",
    ActivityKind.CLICKED: "message.clicked",
    ActivityKind.BOUNCED: "message.bounced",
    ActivityKind.COMPLAINED: "message.complained",
    ActivityKind.REPLIED: "message.replied",
    ActivityKind.REPLIED_SMS: "message.replied",
    ActivityKind.SUBMITTED: "form.submitted",
    ActivityKind.UNSUBSCRIBED: "contact.unsubscribed",
}
"""What webhooks are told of what is reported; the rest costs nothing."""


@lru_cache(maxsize=WORKSPACES)
def reported(workspace_id: int) -> Any:
    """Tell webhooks of new activities; takes `:ids` and `:now`."""
    a = activity.c
    kinds = [(a.kind == int(kind), literal(type_, Text)) for kind, type_ in REPORTED.items()]
    about_a_form = a.kind == int(ActivityKind.SUBMITTED)
    left = a.kind == int(ActivityKind.UNSUBSCRIBED)
    channels = [(a.ref == int(each), literal(word(each), Text)) for each in Channel]
    answer = telling.data(
        contact_id=a.contact_id,
        message_id=a.message_id,
        url=a.properties["url"].astext,
        machine=a.machine,
    )
    data = case(
        (about_a_form, telling.data(contact_id=a.contact_id, form_id=a.ref)),
        (left, telling.data(contact_id=a.contact_id, channel=case(*channels))),
        else_=answer,
    )
    rows = select(case(*kinds), a.occurred_at, data).where(
        a.workspace_id == workspace_id,
        a.id == many("ids", BigInteger).any_(),
        a.kind.in_([int(kind) for kind in REPORTED]),
    )
    return telling.told_of(workspace_id, rows)
