"""Origin: which contact and campaign a message was made for, so that it can be asked why.

`origins` answers for many at once, `why` tells one message's story. Imports `why` and storage.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import and_, select, tuple_

from headless import ids
from headless.campaigns import sentences
from headless.campaigns.why import is_instant, lines_of
from headless.campaigns.why import told as told_of
from headless.dsl.plan import Step, from_builtins
from headless.problems import Problem
from headless.storage.codes import Channel, MessageState, word
from headless.storage.database import Transaction
from headless.storage.tables import campaign, enrollment, journal, message, version
from headless.workspace.hold import holding

Key = tuple[int, int]
"""A workspace and a message in it."""


class Origin(msgspec.Struct, frozen=True):
    """Whose message it is, and of which campaign."""

    contact_id: int
    campaign_id: int
    campaign: str


async def origins(tx: Transaction, messages: Iterable[Key]) -> dict[Key, Origin]:
    """The origins of messages; those that no campaign made are not among them."""
    wanted = sorted(set(messages))
    if not wanted:
        return {}
    made_by = and_(
        version.c.workspace_id == message.c.workspace_id, version.c.id == message.c.version_id
    )
    of = and_(
        campaign.c.workspace_id == version.c.workspace_id, campaign.c.id == version.c.campaign_id
    )
    rows = await tx.execute(
        select(
            message.c.workspace_id,
            message.c.id,
            message.c.contact_id,
            campaign.c.id.label("campaign_id"),
            campaign.c.name,
        )
        .join(version, made_by)
        .join(campaign, of)
        .where(tuple_(message.c.workspace_id, message.c.id).in_(wanted))
    )
    return {
        (row.workspace_id, row.id): Origin(row.contact_id, row.campaign_id, row.name)
        for row in rows
    }


class MessageWhy(msgspec.Struct, frozen=True):
    """Why a message was made and what has become of it, in sentences; ids as they are shown.

    `due_at` is when it is handed over, while it waits and its campaign is not paused; `campaign`
    and `step` are None for a message that no campaign made.
    """

    id: str
    contact_id: str
    campaign: str | None
    run: int | None
    line: int | None
    step: str | None
    state: str
    created_at: datetime
    due_at: datetime | None
    sent_at: datetime | None
    attempts: int
    because: tuple[str, ...]


async def why(tx: Transaction, workspace_id: int, message_id: int) -> MessageWhy:
    """Why there is this message, and why it was sent or was not; raises Problem `not_found`."""
    m, en = message.c, enrollment.c
    row = (
        await tx.execute(
            select(
                message, m.state.label("message_state"), m.id.label("message_id"),
                en.rotation, version.c.plan, campaign.c.name, campaign.c.state.label("running"),
                campaign.c.id.label("campaign_id"),
            )
            .outerjoin(enrollment, (en.workspace_id == m.workspace_id) & (en.id == m.enrollment_id))
            .outerjoin(
                version, (version.c.workspace_id == m.workspace_id) & (version.c.id == m.version_id)
            )
            .outerjoin(
                campaign,
                (campaign.c.workspace_id == version.c.workspace_id)
                & (campaign.c.id == version.c.campaign_id),
            )
            .where(m.workspace_id == workspace_id, m.id == message_id)
        )
    ).one_or_none()  # fmt: skip
    if row is None:
        raise Problem("not_found", "there is no such message")
    step = from_builtins(row.plan).steps[row.step] if row.plan is not None else None
    waits = MessageState(row.message_state) is MessageState.PENDING
    return MessageWhy(
        id=ids.encode("msg", row.message_id),
        contact_id=ids.encode("con", row.contact_id),
        campaign=row.name,
        run=row.rotation,
        line=step.line if step else None,
        step=step.text if step else None,
        state=word(MessageState(row.message_state)),
        created_at=row.created_at,
        due_at=row.due_at if waits and is_instant(row.due_at) else None,
        sent_at=row.sent_at,
        attempts=row.attempts,
        because=tuple(await _because(tx, workspace_id, row, step)),
    )


async def _because(tx: Transaction, workspace_id: int, row: Any, step: Step | None) -> list[str]:
    told: list[str] = []
    if step is None:
        told.append(f"made at {sentences.moment(row.created_at)}, {_made_by(row.data or {})}")
    else:
        told.append(
            f"`{step.text}` of {row.name} (line {step.line}) was reached at"
            f" {sentences.moment(row.created_at)}"
        )
        lines = await tx.execute(
            lines_of(workspace_id)
            .where(
                journal.c.enrollment_id == row.enrollment_id,
                journal.c.at <= row.created_at,
                journal.c.step != row.step,
            )
            .order_by(journal.c.at.desc(), journal.c.step.desc())
            .limit(1)
        )
        before = await told_of(tx, workspace_id, lines.all())
        told += [
            f"before it: `{line.step}`, {line.outcome}"
            + (f": {line.reason}" if line.reason else "")
            for line in before
        ]
    if row.attempts > 1:
        told.append(f"{row.attempts} attempts")
    if MessageState(row.message_state) is MessageState.PENDING and row.running == "paused":
        told.append("the campaign is paused: what was not handed over yet waits")
    if MessageState(row.message_state) is MessageState.PENDING:
        held = await holding(tx, workspace_id, Channel(row.channel), row.campaign_id)
        if held is not None:
            told.append(
                f"{held.words} is held since {sentences.moment(held.since)} by {held.actor}:"
                f" {held.reason}"
            )
    told.append(sentences.message(row))
    return told


def _made_by(data: dict[str, Any]) -> str:
    """Who made a message that no campaign made."""
    if data.get("confirm"):
        return "to ask the contact to confirm its address"
    if data.get("test"):
        return "as a test"
    return "by a call of the API" if data.get("by") == "send" else "by no campaign"


def render(answer: MessageWhy) -> str:
    """A message's reasons as a person reads them in a terminal."""
    return f"{answer.id}: {answer.state}\n" + "".join(f"  {one}\n" for one in answer.because)
