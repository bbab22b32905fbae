"""Starting: the plan is shown, and somebody agrees to it.

Above a workspace's threshold somebody else must agree too: `approving`. Imports the use cases, the
cards and the desk's values.
"""

import json
from datetime import datetime
from typing import Any, Final

from headless.campaigns import approvals, lifecycle, publish
from headless.campaigns.approvals import Signer
from headless.campaigns.lifecycle import StartPlan
from headless.campaigns.publish import Campaign
from headless.problems import Problem
from headless.slack.desk import finding
from headless.slack.desk.acting import must_be, note, signer
from headless.slack.desk.desk import Desk, Doing, Handler
from headless.slack.flows import cards, views
from headless.slack.flows.drafting import sentence
from headless.slack.flows.running import too_late
from headless.slack.kit import blocks
from headless.slack.kit.reply import Reply
from headless.slack.people.asker import Asker
from headless.slack.tasks import Task
from headless.slack.verbs.parse import Command
from headless.storage.database import Transaction

Answer = dict[str, Any] | None


async def start(desk: Desk, asker: Asker, command: Command) -> Reply:
    """The plan of a start, with the button that agrees to it."""
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
        reason = command.options.get("reason")
        return await _asked(tx, asker, found, asker.channel_id, desk.clock.now(), reason)


async def open_start(desk: Desk, task: Task) -> Reply:
    """The same, from a button; a stale one is told what has happened."""
    must_be(task.asker, "editor")
    clicked = json.loads(task.value)
    now = desk.clock.now()
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, task.asker.workspace_id, clicked["id"])
        if found.state != "draft":
            return await too_late(tx, task.asker, found, now)
        return await _asked(tx, task.asker, found, task.asker.channel_id, now)


async def _asked(
    tx: Transaction,
    asker: Asker,
    found: Campaign,
    where: str | None,
    now: datetime,
    reason: str | None = None,
) -> Reply:
    if found.state != "draft":
        return await too_late(tx, asker, found, now)
    checked = await publish.check(tx, asker.workspace_id, found.source)
    if not checked.ok:
        raise publish.faulty(checked)
    plan = await lifecycle.plan_start(tx, asker.workspace_id, found.id, now=now)
    others = await _others(tx, asker, found, plan)
    more = {"channel": where, **({"reason": blocks.cut(reason, 300)} if reason else {})}
    view = views.start_modal(found, plan, sentence(found.source), others, **more)
    lines = "\n".join(f"• {line}" for line in views.start_lines(plan))
    text = f"Start {blocks.quoted(found.name)}?\n{lines}"
    mine = views.value(found, plan=plan.hash, people=plan.enter_now, **more)
    if others is None:
        button = blocks.button("Start", "start:now", mine, style="primary")
    else:
        text += f"\n{views.needs_approver(plan.enter_now, others)}"
        button = blocks.button("Ask them", "ask", mine, style="primary")
    said = [blocks.section(text)]
    if others is None or others:
        said.append(blocks.actions(button))
    return Reply(text=text, blocks=tuple(said), view=view)


async def _others(
    tx: Transaction, asker: Asker, found: Campaign, plan: StartPlan
) -> list[str] | None:
    """Who could approve, as Slack shows them; None where nobody has to."""
    by = await signer(tx, asker)
    needed = await approvals.is_needed(
        tx,
        asker.workspace_id,
        found.id,
        plan=plan.hash,
        contacts=plan.enter_now,
        by=by,
    )
    if not needed:
        return None
    able = await approvals.approvers(tx, asker.workspace_id)
    return [_mention(asker, one) for one in able if one.actor != by.actor]


def _mention(asker: Asker, one: Signer) -> str:
    """Who it is: as a mention where they are a person of this team."""
    team, _, user = one.actor.removeprefix("slack:").partition("/")
    if one.actor.startswith("slack:") and team == asker.team_id:
        return f"<@{user}>"
    return blocks.escape(one.name)


# ---------------------------------------------------------------- agreeing to the plan


async def confirmed(desk: Desk, asker: Asker, view: dict[str, Any]) -> Answer:
    """The window with the plan was submitted."""
    must_be(asker, "editor")
    meta = json.loads(view["private_metadata"])
    try:
        await _start(desk, asker, meta)
    except Problem as problem:
        return {"response_action": "update", "view": await _refused(desk, asker, meta, problem)}
    return None


async def start_now(desk: Desk, task: Task) -> Reply:
    """The button under the plan was pressed, where no window could be opened."""
    must_be(task.asker, "editor")
    meta = json.loads(task.value)
    try:
        found = await _start(desk, task.asker, meta)
    except Problem as problem:
        if problem.code not in ("approval_required", "plan_drifted"):
            raise
        async with desk.database.transaction() as tx:
            again = await publish.find(tx, task.asker.workspace_id, meta["id"])
            return await _asked(tx, task.asker, again, meta["channel"], desk.clock.now())
    return Reply(text=f"Started {blocks.quoted(found.name)}.")


async def _start(desk: Desk, asker: Asker, meta: dict[str, Any]) -> Campaign:
    now = desk.clock.now()
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, asker.workspace_id, meta["id"])
        started = await lifecycle.start(
            tx,
            asker.workspace_id,
            found.id,
            plan=meta["plan"],
            by=await signer(tx, asker),
            now=now,
        )
        detail: dict[str, Any] = {key: meta[key] for key in ("plan", "reason") if key in meta}
        await note(tx, asker, "start_campaign", found.public_id, detail, now=now)
        await cards.watch(
            tx, asker, found.id, meta.get("channel") or asker.user_id, now=now, quiet=True
        )
    return started


async def _refused(
    desk: Desk, asker: Asker, meta: dict[str, Any], problem: Problem
) -> dict[str, Any]:
    """What the window says when the start was refused."""
    if problem.code in ("approval_required", "plan_drifted"):
        async with desk.database.transaction() as tx:
            found = await publish.find(tx, asker.workspace_id, meta["id"])
            reply = await _asked(tx, asker, found, meta.get("channel"), desk.clock.now())
        if reply.view is not None:
            return reply.view
    said = blocks.escape(problem.detail)
    return views.notice("Not started", f"{said[:1].upper()}{said[1:]}.")


HANDLERS: Final[dict[str, Handler]] = {"start": start}
CLICKS: Final[dict[str, Doing]] = {
    "start:open": open_start,
    "start:now": start_now,
}
