"""Messages as a person looks through them: which there are, and what to do with those that stand.

Parked and uncertain ones wait for somebody to decide; `retry` sends them once more, `drop` ends
them. Imports the outbox and storage.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import ColumnElement, RowMapping, Select, and_, literal, select, update

from headless.campaigns.why import is_instant
from headless.channels import outbox
from headless.problems import Problem
from headless.storage.codes import Channel, MessageState, word
from headless.storage.database import Transaction
from headless.storage.tables import campaign, message, version

ChannelWord = Literal["email", "sms", "push", "webhook", "slack", "integration"]
StateWord = Literal["pending", "sending", "sent", "skipped", "parked", "uncertain"]
STUCK: Final = (MessageState.PARKED, MessageState.UNCERTAIN)
"""States that only a person ends."""
_OPEN: Final = (MessageState.PENDING, *STUCK)
_DROPPED: Final = "dropped by hand"
_m = message.c


class Listed(msgspec.Struct, frozen=True):
    """One message; `due_at` is None for one that is not waiting, or waits for a hold to end."""

    id: int
    contact_id: int
    campaign_id: int | None
    campaign: str | None
    channel: Channel
    state: MessageState
    attempts: int
    created_at: datetime
    due_at: datetime | None
    sent_at: datetime | None
    reason: str | None
    tracked: bool | None


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages are meant; what is not given says nothing."""

    state: StateWord | None = None
    channel: ChannelWord | None = None
    campaign_id: int | None = None
    contact_id: int | None = None


async def listing(
    tx: Transaction, workspace_id: int, wanted: Filter, *, limit: int, before: int | None = None
) -> list[Listed]:
    """The newest messages first, those before `before` (a number), at most `limit`."""
    query = _selected(workspace_id).order_by(_m.id.desc()).limit(limit)
    query = query.where(*_meant(workspace_id, wanted))
    if before is not None:
        query = query.where(_m.id < before)
    return [_read(row) for row in (await tx.execute(query)).mappings()]


async def find(tx: Transaction, workspace_id: int, message_id: int) -> Listed:
    """One message; raises Problem `not_found`."""
    rows = await tx.execute(_selected(workspace_id).where(_m.id == message_id))
    row = rows.mappings().one_or_none()
    if row is None:
        raise Problem("not_found", "there is no such message here")
    return _read(row)


async def retry(tx: Transaction, workspace_id: int, message_id: int, *, now: datetime) -> Listed:
    """Send a parked or uncertain message once more, from its first attempt.

    Whatever keeps a message back now (a suppression, a cap of the provider) is looked at again.
    Raises Problem `not_found` or `wrong_state`.
    """
    sent = await outbox.resend(tx, workspace_id=workspace_id, message_ids=[message_id], now=now)
    found = await find(tx, workspace_id, message_id)
    if not sent:
        _refuse(found, "sent once more", STUCK)
    tx.wake("deliver", workspace_id, int(found.channel))
    return found


async def drop(tx: Transaction, workspace_id: int, message_id: int) -> Listed:
    """End a message that has not gone out; it is never sent. The contact's path stays as it is.

    Raises Problem `not_found` or `wrong_state`.
    """
    dropped = await tx.execute(
        update(message)
        .where(
            _m.workspace_id == workspace_id,
            _m.id == message_id,
            _m.state.in_([int(state) for state in _OPEN]),
        )
        .values(state=int(MessageState.SKIPPED), reason=_DROPPED)
        .returning(_m.id)
    )
    found = await find(tx, workspace_id, message_id)
    if not dropped.all():
        _refuse(found, "dropped", _OPEN)
    return found


def _refuse(found: Listed, what: str, states: Sequence[MessageState]) -> None:
    able = " or ".join(word(state) for state in states)
    raise Problem(
        "wrong_state",
        f"the message is {word(found.state)}; only one that is {able} can be {what}",
        state=word(found.state),
    )


def _selected(workspace_id: int) -> Select[Any]:
    made_by = and_(version.c.workspace_id == _m.workspace_id, version.c.id == _m.version_id)
    of = and_(
        campaign.c.workspace_id == version.c.workspace_id, campaign.c.id == version.c.campaign_id
    )
    return (
        select(
            _m.id, _m.contact_id, campaign.c.id.label("campaign_id"),
            campaign.c.name.label("campaign"), _m.channel, _m.state, _m.attempts, _m.created_at,
            _m.due_at, _m.sent_at, _m.reason, _m.tracked,
        )
        .outerjoin(version, made_by)
        .outerjoin(campaign, of)
        .where(_m.workspace_id == workspace_id)
    )  # fmt: skip


def _meant(workspace_id: int, wanted: Filter) -> list[ColumnElement[bool]]:
    asked: list[ColumnElement[bool]] = []
    if wanted.state is not None:
        state = MessageState[wanted.state.upper()]
        asked.append(_m.state == literal(int(state), literal_execute=True))
        if state in STUCK:  # said as the index of those says it
            numbers = [literal(int(each), literal_execute=True) for each in STUCK]
            asked.append(_m.state.in_(numbers))
    if wanted.channel is not None:
        asked.append(_m.channel == int(Channel[wanted.channel.upper()]))
    if wanted.contact_id is not None:
        asked.append(_m.contact_id == wanted.contact_id)
    if wanted.campaign_id is not None:
        versions = select(version.c.id).where(
            version.c.workspace_id == workspace_id, version.c.campaign_id == wanted.campaign_id
        )
        asked.append(_m.version_id.in_(versions))
    return asked


def _read(row: RowMapping) -> Listed:
    values = dict(row)
    state = MessageState(values["state"])
    waits = state is MessageState.PENDING and is_instant(values["due_at"])
    values |= {
        "state": state,
        "channel": Channel(values["channel"]),
        "due_at": values["due_at"] if waits else None,
    }
    return Listed(**values)
