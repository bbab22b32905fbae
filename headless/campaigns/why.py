"""Why: what happened to a contact in a campaign, line by line, and the reason for what did not.

Reads the journal as it was written; nothing is worked out anew. Imports `publish` and storage.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import func, select

from headless import ids
from headless.campaigns.publish import Campaign, find
from headless.dsl.plan import Plan
from headless.problems import Problem
from headless.storage.codes import ActivityKind, EnrollmentState, MessageState, Outcome, word
from headless.storage.database import Transaction
from headless.storage.tables import (
    activity,
    contact,
    enrollment,
    journal,
    message,
    position,
    subject,
    version,
)


class Line(msgspec.Struct, frozen=True):
    """One line of the journal, in words."""

    at: datetime
    contact_id: int
    rotation: int
    line: int
    step: str
    outcome: str
    reason: str | None
    detail: dict[str, Any] | None
    message_id: int | None = None


class Run(msgspec.Struct, frozen=True):
    """One contact's run: where it stands, and every line of its journal."""

    rotation: int
    version: int
    state: str
    entered_at: datetime
    ended_at: datetime | None
    lines: tuple[Line, ...]
    waiting: tuple["Waiting", ...]


class Waiting(msgspec.Struct, frozen=True):
    """Where a run stands now, and until when; None: until something happens."""

    line: int
    step: str
    until: datetime | None


class Why(msgspec.Struct, frozen=True):
    """The trace of one contact through one campaign; without runs `reason` says why."""

    contact_id: int
    name: str
    campaign: str
    runs: tuple[Run, ...]
    reason: str | None = None


async def trace(
    tx: Transaction,
    workspace_id: int,
    campaign_id: int,
    *,
    limit: int,
    before: datetime | None = None,
) -> list[Line]:
    """The newest lines of a campaign's journal, newest first."""
    found = await find(tx, workspace_id, campaign_id)
    query = _lines(workspace_id).where(enrollment.c.campaign_id == campaign_id)
    if before is not None:
        query = query.where(journal.c.at < before)
    rows = await tx.execute(
        query.order_by(journal.c.at.desc(), journal.c.enrollment_id, journal.c.step.desc()).limit(
            limit
        )
    )
    return [_line(row, found.plan) for row in rows]


async def why(tx: Transaction, workspace_id: int, contact_id: int, campaign_id: int) -> Why:
    """Everything that happened to a contact in a campaign, and the reason for what did not."""
    found = await find(tx, workspace_id, campaign_id)
    person = (
        await tx.execute(
            select(contact.c.fields, contact.c.email, contact.c.external_id).where(
                contact.c.workspace_id == workspace_id, contact.c.id == contact_id
            )
        )
    ).one_or_none()
    if person is None:
        raise Problem("not_found", "there is no such contact")
    runs_ = await tx.execute(
        select(enrollment, version.c.number)
        .join(version, version.c.id == enrollment.c.version_id)
        .where(
            enrollment.c.workspace_id == workspace_id,
            enrollment.c.campaign_id == campaign_id,
            enrollment.c.contact_id == contact_id,
        )
        .order_by(enrollment.c.rotation)
    )
    runs = [await _run(tx, workspace_id, row, found.plan) for row in runs_.all()]
    return Why(
        contact_id=contact_id,
        name=person.fields.get("first_name") or person.email or person.external_id or "",
        campaign=found.name,
        runs=tuple(runs),
        reason=None if runs else _never_entered(found),
    )


def _never_entered(found: Campaign) -> str:
    if found.state == "draft":
        return "the campaign has not been started"
    return "the contact has not entered: no source of the campaign has brought it in"


async def _run(tx: Transaction, workspace_id: int, row: Any, plan: Plan) -> Run:
    rows = await tx.execute(
        _lines(workspace_id)
        .where(journal.c.enrollment_id == row.id)
        .order_by(
            journal.c.at,
            journal.c.outcome == Outcome.REMOVED,
            func.abs(journal.c.visit),
            journal.c.step,
        )
    )
    standing = await tx.execute(
        select(position.c.step, position.c.due_at)
        .where(position.c.workspace_id == workspace_id, position.c.enrollment_id == row.id)
        .order_by(position.c.branch)
    )
    return Run(
        rotation=row.rotation,
        version=row.number,
        state=word(EnrollmentState(row.state)),
        entered_at=row.entered_at,
        ended_at=row.ended_at,
        lines=tuple(_line(line, plan) for line in rows),
        waiting=tuple(_waiting(plan, place) for place in standing),
    )


