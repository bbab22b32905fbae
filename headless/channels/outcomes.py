"""Outcomes: webhooks are told where a message went, by the statement that writes it down.

Pure: statements. Imports storage's tables and the workspace's webhooks.
"""

from typing import Any, Final

from sqlalchemy import Executable, Text, case, literal, select
from sqlalchemy.sql.dml import Update

from headless.storage.codes import Channel, MessageState, word
from headless.storage.tables import message
from headless.workspace.webhooks import telling

_ENDS: Final = (MessageState.SENT, MessageState.SKIPPED, MessageState.PARKED)
_FAILURES: Final = ("failed: %", "bounced: %")


def telling_of(change: Update, *, workspace: Any, now: Any) -> Executable:
    """The same change of messages, which also tells of those that it brings to an end."""
    ended = change.returning(
        message.c.id, message.c.contact_id, message.c.channel, message.c.state, message.c.reason
    ).cte("ended")
    failed = ended.c.reason.like(_FAILURES[0]) | ended.c.reason.like(_FAILURES[1])
    type_ = case(
        (ended.c.state == int(MessageState.SENT), literal("message.sent", Text)),
        (ended.c.state == int(MessageState.PARKED), literal("message.parked", Text)),
        (failed, literal("message.failed", Text)),
        else_=literal("message.skipped", Text),
    )
    words = [(ended.c.channel == int(each), literal(word(each), Text)) for each in Channel]
    told = telling.data(
        message_id=ended.c.id,
        contact_id=ended.c.contact_id,
        channel=case(*words),
        reason=ended.c.reason,
    )
    rows = select(type_, now, told).where(ended.c.state.in_([int(state) for state in _ENDS]))
    return telling.statement(workspace, rows, now=now, name="ended")
