"""`show`, `source` and `diagram`: one campaign, in words, as its text, and as a picture."""

import asyncio
from datetime import datetime
from typing import Final

from headless.campaigns import inspect
from headless.campaigns.inspect import Stats
from headless.campaigns.publish import Campaign
from headless.dsl.examine import examine
from headless.dsl.explain import explain
from headless.slack.answers.listing import sign
from headless.slack.desk import finding
from headless.slack.desk.desk import Desk, Handler
from headless.slack.desk.refusals import SAY
from headless.slack.kit import blocks
from headless.slack.kit.moments import ago, moment
from headless.slack.kit.reply import Block, Reply
from headless.slack.outgoing import pictures
from headless.slack.people.asker import Asker, may
from headless.slack.verbs.parse import Command, spoken

_MOST_SHOWN: Final = 9_000
"""Characters of a text that fit into a message; a longer one is cut, and says so."""


async def show(desk: Desk, asker: Asker, command: Command) -> Reply:
    """State, meaning and numbers of a campaign."""
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
        numbers = await inspect.stats(tx, asker.workspace_id, found.id)
    now = desk.clock.now()
    meaning = await asyncio.to_thread(meaning_of, found.source)
    body: list[Block] = [
        blocks.header(f"{sign(found.state)} {found.name}"),
        blocks.section(
            blocks.escape(meaning),
            fields=[f"*{name}*\n{value}" for name, value in _facts(found, numbers, asker, now)],
        ),
        blocks.actions(*_presses(found, asker)),
    ]
    text = f"{blocks.escape(found.name)} is {found.state}, version {found.version}"
    return Reply(text=text, blocks=blocks.fit(body), shareable=True)


def meaning_of(source: str) -> str:
    """What a stored text does, in plain English."""
    read = examine(source).campaign
    return explain(read) if read is not None else ""


def _facts(found: Campaign, numbers: Stats, asker: Asker, now: datetime) -> list[tuple[str, str]]:
    facts = [("State", _state(found, asker, now)), ("Version", str(found.version))]
    if found.plan.owner:
        facts.append(("Owner", blocks.escape(found.plan.owner)))
    runs = numbers.enrollments
    if runs:
        facts.append(("Contacts", " · ".join(f"{many:,} {word}" for word, many in runs.items())))
    if numbers.messages:
        sent = " · ".join(f"{many:,} {word}" for word, many in numbers.messages.items())
        facts.append(("Messages", sent))
    waiting = sum(step.waiting for step in numbers.steps)
    if waiting:
        facts.append(("Waiting now", f"{waiting:,}"))
    return facts


def _state(found: Campaign, asker: Asker, now: datetime) -> str:
    told = found.state
    if found.state == "paused" and found.paused_at is not None:
        told = f"paused {ago(found.paused_at, now)}"
        if found.pause_reason:
            told += f": {blocks.escape(found.pause_reason)}"
    elif found.state == "running" and found.started_at is not None:
        told = f"running since {moment(found.started_at, asker.zone)}"
    elif found.state == "stopped" and found.stopped_at is not None:
        told = f"stopped {moment(found.stopped_at, asker.zone)}"
    return told


def _presses(found: Campaign, asker: Asker) -> list[Block]:
    """What can be done with a campaign in its state; Slack asks nothing that we ask ourselves."""
    verbs = [("stats", "Stats"), ("diagram", "Picture"), ("source", "Text"), ("log", "Log")]
    if may(asker, "editor"):
        first = {
            "draft": [("start", "Start…"), ("edit", "Edit")],
            "running": [("pause", "Pause")],
            "paused": [("resume", "Resume…")],
        }
        verbs = [*first.get(found.state, []), *verbs]
    return [
        blocks.button(label, f"{SAY}:{verb}", f"{verb} {spoken(found.name, found.public_id)}")
        for verb, label in verbs
    ]


async def source(desk: Desk, asker: Asker, command: Command) -> Reply:
    """The text, as it is stored."""
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
    shown = found.source
    body: list[Block] = [
        blocks.section(f"*{blocks.escape(found.name)}* · version {found.version}, {found.state}")
    ]
    if len(shown) > _MOST_SHOWN:
        shown = shown[:_MOST_SHOWN].rpartition("\n")[0] or shown[:_MOST_SHOWN]
    body += blocks.codes(shown)
    if shown != found.source:
        body.append(blocks.context("_cut: this is the beginning of it_"))
        whole = blocks.button("The whole text as a file", "file:send", {"id": found.public_id})
        body.append(blocks.actions(whole))
    if may(asker, "editor"):
        press = blocks.button("Edit", f"{SAY}:edit", f"edit {spoken(found.name, found.public_id)}")
        body.append(blocks.actions(press))
    return Reply(
        text=f"The text of {blocks.escape(found.name)}", blocks=blocks.fit(body), shareable=True
    )


async def diagram(desk: Desk, asker: Asker, command: Command) -> Reply:
    """The campaign's graph as a picture, with how many came to each step."""
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
        numbers = await inspect.stats(tx, asker.workspace_id, found.id)
    picture = await asyncio.to_thread(pictures.drawn, found.plan, _counts(numbers))
    text = f"*{blocks.escape(found.name)}* · version {found.version}, {found.state}"
    small = "The numbers are the contacts that came to a step."
    return Reply(
        text=f"A picture of {blocks.escape(found.name)}",
        blocks=(blocks.section(text), blocks.context(small)),
        picture=picture,
        alt=f"{found.name}: {await asyncio.to_thread(meaning_of, found.source)}",
        shareable=True,
    )


def _counts(numbers: Stats) -> dict[int, int] | None:
    """How many came to each step; None before anybody did."""
    if not numbers.enrollments:
        return None
    return {step.step: sum(step.outcomes.values()) for step in numbers.steps if not step.gone}


HANDLERS: Final[dict[str, Handler]] = {"show": show, "source": source, "diagram": diagram}
