"""Why: what happened to a contact in a campaign, line by line, and the reason for what did not.

Reads the journal as it was written; nothing is worked out anew, save for those who never entered
(`absence`). Imports `publish`, `sentences` and storage.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, case, func, select

from headless import ids
from headless.campaigns import sentences
from headless.campaigns.absence import never_entered
from headless.campaigns.publish import find
from headless.dsl.plan import Plan, When, from_builtins
from headless.problems import Problem
from headless.storage.codes import ActivityKind, EnrollmentState, Outcome, word
from headless.storage.database import Transaction
from headless.storage.tables import (
    activity,
    campaign,
    contact,
    email,
    enrollment,
    journal,
    message,
    position,
    segment,
    subject,
    tag,
    version,
)

_LAST_YEAR: Final = 9999


def is_instant(moment: datetime) -> bool:
    """Whether it is a time at all: `infinity` is read as the last of them."""
    return moment.year < _LAST_YEAR


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
    """Where a run stands now, and until when; None: until something happens.

    `reason` is what keeps it there, where it is not the step's own waiting.
    """

    line: int
    step: str
    until: datetime | None
    reason: str | None = None


class Why(msgspec.Struct, frozen=True):
    """The trace of one contact through one campaign; without runs `reason` says why."""

    contact_id: int
    name: str
    campaign: str
    runs: tuple[Run, ...]
    reason: str | None = None


async def why(
    tx: Transaction, workspace_id: int, contact_id: int, campaign_id: int, *, now: datetime
) -> Why:
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
        .join(
            version,
            (version.c.workspace_id == enrollment.c.workspace_id)
            & (version.c.id == enrollment.c.version_id),
        )
        .where(
            enrollment.c.workspace_id == workspace_id,
            enrollment.c.campaign_id == campaign_id,
            enrollment.c.contact_id == contact_id,
        )
        .order_by(enrollment.c.rotation)
    )
    runs = [await _run(tx, workspace_id, row, now) for row in runs_.all()]
    return Why(
        contact_id=contact_id,
        name=person.fields.get("first_name") or person.email or person.external_id or "",
        campaign=found.name,
        runs=tuple(runs),
        reason=None if runs else await never_entered(tx, found, contact_id, now=now),
    )


async def _run(tx: Transaction, workspace_id: int, row: Any, now: datetime) -> Run:
    rows = await tx.execute(
        lines_of(workspace_id)
        .where(journal.c.enrollment_id == row.id)
        .order_by(
            journal.c.at,
            journal.c.outcome == Outcome.REMOVED,
            func.abs(journal.c.visit),
            journal.c.step,
        )
    )
    return Run(
        rotation=row.rotation,
        version=row.number,
        state=word(EnrollmentState(row.state)),
        entered_at=row.entered_at,
        ended_at=row.ended_at,
        lines=tuple(await told(tx, workspace_id, rows.all())),
        waiting=await _waiting(tx, workspace_id, row.id, now),
    )


async def _waiting(
    tx: Transaction, workspace_id: int, enrollment_id: int, now: datetime
) -> tuple[Waiting, ...]:
    """Where the run stands, and what for."""
    p, c = position.c, campaign.c
    of = (version.c.workspace_id == p.workspace_id) & (version.c.id == p.version_id)
    rows = (
        await tx.execute(
            select(
                p.step, p.due_at, p.closes, p.version_id,
                c.state, c.paused_at, c.active_from, c.active_to,
            )
            .join(version, of)
            .join(campaign, (c.workspace_id == p.workspace_id) & (c.id == version.c.campaign_id))
            .where(p.workspace_id == workspace_id, p.enrollment_id == enrollment_id)
            .order_by(p.branch)
        )
    ).all()  # fmt: skip
    plans = await _plans(tx, workspace_id, {row.version_id for row in rows})
    found = []
    for row in rows:
        step = plans[row.version_id].steps[row.step]
        until = row.due_at
        if isinstance(step, When) and row.closes:  # without the grace for late events
            until = min((one for one in row.closes if is_instant(one)), default=None)
        kept = sentences.waits_for(step, row, row.due_at, now)
        found.append(Waiting(step.line, step.text, until, kept))
    return tuple(found)


async def _plans(tx: Transaction, workspace_id: int, versions: set[int]) -> dict[int, Plan]:
    """The plans that lines were written by."""
    if not versions:
        return {}
    rows = await tx.execute(
        select(version.c.id, version.c.plan).where(
            version.c.workspace_id == workspace_id, version.c.id.in_(sorted(versions))
        )
    )
    return {row.id: from_builtins(row.plan) for row in rows}


async def told(tx: Transaction, workspace_id: int, rows: Sequence[Any]) -> list[Line]:
    """Rows of `lines_of` in words, each by the version that it was written by."""
    plans = await _plans(tx, workspace_id, {row.version_id for row in rows})
    return [_line(row, plans[row.version_id]) for row in rows]


def lines_of(workspace_id: int) -> Any:
    """The query for lines of the journal, for `told`."""
    sent = (message.c.workspace_id == journal.c.workspace_id) & (
        (message.c.contact_id == journal.c.contact_id)
        & (message.c.enrollment_id == journal.c.enrollment_id)
        & (message.c.step == journal.c.step)
        & (message.c.visit == journal.c.visit)
    )
    cause = (activity.c.workspace_id == journal.c.workspace_id) & (
        activity.c.id == journal.c.activity_id
    )
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
            about().label("subject"),
        )
        .join(
            enrollment,
            (enrollment.c.workspace_id == journal.c.workspace_id)
            & (enrollment.c.id == journal.c.enrollment_id),
        )
        .outerjoin(message, sent)
        .outerjoin(activity, cause)
        .where(journal.c.workspace_id == workspace_id)
    )


def about() -> ColumnElement[Any]:
    """What an activity is about, by its name: `activity` stands in the query."""
    of = activity.c.workspace_id
    kinds = (
        (subject, (ActivityKind.DID,)),
        (email, (ActivityKind.OPENED, ActivityKind.CLICKED, ActivityKind.BOUNCED,
                 ActivityKind.REPLIED, ActivityKind.COMPLAINED)),
        (segment, (ActivityKind.JOINED_SEGMENT, ActivityKind.LEFT_SEGMENT)),
        (campaign, (ActivityKind.JOINED_CAMPAIGN, ActivityKind.LEFT_CAMPAIGN)),
        (tag, (ActivityKind.GOT_TAG,)),
    )  # fmt: skip
    return case(
        *(
            (
                activity.c.kind.in_([int(kind) for kind in of_kind]),
                select(table.c.name)
                .where(table.c.workspace_id == of, table.c.id == activity.c.ref)
                .scalar_subquery(),
            )
            for table, of_kind in kinds
        )
    )


def _line(row: Any, plan: Plan) -> Line:
    step = plan.steps[row.step] if row.step < len(plan.steps) else None
    return Line(
        at=row.at,
        contact_id=row.contact_id,
        rotation=row.rotation,
        line=step.line if step else 0,
        step=sentences.named(row, step) if step else f"step {row.step}",
        outcome=word(Outcome(row.outcome)),
        reason=sentences.reason(row, step),
        detail=row.detail,
        message_id=row.message_id,
    )


# ---------------------------------------------------------------- as a person reads it


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
            parts.append(f"{sentences.moment(run.ended_at)}  {_end(run)}")
        for place in run.waiting:
            until = f"until {place.until:%Y-%m-%d %H:%M:%S}" if place.until else "until it happens"
            kept = f": {place.reason}" if place.reason else ""
            parts.append(f"{'now':19}  waiting at `{place.step}` {until}{kept}")
    return "\n".join(parts) + "\n"


def _end(run: Run) -> str:
    return sentences.end(EnrollmentState[run.state.upper()])


def _table(run: Run) -> Sequence[str]:
    width = max((len(line.step) for line in run.lines), default=0)
    width = min(width, 60)
    return [
        f"{line.at:%Y-%m-%d %H:%M:%S}  {line.step[:width]:{width}}  {line.outcome}"
        + (f": {line.reason}" if line.reason else "")
        for line in run.lines
    ]
