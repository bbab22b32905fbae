"""Declining: a second person's no to what somebody asked for, with the reason, told to them.

Whoever may approve declines by the button, in whose window the reason is typed, or by the verb;
whoever asked takes it back by the verb. What that means is decided by the use case. Imports the use
cases, `approving`'s people, `posting` and the desk's values.
"""

import json
from datetime import datetime
from typing import Any, Final

from headless.campaigns import approvals, declining, publish
from headless.campaigns.approvals import Approval
from headless.campaigns.publish import Campaign
from headless.problems import Problem
from headless.slack.desk import finding
from headless.slack.desk.acting import must_be, note, signer
from headless.slack.desk.desk import Desk, Doing, Handler
from headless.slack.flows import views
from headless.slack.flows.approving import everybody
from headless.slack.flows.running import who
from headless.slack.kit import blocks
from headless.slack.kit.reply import Reply
from headless.slack.outgoing import posting
from headless.slack.people.asker import Asker
from headless.slack.tasks import Task
from headless.slack.verbs.parse import Command
from headless.storage.database import Transaction


async def decline(desk: Desk, asker: Asker, command: Command) -> Reply:
    """Say no to what waits in a campaign."""
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
        asked = await approvals.listing(tx, asker.workspace_id, found.id)
        waiting = [one for one in asked if one.waits]
        if not waiting:
            return Reply(text=f"Nothing waits for an approval in {blocks.quoted(found.name)}.")
        reason = command.options.get("reason")
        given = await _decline(tx, asker, found, waiting[0].plan, reason, desk.clock.now())
    if given.declined_by == given.asked_by:
        return Reply(text=f"You have taken it back: {blocks.quoted(found.name)} does not start.")
    return Reply(text=_done(found))


async def open_decline(desk: Desk, task: Task) -> Reply:
    """Ask why not."""
    must_be(task.asker, "approver")
    clicked = json.loads(task.value)
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, task.asker.workspace_id, clicked["id"])
    return Reply(text="Why not?", view=views.decline_modal(found, clicked["plan"]))


async def declined(desk: Desk, asker: Asker, view: dict[str, Any]) -> dict[str, Any] | None:
    """Take the no, with its reason."""
    must_be(asker, "approver")
    typed = view["state"]["values"]["reason"]["reason"].get("value")
    meta = json.loads(view["private_metadata"])
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, asker.workspace_id, meta["id"], lock=True)
        await _decline(tx, asker, found, meta["plan"], typed, desk.clock.now())
    return {"response_action": "update", "view": views.notice("Declined", _done(found))}


def _done(found: Campaign) -> str:
    return f"Declined {blocks.quoted(found.name)}. Whoever asked is told."


async def _decline(
    tx: Transaction,
    asker: Asker,
    found: Campaign,
    plan: str,
    reason: str | None,
    now: datetime,
) -> Approval:
    given = await declining.decline(
        tx,
        asker.workspace_id,
        found.id,
        plan=plan,
        reason=reason,
        by=await signer(tx, asker),
        now=now,
    )
    detail = {"plan": given.plan, **({"reason": given.reason} if given.reason else {})}
    await note(tx, asker, "decline_campaign", found.public_id, detail, now=now)
    await tell_asker(tx, asker.workspace_id, found.id, given, now=now)
    return given


async def tell_asker(
    tx: Transaction, workspace_id: int, campaign_id: int, given: Approval, *, now: datetime
) -> None:
    """Tell who asked that it was declined, where they are in Slack, once; not who took it back."""
    if given.declined_by is None or given.declined_at is None:
        raise Problem("wrong_state", "nobody has declined it")
    if given.declined_by == given.asked_by:
        return
    found = await publish.find(tx, workspace_id, campaign_id)
    for one in await everybody(tx, workspace_id):
        if one.actor != given.asked_by:
            continue
        by = await who(tx, workspace_id, one.team_id, given.declined_by)
        text = f"{by} declined {blocks.quoted(found.name)}"
        text += f": {blocks.escape(given.reason)}" if given.reason else "."
        said = [blocks.section(text)]
        if found.state == "draft":
            mine = views.value(found)
            edit = blocks.button("Edit", "edit:open", mine, style="primary")
            said.append(blocks.actions(edit, blocks.button("Ask again…", "start:open", mine)))
        at = int(given.declined_at.timestamp())
        await posting.post(
            tx,
            workspace_id,
            one.team_id,
            one.user_id,
            text=text,
            blocks=said,
            key=f"declined:{given.id}:{at}:{one.team_id}:{one.user_id}",
            now=now,
        )


HANDLERS: Final[dict[str, Handler]] = {"decline": decline}
CLICKS: Final[dict[str, Doing]] = {"decline:open": open_decline}
