"""Trying a campaign on oneself: a day takes a minute, and nothing of it is counted.

The campaign is run on a clock that jumps, with one made-up contact who does nothing. What happens
is then told in a thread, at the same pace, with what would have followed for somebody who does
something. The emails go to the asker as tests. No run, no points and no numbers come of it. Imports
`simulation`, test sends and `tasks`.
"""

import json
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import func, select

from headless.campaigns import publish
from headless.campaigns.publish import Campaign
from headless.channels import previews
from headless.content import emails
from headless.dsl.plan import Plan, When
from headless.problems import Problem
from headless.simulation import outcome
from headless.simulation.outcome import Line
from headless.simulation.prepare import prepare
from headless.simulation.rehearsal import rehearse
from headless.slack import tasks
from headless.slack.desk import finding
from headless.slack.desk.acting import must_be, note
from headless.slack.desk.desk import Desk, Doing, Handler
from headless.slack.flows import views
from headless.slack.kit import blocks
from headless.slack.kit.reply import Reply
from headless.slack.outgoing import posting
from headless.slack.people import accounts
from headless.slack.people.asker import Asker
from headless.slack.tasks import Task
from headless.slack.verbs.parse import Command
from headless.storage.codes import Outcome, word
from headless.storage.database import Transaction
from headless.storage.tables import contact

_LONGEST: Final = "90d"
_FASTER: Final = 24 * 60
_MOST: Final = 60


async def try_out(desk: Desk, asker: Asker, command: Command) -> Reply:
    """Run a campaign on the asker."""
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
    return await _begin(desk, asker, found, str(desk.clock.now().timestamp()))


async def try_click(desk: Desk, task: Task) -> Reply:
    """The same by a button."""
    must_be(task.asker, "editor")
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, task.asker.workspace_id, json.loads(task.value)["id"])
    return await _begin(desk, task.asker, found, f"{task.id}")


async def _begin(desk: Desk, asker: Asker, found: Campaign, once: str) -> Reply:
    lines = await _path(desk, found)
    now = desk.clock.now()
    key = f"try:{asker.user_id}:{found.id}:{once}"
    first = lines[0].at
    async with desk.database.transaction() as tx:
        address = await accounts.address(tx, asker)
        text = (
            f"Trying {blocks.quoted(found.name)} on you: a day takes a minute. Nothing is counted, "
            "and I play a contact who answers nothing."
        )
        await posting.post(
            tx, asker.workspace_id, asker.team_id, asker.user_id, text=text, key=key, now=now
        )
        alone = msgspec.structs.replace(asker, channel_id=None, thread_ts=None)
        for place, line in enumerate(lines):
            step: dict[str, Any] = {
                "of": key,
                "place": place,
                "after": views.many((line.at - first).days, "day", "days"),
                "step": blocks.cut(line.step, 500),
                "outcome": line.outcome,
                "reason": line.reason and blocks.cut(line.reason, 300),
                "missed": _missed(found.plan, line),
                "to": address,
            }
            task = Task(kind="action", asker=alone, name="try:step", value=json.dumps(step), at=now)
            due = now + (line.at - first) / _FASTER
            await tasks.store(tx, task, key=f"{key}:{place}", due=due)
        await note(tx, asker, "try_campaign", found.public_id, now=now)
    length = lines[-1].at - first
    told = (
        f"Trying {blocks.quoted(found.name)} on you: {views.many(len(lines), 'step', 'steps')} "
        f"over {_minutes(length / _FASTER)}, in a thread that I have sent you."
    )
    if address is None:
        told += " Slack does not tell me your address, so no test mails are sent."
    return Reply(text=told)


def _minutes(length: timedelta) -> str:
    minutes = round(length.total_seconds() / 60)
    return views.many(minutes, "minute", "minutes") if minutes else "a few seconds"


async def _path(desk: Desk, found: Campaign) -> list[Line]:
    """What happens to one contact who comes in; raises Problem."""
    simulated = await rehearse(desk.database, lambda: prepare(found.source, None, []), _LONGEST)
    taken = [line for line in simulated.journal if line.outcome != outcome.WAITING]
    if not taken:
        raise Problem("wrong_state", f"nobody made up comes into `{found.name}`; `simulate` it")
    who = taken[0].contact
    mine = [line for line in taken if line.contact == who][:_MOST]
    waits = [
        line
        for line in simulated.journal
        if line.outcome == outcome.WAITING and line.contact == who
    ]
    last = mine[-1].at
    return mine + [msgspec.structs.replace(one, at=max(one.at, last)) for one in waits]


def _missed(plan: Plan, line: Line) -> str | None:
    """What would have come next, had the contact done what a `when` waits for; None: no such."""
    if line.outcome not in (word(Outcome.NO), outcome.WAITING):
        return None
    waits = [one for one in plan.steps if isinstance(one, When) and one.text == line.step]
    for one in waits:
        ways = [arm.then for arm in one.arms if arm.then != one.otherwise]
        steps = [plan.steps[way].text for way in ways if way is not None]
        if any(steps):
            return blocks.cut(" or ".join(blocks.quoted(text) for text in steps if text), 500)
    return None


async def step(desk: Desk, task: Task) -> None:
    """One step is told, and its mail sent."""
    told, now = json.loads(task.value), desk.clock.now()
    asker = task.asker
    async with desk.database.transaction() as tx:
        sent = ""
        if told["outcome"] == "sent" and told["to"]:
            sent = await _test(tx, asker, told["step"], told["to"], now)
        reason = f": {blocks.escape(told['reason'])}" if told["reason"] else ""
        text = (
            f"after {told['after']}   {blocks.quoted(told['step'])}   {told['outcome']}{reason}"
            f"{sent}"
        )
        if told["missed"]:
            text += f"\nI did nothing. Whoever does it goes on with {told['missed']}"
        await posting.post(
            tx,
            asker.workspace_id,
            asker.team_id,
            asker.user_id,
            text=text,
            thread_of=told["of"],
            key=f"{told['of']}:{told['place']}",
            now=now,
        )


async def _test(tx: Transaction, asker: Asker, said: str, to: str, now: datetime) -> str:
    """Send the email of a step as a test; a word on it."""
    name = said.removeprefix("send email ").strip().strip('"')
    found = await emails.find(tx, workspace_id=asker.workspace_id, name=name)
    if found is None:
        return ""
    whose = await tx.scalar(
        select(contact.c.id).where(
            contact.c.workspace_id == asker.workspace_id,
            func.lower(contact.c.email) == to.lower(),
        )
    )
    if whose is None:
        return f"\nno test mail: you are no contact here ({blocks.escape(to)})"
    try:
        await previews.send_test(
            tx,
            asker.workspace_id,
            email_id=found.id,
            to=to,
            contact_id=whose,
            values={},
            now=now,
        )
    except Problem as problem:
        return f"\nno test mail: {blocks.escape(problem.detail)}"
    return "\na test is on its way to you"


HANDLERS: Final[dict[str, Handler]] = {"try": try_out}
CLICKS: Final[dict[str, Doing]] = {"try:open": try_click, "try:step": step}
