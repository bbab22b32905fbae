"""Inspect: what a campaign has done, step by step and contact by contact, and why.

Reads the journal and the tally as they were written; nothing is worked out anew. Imports `publish`
and storage.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import func, select, text

from headless import ids
from headless.campaigns.publish import Campaign, find, from_row, selected
from headless.dsl.plan import Plan
from headless.problems import Problem
from headless.storage.codes import ActivityKind, EnrollmentState, MessageState, Outcome
from headless.storage.database import Transaction
from headless.storage.tables import (
    activity,
    campaign,
    contact,
    enrollment,
    journal,
    message,
    position,
    subject,
    tally,
    version,
)


class StepStats(msgspec.Struct, frozen=True):
    """What a step came to: contacts by outcome, and how many stand there now.

    `sums` adds up the numbers that the answering activities brought with them, such as what was
    spent; only where they were asked for.
    """

    step: int
    line: int
    text: str
    outcomes: dict[str, int]
    waiting: int
    sums: dict[str, Decimal] | None = None


class Stats(msgspec.Struct, frozen=True):
    """A campaign in numbers: runs by state, messages by state, and each step."""

    enrollments: dict[str, int]
    messages: dict[str, int]
    steps: tuple[StepStats, ...]


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


async def listing(
    tx: Transaction,
    workspace_id: int,
    *,
    limit: int,
    after_id: int = 0,
    state: str | None = None,
) -> list[Campaign]:
    """Campaigns in the order of their making."""
    query = selected(workspace_id).where(campaign.c.id > after_id)
    if state is not None:
        query = query.where(campaign.c.state == state)
    rows = await tx.execute(query.order_by(campaign.c.id).limit(limit))
    return [from_row(row) for row in rows]


async def stats(
    tx: Transaction, workspace_id: int, campaign_id: int, *, sums: bool = False
) -> Stats:
    """The numbers of a campaign's newest version, and of all its runs and messages."""
    found = await find(tx, workspace_id, campaign_id)
    added = await _sums(tx, workspace_id, found.version_id) if sums else {}
    outcomes: dict[int, dict[str, int]] = {}
    rows = await tx.execute(
        select(tally.c.step, tally.c.outcome, func.sum(tally.c.contacts))
        .where(tally.c.workspace_id == workspace_id, tally.c.version_id == found.version_id)
        .group_by(tally.c.step, tally.c.outcome)
        .order_by(tally.c.step, tally.c.outcome)
    )
    for step, outcome, contacts in rows:
        outcomes.setdefault(step, {})[_word(Outcome(outcome))] = int(contacts)
    standing = await tx.execute(
        select(position.c.step, func.count())
        .where(position.c.workspace_id == workspace_id, position.c.version_id == found.version_id)
        .group_by(position.c.step)
    )
    waiting = {row[0]: int(row[1]) for row in standing}
    steps = tuple(
        StepStats(
            s.number,
            s.line,
            s.text,
            outcomes.get(s.number, {}),
            waiting.get(s.number, 0),
            added.get(s.number, {}) if sums else None,
        )
        for s in found.plan.steps
    )
    return Stats(
        enrollments=await _by_state(
            tx, enrollment, EnrollmentState, workspace_id, enrollment.c.campaign_id == campaign_id
        ),
        messages=await _by_state(
            tx,
            message,
            MessageState,
            workspace_id,
            message.c.version_id.in_(_versions(campaign_id)),
        ),
        steps=steps,
    )


async def _sums(
    tx: Transaction, workspace_id: int, version_id: int
) -> dict[int, dict[str, Decimal]]:
    """The numeric properties of the activities that a step was answered with, added up."""
    await tx.whole_tables()
    rows = await tx.execute(
        text(
            """
            select j.step, p.key, sum(p.value::numeric)
              from journal j
              join activity a on a.workspace_id = j.workspace_id and a.id = j.activity_id
             cross join lateral jsonb_each(a.properties) p
             where j.workspace_id = :workspace_id and j.version_id = :version_id
               and j.outcome = :yes and jsonb_typeof(p.value) = 'number'
             group by j.step, p.key
            """
        ),
        {"workspace_id": workspace_id, "version_id": version_id, "yes": int(Outcome.YES)},
    )
    found: dict[int, dict[str, Decimal]] = {}
    for step, name, total in rows:
        found.setdefault(step, {})[name] = total
    return found


def _versions(campaign_id: int) -> Any:
    return select(version.c.id).where(version.c.campaign_id == campaign_id)


async def _by_state(
    tx: Transaction, table: Any, states: Any, workspace_id: int, wanted: Any
) -> dict[str, int]:
    rows = await tx.execute(
        select(table.c.state, func.count())
        .where(table.c.workspace_id == workspace_id, wanted)
        .group_by(table.c.state)
        .order_by(table.c.state)
    )
    return {_word(states(row[0])): int(row[1]) for row in rows}


def _word(code: Any) -> str:
    return str(code.name.lower())


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
        .order_by(journal.c.at, journal.c.visit, journal.c.step)
    )
    standing = await tx.execute(
        select(position.c.step, position.c.due_at)
        .where(position.c.workspace_id == workspace_id, position.c.enrollment_id == row.id)
        .order_by(position.c.branch)
    )
    return Run(
        rotation=row.rotation,
        version=row.number,
        state=_word(EnrollmentState(row.state)),
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
        outcome=_word(Outcome(row.outcome)),
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


def render_stats(name: str, state: str, numbers: Stats) -> str:
    """The numbers as a person reads them in a terminal."""
    told = ", ".join(f"{count} {word}" for word, count in numbers.enrollments.items())
    lines = [f"{name} ({state}): {told or 'nobody has entered yet'}"]
    if numbers.messages:
        sent = ", ".join(f"{count} {word}" for word, count in numbers.messages.items())
        lines.append(f"messages: {sent}")
    width = max(len(step.text) for step in numbers.steps)
    for step in numbers.steps:
        parts = [f"{count} {word}" for word, count in step.outcomes.items()]
        if step.waiting:
            parts.append(f"{step.waiting} waiting")
        lines.append(f"{step.line:>4}  {step.text:{width}}  {', '.join(parts)}".rstrip())
    return "\n".join(lines) + "\n"