def _waiting(plan: Plan, place: Any) -> Waiting:
    step = plan.steps[place.step]
    return Waiting(step.line, step.text, place.due_at)


def _lines(workspace_id: int) -> Any:
    sent = (message.c.workspace_id == journal.c.workspace_id) & (
        (message.c.contact_id == journal.c.contact_id)
        & (message.c.enrollment_id == journal.c.enrollment_id)
        & (message.c.step == journal.c.step)
        & (message.c.visit == journal.c.visit)
    )
    cause = (activity.c.workspace_id == journal.c.workspace_id) & (
        activity.c.id == journal.c.activity_id
    )
    about = (subject.c.workspace_id == activity.c.workspace_id) & (subject.c.id == activity.c.ref)
    return (
        select(
            journal,
            enrollment.c.rotation,
            message.c.id.label("message_id"),
            message.c.state.label("message_state"),
            message.c.sent_at,
            message.c.reason,
            activity.c.kind,
            activity.c.occurred_at,
            subject.c.name.label("subject"),
        )
        .join(
            enrollment,
            (enrollment.c.workspace_id == journal.c.workspace_id)
            & (enrollment.c.id == journal.c.enrollment_id),
        )
        .outerjoin(message, sent)
        .outerjoin(activity, cause)
        .outerjoin(subject, about)
        .where(journal.c.workspace_id == workspace_id)
    )


def _line(row: Any, plan: Plan) -> Line:
    step = plan.steps[row.step] if row.step < len(plan.steps) else None
    return Line(
        at=row.at,
        contact_id=row.contact_id,
        rotation=row.rotation,
        line=step.line if step else 0,
        step=(step.text or "entered") if step else f"step {row.step}",
        outcome=word(Outcome(row.outcome)),
        reason=_reason(row),
        detail=row.detail,
        message_id=row.message_id,
    )


def _reason(row: Any) -> str | None:
    """The sentence beside a line: what decided it, or what became of the message."""
    outcome, detail = Outcome(row.outcome), row.detail or {}
    if "reason" in detail:
        return str(detail["reason"])
    if row.message_id is not None:
        return _message(row)
    if "from" in detail:
        return f"{detail['from']} → {detail['to']}"
    if outcome in (Outcome.ENTERED, Outcome.YES) and row.kind is not None:
        return f"{_did(row)} at {row.occurred_at:%Y-%m-%d %H:%M:%S}"
    told = [f"{name} is {_shown(value)}" for name, value in detail.items() if name != "arm"]
    return ", ".join(told) or None


def _did(row: Any) -> str:
    kind = ActivityKind(row.kind)
    return (
        f'did "{row.subject}"' if kind is ActivityKind.DID else kind.name.lower().replace("_", " ")
    )


def _shown(value: Any) -> str:
    return "empty" if value is None else f"`{value}`"


def _message(row: Any) -> str:
    state, number = MessageState(row.message_state), ids.encode("msg", row.message_id)
    match state:
        case MessageState.SENT:
            return f"handed over at {row.sent_at:%Y-%m-%d %H:%M:%S} ({number})"
        case MessageState.SKIPPED | MessageState.PARKED:
            return f"{state.name.lower()}: {row.reason} ({number})"
        case _:
            return f"{state.name.lower()} ({number})"


def render(answer: Why) -> str:
    """The trace as a person reads it in a terminal."""
    who = f"{answer.name} ({ids.encode('con', answer.contact_id)})"
    if not answer.runs:
        return f"{who} in {answer.campaign}: {answer.reason}\n"
    parts: list[str] = []
    for run in answer.runs:
        parts.append(f"{who} in {answer.campaign}, run {run.rotation}, version {run.version}")
        parts += _table(run)
        if run.ended_at is not None:
            parts.append(f"{run.ended_at:%Y-%m-%d %H:%M:%S}  {run.state}")
        for place in run.waiting:
            until = f"until {place.until:%Y-%m-%d %H:%M:%S}" if place.until else "until it happens"
            parts.append(f"{'now':19}  waiting at `{place.step}` {until}")
    return "\n".join(parts) + "\n"


def _table(run: Run) -> Sequence[str]:
    width = max((len(line.step) for line in run.lines), default=0)
    width = min(width, 60)
    return [
        f"{line.at:%Y-%m-%d %H:%M:%S}  {line.step[:width]:{width}}  {line.outcome}"
        + (f": {line.reason}" if line.reason else "")
        for line in run.lines
    ]
