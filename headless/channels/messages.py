"""The message rows as the outbox moves them: claimed, marked, settled; the SQL and nothing else.

Every function works inside its caller's transaction, on sets of rows, of one workspace. Imports
storage and `ports`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Executable,
    Integer,
    SmallInteger,
    Text,
    bindparam,
    case,
    column,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.sql.selectable import TableValuedAlias

from headless.channels.outcomes import telling_of
from headless.channels.ports import Due, Parcel, Refusal
from headless.storage.codes import Channel, MessageState
from headless.storage.database import Transaction
from headless.storage.tables import Instant, hold, message, version


class Settlement(msgspec.Struct, frozen=True):
    """How a message that was handed over (or not) goes on."""

    id: int
    attempts: int  # as they were when it was marked
    state: MessageState
    due_at: datetime
    reason: str | None
    kept: int  # attempts from now on


async def claim(
    transaction: Transaction, workspace_id: int, channel: Channel, now: datetime, room: int
) -> list[Due]:
    """Messages that are due, locked until this transaction ends; others' are passed over.

    What is held is not due.
    """
    rows = await transaction.execute(
        _CLAIM, {"workspace": workspace_id, "channel": int(channel), "now": now, "room": room}
    )
    return [Due(*row) for row in rows]


async def mark_sending(
    transaction: Transaction, workspace_id: int, parcels: Sequence[Parcel], lease: datetime
) -> None:
    """Messages that go on the wire when this commits; ours until the lease runs out."""
    if not parcels:
        return
    await transaction.execute(
        _MARK,
        {
            "workspace": workspace_id,
            "lease": lease,
            "ids": [parcel.message_id for parcel in parcels],
            "versions": [parcel.email_version for parcel in parcels],
            "tracked": [parcel.tracked for parcel in parcels],
        },
    )
    own = [parcel for parcel in parcels if parcel.links is not None]
    if own:
        await transaction.execute(
            update(message)
            .where(message.c.workspace_id == workspace_id, message.c.id == bindparam("message_id"))
            .values(links=bindparam("targets")),
            [{"message_id": each.message_id, "targets": [*(each.links or ())]} for each in own],
        )


async def put_off(
    transaction: Transaction, workspace_id: int, later: Mapping[int, datetime]
) -> None:
    """Messages that may go only later, by their numbers."""
    if later:
        await transaction.execute(
            _PUT_OFF, {"workspace": workspace_id, "ids": [*later], "due": [*later.values()]}
        )


async def refuse(
    transaction: Transaction, workspace_id: int, refused: Sequence[Refusal], now: datetime
) -> None:
    """Messages that are not to be sent, and why."""
    if not refused:
        return
    await transaction.execute(
        _REFUSE,
        {
            "workspace": workspace_id,
            "now": now,
            "ids": [each.message_id for each in refused],
            "states": [int(MessageState[each.state.upper()]) for each in refused],
            "reasons": [each.reason for each in refused],
            "versions": [each.email_version for each in refused],
        },
    )


async def write(
    transaction: Transaction,
    workspace_id: int,
    settlements: Sequence[Settlement],
    now: datetime,
) -> None:
    """Note the answers, unless the message has gone another way in the meantime."""
    await transaction.execute(
        _SETTLE,
        {
            "workspace": workspace_id,
            "now": now,
            "ids": [each.id for each in settlements],
            "attempts": [each.attempts for each in settlements],
            "states": [int(each.state) for each in settlements],
            "due": [each.due_at for each in settlements],
            "reasons": [each.reason for each in settlements],
            "kept": [each.kept for each in settlements],
        },
    )


def held_channel(channel: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether a row of `hold` is about a channel."""
    return (hold.c.scope == "channel") & (hold.c.subject == channel)


# ---------------------------------------------------------------- the statements, built once

_WORKSPACE: Final = bindparam("workspace", type_=Integer)


