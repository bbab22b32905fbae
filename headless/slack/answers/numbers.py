"""`stats`: how many came to each step of a campaign, and what became of them."""

import asyncio
from collections.abc import Sequence
from typing import Final

from headless.campaigns import inspect
from headless.campaigns.inspect import Stats, StepStats
from headless.slack.answers.listing import sign
from headless.slack.desk import finding
from headless.slack.desk.desk import Desk, Handler
from headless.slack.desk.refusals import SAY
from headless.slack.kit import blocks, charts
from headless.slack.kit.reply import Block, Reply
from headless.slack.people.asker import Asker
from headless.slack.verbs.parse import Command, spoken
from headless.storage.codes import EnrollmentState, word

_WIDTH: Final = 44
_STEPS: Final = 60


async def stats(desk: Desk, asker: Asker, command: Command) -> Reply:
    """The numbers as a table and a chart."""
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
        numbers = await inspect.stats(tx, asker.workspace_id, found.id, reasons=True)
    name = blocks.escape(found.name)
    body: list[Block] = [blocks.section(f"{sign(found.state)} *{name}* is {found.state}")]
    if not numbers.enrollments:
        body.append(blocks.section("Nobody has entered yet."))
        return Reply(
            text=f"{blocks.escape(found.name)}: nobody has entered yet", blocks=tuple(body)
        )
    body[0] = blocks.section(
        f"{sign(found.state)} *{name}* is {found.state}",
        fields=[f"*{label}*\n{value}" for label, value in _totals(numbers)],
    )
    body += blocks.codes(steps_table(numbers.steps[:_STEPS]))
    reasons = _reasons(numbers)
    if reasons:
        body.append(blocks.section("*Why not*\n" + "\n".join(f"• {one}" for one in reasons[:10])))
    command_ = f"diagram {spoken(found.name, found.public_id)}"
    press = blocks.button("Picture", f"{SAY}:diagram", command_)
    body.append(blocks.actions(press))
    total = sum(numbers.enrollments.values())
    bars = [(step.text, sum(step.outcomes.values())) for step in numbers.steps if step.outcomes]
    return Reply(
        text=f"{blocks.escape(found.name)}: {total:,} runs",
        blocks=blocks.fit(body),
        picture=await asyncio.to_thread(charts.bars, f"{found.name}: by step", bars[:20]),
        alt=f"How many came to each step of {found.name}",
        shareable=True,
    )


def _totals(numbers: Stats) -> list[tuple[str, str]]:
    runs = numbers.enrollments
    total = sum(runs.values())
    told = [("Entered", f"{total:,}")]
    goal = runs.get(word(EnrollmentState.GOAL), 0)
    if goal:
        told.append(("Reached the goal", f"{goal:,} ({goal / total:.0%})"))
    told += [
        (state.capitalize(), f"{many:,}")
        for state, many in runs.items()
        if state != word(EnrollmentState.GOAL)
    ]
    if numbers.messages:
        sent = " · ".join(f"{many:,} {state}" for state, many in numbers.messages.items())
        told.append(("Messages", sent))
    return told


def steps_table(steps: Sequence[StepStats]) -> str:
    """Each step with its outcomes, in columns."""
    rows = [
        (
            "gone" if step.gone else str(step.line or ""),
            blocks.cut(step.text, _WIDTH),
            ", ".join(_parts(step)) or "—",
        )
        for step in steps
    ]
    return blocks.table(rows, right=(0,))


def _parts(step: StepStats) -> list[str]:
    parts = [f"{many:,} {outcome}" for outcome, many in step.outcomes.items()]
    return [*parts, f"{step.waiting:,} waiting"] if step.waiting else parts


def _reasons(numbers: Stats) -> list[str]:
    """What was skipped, held or failed, the most frequent first."""
    found = [
        (many, f"{blocks.quoted(step.text)} {outcome}: {blocks.escape(why)} ({many:,})")
        for step in numbers.steps
        for outcome, reasons in (step.reasons or {}).items()
        for why, many in reasons.items()
    ]
    return [told for _, told in sorted(found, key=lambda one: -one[0])]


HANDLERS: Final[dict[str, Handler]] = {"stats": stats}
