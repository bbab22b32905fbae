"""Inspect: which campaigns there are, and what each has done, step by step, in numbers.

Reads the tally as it was written. Imports `publish` and storage; `why` tells of single contacts.
"""

from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import func, select, text

from headless.campaigns.publish import Campaign, find, from_row, selected
from headless.dsl.plan import Gone, in_order
from headless.storage.codes import EnrollmentState, MessageState, Outcome, word
from headless.storage.database import Transaction
from headless.storage.tables import (
    campaign,
    enrollment,
    journal,
    message,
    position,
    tally,
    version,
)


class StepStats(msgspec.Struct, frozen=True):
    """What a step came to: contacts by outcome, and how many stand there now.

    `gone` is a step of an earlier version that the newest does not have. `reasons` has for what was
    skipped, held or failed how often by which reason, `sums` the numbers that the answering
    activities brought with them, such as what was spent; each only where it was asked for.
    """

    step: int
    line: int
    text: str
    outcomes: dict[str, int]
    waiting: int
    gone: bool = False
    reasons: dict[str, dict[str, int]] | None = None
    sums: dict[str, Decimal] | None = None


class Stats(msgspec.Struct, frozen=True):
    """A campaign in numbers: runs by state, messages by state, and each step."""

    enrollments: dict[str, int]
    messages: dict[str, int]
    steps: tuple[StepStats, ...]


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
    tx: Transaction,
    workspace_id: int,
    campaign_id: int,
    *,
    sums: bool = False,
    reasons: bool = False,
) -> Stats:
    """The numbers of a campaign, of all its versions together: a step is the same in each."""
    found = await find(tx, workspace_id, campaign_id)
    added = await _sums(tx, workspace_id, campaign_id) if sums else {}
    told = await _reasons(tx, workspace_id, campaign_id) if reasons else {}
    outcomes: dict[int, dict[str, int]] = {}
    rows = await tx.execute(
        select(tally.c.step, tally.c.outcome, func.sum(tally.c.contacts))
        .where(
            tally.c.workspace_id == workspace_id,
            tally.c.version_id.in_(_versions(workspace_id, campaign_id)),
        )
        .group_by(tally.c.step, tally.c.outcome)
        .order_by(tally.c.step, tally.c.outcome)
    )
    for step, outcome, contacts in rows:
        outcomes.setdefault(step, {})[word(Outcome(outcome))] = int(contacts)
    standing = await tx.execute(
        select(position.c.step, func.count())
        .where(
            position.c.workspace_id == workspace_id,
            position.c.version_id.in_(_versions(workspace_id, campaign_id)),
        )
        .group_by(position.c.step)
    )
    waiting = {row[0]: int(row[1]) for row in standing}
    past = [s for s in found.plan.steps if isinstance(s, Gone) and s.number in outcomes]
    steps = tuple(
        StepStats(
            step=s.number,
            line=s.line,
            text=s.text,
            outcomes=outcomes.get(s.number, {}),
            waiting=waiting.get(s.number, 0),
            gone=isinstance(s, Gone),
            reasons=told.get(s.number, {}) if reasons else None,
            sums=added.get(s.number, {}) if sums else None,
        )
        for s in (*in_order(found.plan), *past)
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
            message.c.version_id.in_(_versions(workspace_id, campaign_id)),
        ),
        steps=steps,
    )


async def _sums(
    tx: Transaction, workspace_id: int, campaign_id: int
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
             where j.workspace_id = :workspace_id and j.version_id in (select id from version
                 where workspace_id = :workspace_id and campaign_id = :campaign_id)
               and j.outcome = :yes and jsonb_typeof(p.value) = 'number'
             group by j.step, p.key
            """
        ),
        {"workspace_id": workspace_id, "campaign_id": campaign_id, "yes": int(Outcome.YES)},
    )
    found: dict[int, dict[str, Decimal]] = {}
    for step, name, total in rows:
        found.setdefault(step, {})[name] = total
    return found


async def _reasons(
    tx: Transaction, workspace_id: int, campaign_id: int
) -> dict[int, dict[str, dict[str, int]]]:
    """By step and outcome, why it did not happen, and how often."""
    await tx.whole_tables()
    reason = journal.c.detail["reason"].astext
    rows = await tx.execute(
        select(journal.c.step, journal.c.outcome, reason, func.count())
        .where(
            journal.c.workspace_id == workspace_id,
            journal.c.version_id.in_(_versions(workspace_id, campaign_id)),
            journal.c.outcome.in_([Outcome.SKIPPED, Outcome.HELD, Outcome.FAILED]),
        )
        .group_by(journal.c.step, journal.c.outcome, reason)
        .order_by(journal.c.step, journal.c.outcome, func.count().desc(), reason)
    )
    found: dict[int, dict[str, dict[str, int]]] = {}
    for step, outcome, why, count in rows:
        by = found.setdefault(step, {}).setdefault(word(Outcome(outcome)), {})
        by[why or "no reason"] = count
    return found


def _versions(workspace_id: int, campaign_id: int) -> Any:
    return select(version.c.id).where(
        version.c.workspace_id == workspace_id, version.c.campaign_id == campaign_id
    )


async def _by_state(
    tx: Transaction, table: Any, states: Any, workspace_id: int, wanted: Any
) -> dict[str, int]:
    rows = await tx.execute(
        select(table.c.state, func.count())
        .where(table.c.workspace_id == workspace_id, wanted)
        .group_by(table.c.state)
        .order_by(table.c.state)
    )
    return {word(states(row[0])): int(row[1]) for row in rows}


def render_stats(name: str, state: str, numbers: Stats) -> str:
    """The numbers as a person reads them in a terminal."""
    told = ", ".join(f"{count} {word}" for word, count in numbers.enrollments.items())
    lines = [f"{name} ({state}): {told or 'nobody has entered yet'}"]
    if goals := numbers.enrollments.get(word(EnrollmentState.GOAL)):
        lines.append(f"goal: {goals} of {sum(numbers.enrollments.values())} runs reached it")
    if numbers.messages:
        sent = ", ".join(f"{count} {word}" for word, count in numbers.messages.items())
        lines.append(f"messages: {sent}")
    width = max(len(step.text) for step in numbers.steps)
    for step in numbers.steps:
        parts = [f"{count} {word}" for word, count in step.outcomes.items()]
        if step.waiting:
            parts.append(f"{step.waiting} waiting")
        line = "gone" if step.gone else str(step.line)
        lines.append(f"{line:>4}  {step.text:{width}}  {', '.join(parts)}".rstrip())
        for outcome, reasons in (step.reasons or {}).items():
            lines += [f"{'':4}    {outcome}: {why}: {count}" for why, count in reasons.items()]
    return "\n".join(lines) + "\n"