def _given(**columns: tuple[str, Any]) -> TableValuedAlias:
    """Rows from one array a column: `name=(parameter, type)`."""
    arrays = (bindparam(parameter, type_=ARRAY(kind)) for parameter, kind in columns.values())
    return (
        func.unnest(*arrays)
        .table_valued(*(column(name, kind) for name, (_, kind) in columns.items()), name="given")
        .render_derived()
    )


def _claiming() -> Executable:
    pending = literal(int(MessageState.PENDING), SmallInteger, literal_execute=True)
    channel = bindparam("channel", type_=SmallInteger)
    held = exists(
        select(1).where(
            hold.c.workspace_id == _WORKSPACE,
            or_(hold.c.scope == "workspace", held_channel(channel)),
        )
    )
    paths = select(version.c.id).join(
        hold,
        (hold.c.workspace_id == version.c.workspace_id)
        & (hold.c.scope == "campaign")
        & (hold.c.subject == version.c.campaign_id),
    )
    return (
        select(*(message.c[name] for name in Due.__struct_fields__))
        .where(
            message.c.workspace_id == _WORKSPACE,
            message.c.channel == channel,
            ~held,
            func.coalesce(message.c.version_id, 0).not_in(
                paths.where(version.c.workspace_id == _WORKSPACE)
            ),
            message.c.state == pending,  # written out, so that the partial index is seen
            message.c.due_at <= bindparam("now", type_=Instant),
        )
        .order_by(message.c.due_at)
        .limit(bindparam("room", type_=Integer))
        .with_for_update(skip_locked=True)
    )


def _marking() -> Executable:
    given = _given(
        id=("ids", BigInteger), email_version=("versions", Integer), tracked=("tracked", Boolean)
    )
    return (
        update(message)
        .where(message.c.workspace_id == _WORKSPACE, message.c.id == given.c.id)
        .values(
            state=int(MessageState.SENDING),
            attempts=message.c.attempts + 1,
            due_at=bindparam("lease", type_=Instant),
            email_version=given.c.email_version,
            tracked=given.c.tracked,
        )
    )


def _putting_off() -> Executable:
    given = _given(id=("ids", BigInteger), due_at=("due", Instant))
    return (
        update(message)
        .where(message.c.workspace_id == _WORKSPACE, message.c.id == given.c.id)
        .values(due_at=given.c.due_at)
    )


def _refusing() -> Executable:
    given = _given(
        id=("ids", BigInteger),
        state=("states", SmallInteger),
        reason=("reasons", Text),
        email_version=("versions", Integer),
    )
    change = (
        update(message)
        .where(message.c.workspace_id == _WORKSPACE, message.c.id == given.c.id)
        .values(state=given.c.state, reason=given.c.reason, email_version=given.c.email_version)
    )
    return telling_of(change, workspace=_WORKSPACE, now=bindparam("now", type_=Instant))


def _settling() -> Executable:
    given = _given(
        id=("ids", BigInteger),
        attempts=("attempts", SmallInteger),
        state=("states", SmallInteger),
        due_at=("due", Instant),
        reason=("reasons", Text),
        kept=("kept", SmallInteger),
    )
    # Uncertain or pending again: it was taken for dead, and now we know better.
    open_states = (MessageState.SENDING, MessageState.UNCERTAIN, MessageState.PENDING)
    change = (
        update(message)
        .where(
            message.c.workspace_id == _WORKSPACE,
            message.c.id == given.c.id,
            message.c.attempts == given.c.attempts,
            message.c.state.in_([int(state) for state in open_states]),
        )
        .values(
            state=given.c.state,
            due_at=given.c.due_at,
            reason=given.c.reason,
            attempts=given.c.kept,
            sent_at=case(
                (given.c.state == int(MessageState.SENT), bindparam("now", type_=Instant))
            ),
        )
    )
    return telling_of(change, workspace=_WORKSPACE, now=bindparam("now", type_=Instant))


_CLAIM: Final = _claiming()
_MARK: Final = _marking()
_PUT_OFF: Final = _putting_off()
_REFUSE: Final = _refusing()
_SETTLE: Final = _settling()
