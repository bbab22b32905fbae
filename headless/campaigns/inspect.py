"""Inspect: which campaigns there are, and what each has done, step by step, in numbers.

Reads the tally as it was written. Imports `publish` and storage; `why` tells of single contacts.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import and_, func, select, text

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
    updated_since: datetime | None = None,
) -> list[Campaign]:
    """Campaigns in the order of their making, those that were changed at a time or later."""
    query = selected(workspace_id).where(campaign.c.id > after_id)
    if updated_since is not None:
        query = query.where(campaign.c.updated_at >= updated_since)
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
    plain = (await stats_of(tx, workspace_id, [found]))[campaign_id]
    added = await _sums(tx, workspace_id, campaign_id) if sums else {}
    told = await _reasons(tx, workspace_id, campaign_id) if reasons else {}
    steps = tuple(
        msgspec.structs.replace(
            step,
            reasons=told.get(step.step, {}) if reasons else None,
            sums=added.get(step.step, {}) if sums else None,
        )
        for step in plain.steps
    )
    return msgspec.structs.replace(plain, steps=steps)


async def stats_of(
    tx: Transaction, workspace_id: int, campaigns: Sequence[Campaign]
) -> dict[int, Stats]:
    """The numbers of several campaigns, by their numbers, in four queries."""
    of, ids = version.c.campaign_id, [one.id for one in campaigns]

    def numbers(table: Any, *columns: Any, many: Any = None) -> Any:
        mine = (version.c.workspace_id == workspace_id, version.c.campaign_id.in_(ids))
        joined = and_(
            version.c.workspace_id == table.c.workspace_id, version.c.id == table.c.version_id
        )
        return (
            select(of, *columns, func.count() if many is None else many)
            .join(version, joined)
            .where(table.c.workspace_id == workspace_id, *mine)
            .group_by(of, *columns)
            .order_by(of, *columns)
        )

    outcomes: dict[int, dict[int, dict[str, int]]] = {number: {} for number in ids}
    taken = func.sum(tally.c.contacts)
    for campaign_id, step, outcome, contacts in await tx.execute(
        numbers(tally, tally.c.step, tally.c.outcome, many=taken)
    ):
        by = outcomes[campaign_id].setdefault(step, {})
        by[word(Outcome(outcome))] = int(contacts)
    waiting: dict[int, dict[int, int]] = {number: {} for number in ids}
    for campaign_id, step, contacts in await tx.execute(numbers(position, position.c.step)):
        waiting[campaign_id][step] = int(contacts)
    messages: dict[int, dict[str, int]] = {number: {} for number in ids}
    for campaign_id, state, many in await tx.execute(numbers(message, message.c.state)):
        messages[campaign_id][word(MessageState(state))] = int(many)
    runs: dict[int, dict[str, int]] = {number: {} for number in ids}
    en = enrollment.c
    for campaign_id, state, many in await tx.execute(
        select(en.campaign_id, en.state, func.count())
        .where(en.workspace_id == workspace_id, en.campaign_id.in_(ids))
        .group_by(en.campaign_id, en.state)
        .order_by(en.campaign_id, en.state)
    ):
        runs[campaign_id][word(EnrollmentState(state))] = int(many)
    return {
        one.id: Stats(
            runs[one.id], messages[one.id], _steps(one, outcomes[one.id], waiting[one.id])
        )
        for one in campaigns
    }


def _steps(
    found: Campaign, outcomes: dict[int, dict[str, int]], waiting: dict[int, int]
) -> tuple[StepStats, ...]:
    """The steps in the text's order, then those of earlier versions that somebody took."""
    past = [s for s in found.plan.steps if isinstance(s, Gone) and s.number in outcomes]
    return tuple(
        StepStats(
            step=s.number,
            line=s.line,
            text=s.text,
            outcomes=outcomes.get(s.number, {}),
            waiting=waiting.get(s.number, 0),
            gone=isinstance(s, Gone),
        )
        for s in (*in_order(found.plan), *past)
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
