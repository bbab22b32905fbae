"""Starting: the plan is shown, somebody agrees to it, and above a threshold somebody else too.

A start that needs a second person is asked for with a message to everybody who may approve; whose
word it is, is decided by `approvals`. Imports the use cases, the cards and the desk's values.
"""

import json
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from headless.campaigns import approvals, lifecycle, publish
from headless.campaigns.approvals import Approval, Signer
from headless.campaigns.lifecycle import StartPlan
from headless.campaigns.publish import Campaign
from headless.problems import Problem
from headless.slack import blocks, finding, posting
from headless.slack.desk import Desk, Doing, Handler
from headless.slack.flows import cards, views
from headless.slack.flows.acting import must_be, note, signer
from headless.slack.flows.drafting import sentence
from headless.slack.flows.running import too_late
from headless.slack.parse import Command
from headless.slack.people import Asker
from headless.slack.reply import Reply
from headless.slack.tasks import Task
from headless.storage.database import Transaction
from headless.storage.tables import slack_account

Answer = dict[str, Any] | None


async def start(desk: Desk, asker: Asker, command: Command) -> Reply:
    """The plan of a start, with the button that agrees to it."""
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
        return await _asked(tx, asker, found, asker.channel_id, desk.clock.now())


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
    tx: Transaction, asker: Asker, found: Campaign, where: str | None, now: datetime
) -> Reply:
    if found.state != "draft":
        return await too_late(tx, asker, found, now)
    checked = await publish.check(tx, asker.workspace_id, found.source)
    if not checked.ok:
        raise publish.faulty(checked)
    plan = await lifecycle.plan_start(tx, asker.workspace_id, found.id, now=now)
    others = await _others(tx, asker, found, plan)
    view = views.start_modal(found, plan, sentence(found.source), others, where)
    lines = "\n".join(f"• {line}" for line in views.start_lines(plan))
    text = f"Start {blocks.quoted(found.name)}?\n{lines}"
    mine = views.value(found, plan=plan.hash, people=plan.enter_now, channel=where)
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
        await note(tx, asker, "start_campaign", found.public_id, {"plan": meta["plan"]}, now=now)
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


# ---------------------------------------------------------------- a second person


async def asked(desk: Desk, asker: Asker, view: dict[str, Any]) -> Answer:
    """The window that needs an approver was submitted: ask them."""
    must_be(asker, "editor")
    told = await _ask(desk, asker, json.loads(view["private_metadata"]))
    return {"response_action": "update", "view": views.notice("Asked", told)}


async def ask(desk: Desk, task: Task) -> Reply:
    """The same by a button."""
    must_be(task.asker, "editor")
    return Reply(text=await _ask(desk, task.asker, json.loads(task.value)))


async def _ask(desk: Desk, asker: Asker, meta: dict[str, Any]) -> str:
    now = desk.clock.now()
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, asker.workspace_id, meta["id"])
        if found.state != "draft" or found.hash != meta["plan"]:
            raise Problem("plan_drifted", "the campaign has changed; look at its plan again")
        by = await signer(tx, asker)
        held = await approvals.ask(
            tx,
            asker.workspace_id,
            found.id,
            plan=meta["plan"],
            contacts=meta["people"],
            by=by,
            now=now,
        )
        await note(tx, asker, "ask_approval", found.public_id, {"plan": meta["plan"]}, now=now)
        reached = await _tell_approvers(desk, tx, asker, found, held, by, meta, now)
    if not reached:
        return "It is noted. Nobody who can approve is in this Slack; the API takes their word too."
    return f"Asked {', '.join(reached)}. It starts as soon as one of them approves."


async def _tell_approvers(
    desk: Desk,
    tx: Transaction,
    asker: Asker,
    found: Campaign,
    held: Approval,
    by: Signer,
    meta: dict[str, Any],
    now: datetime,
) -> list[str]:
    """A message to everybody who may approve, once for what was asked; who was told."""
    rows = await tx.execute(
        select(slack_account.c.user_id, slack_account.c.member_id).where(
            slack_account.c.workspace_id == asker.workspace_id,
            slack_account.c.team_id == asker.team_id,
            slack_account.c.role.in_(("approver", "admin")),
        )
    )
    told: list[str] = []
    for row in rows.all():
        other = Asker(
            asker.workspace_id, asker.team_id, row.user_id, row.user_id, "approver", asker.zone
        )
        if (await signer(tx, other)).actor == by.actor:
            continue
        said = views.request(
            found,
            asker.mention,
            held.contacts,
            sentence(found.source),
            plan=held.plan,
            channel=meta.get("channel"),
            asker=asker.user_id,
        )
        await posting.post(
            tx,
            asker.workspace_id,
            asker.team_id,
            row.user_id,
            text=f"{asker.mention} asks you to approve {blocks.quoted(found.name)}",
            blocks=said,
            key=f"approve:{held.id}:{int(held.asked_at.timestamp())}:{row.user_id}",
            now=now,
        )
        told.append(f"<@{row.user_id}>")
    return told


async def approve(desk: Desk, asker: Asker, command: Command) -> Reply:
    """What waits for a second word in a campaign, with the button that gives it."""
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
        waiting = [
            one
            for one in await approvals.listing(tx, asker.workspace_id, found.id)
            if one.approved_by is None
        ]
    if not waiting:
        return Reply(text=f"Nothing waits for an approval in {blocks.quoted(found.name)}.")
    newest = waiting[0]
    said = views.request(
        found,
        blocks.escape(newest.asked_name),
        newest.contacts,
        sentence(found.source),
        plan=newest.plan,
        channel=asker.channel_id,
        asker=_slack_user(newest.asked_by, asker),
    )
    return Reply(text=f"{blocks.quoted(found.name)} waits for your word.", blocks=tuple(said))


def _slack_user(actor: str, asker: Asker) -> str | None:
    team, _, user = actor.removeprefix("slack:").partition("/")
    return user if actor.startswith("slack:") and team == asker.team_id else None


async def approved(desk: Desk, task: Task) -> Reply:
    """Give the word, and start what was asked for."""
    asker, clicked, now = task.asker, json.loads(task.value), desk.clock.now()
    must_be(asker, "approver")
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, asker.workspace_id, clicked["id"], lock=True)
        if found.state != "draft":
            return await too_late(tx, asker, found, now)
        given = await approvals.approve(
            tx,
            asker.workspace_id,
            found.id,
            plan=clicked["plan"],
            by=await signer(tx, asker),
            now=now,
        )
        await note(tx, asker, "approve_campaign", found.public_id, {"plan": given.plan}, now=now)
        await lifecycle.start(
            tx,
            asker.workspace_id,
            found.id,
            plan=given.plan,
            by=Signer(given.asked_by, given.asked_name),
            now=now,
        )
        await note(tx, asker, "start_campaign", found.public_id, {"plan": given.plan}, now=now)
        where = clicked.get("channel") or clicked.get("asker") or asker.user_id
        await cards.watch(tx, asker, found.id, where, now=now, quiet=True)
        if clicked.get("asker"):
            await posting.post(
                tx,
                asker.workspace_id,
                asker.team_id,
                clicked["asker"],
                text=f"{asker.mention} approved {blocks.quoted(found.name)}: it runs.",
                key=f"approved:{given.id}:{int(now.timestamp())}",
                now=now,
            )
    return Reply(text=f"Approved and started {blocks.quoted(found.name)}.")


HANDLERS: Final[dict[str, Handler]] = {"start": start, "approve": approve}
CLICKS: Final[dict[str, Doing]] = {
    "start:open": open_start,
    "start:now": start_now,
    "ask": ask,
    "approve": approved,
}
