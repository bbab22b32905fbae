"""Approving: a second person's word on what concerns many, asked for and given.

Whoever may approve gets a message with a button, wherever it was asked for; whoever asked hears of
the word, wherever it was given. Whose word counts is decided by `approvals`. Imports the use cases,
the cards, `posting` and the desk's values.
"""

import json
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import and_, select

from headless import ids
from headless.campaigns import approvals, lifecycle, publish
from headless.campaigns.approvals import Approval, Signer
from headless.campaigns.publish import Campaign
from headless.problems import Problem
from headless.slack.desk import finding
from headless.slack.desk.acting import must_be, note, signer
from headless.slack.desk.desk import Desk, Doing, Handler
from headless.slack.flows import cards, views
from headless.slack.flows.drafting import sentence
from headless.slack.flows.running import too_late, who
from headless.slack.kit import blocks
from headless.slack.kit.reply import Reply
from headless.slack.outgoing import posting
from headless.slack.people.asker import Asker
from headless.slack.tasks import Task
from headless.slack.verbs.parse import Command
from headless.storage.database import Transaction
from headless.storage.tables import member, slack_account, slack_installation

Answer = dict[str, Any] | None
_APPROVING: Final = ("approver", "admin")


class Person(msgspec.Struct, frozen=True):
    """A Slack account and who it is; `approves` by its role in Slack."""

    team_id: str
    user_id: str
    actor: str
    approves: bool


# ---------------------------------------------------------------- asking


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
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, asker.workspace_id, meta["id"])
        if found.state != "draft" or found.hash != meta["plan"]:
            raise Problem("plan_drifted", "the campaign has changed; look at its plan again")
        reached = await _noted(desk, tx, asker, found, meta)
    if not reached:
        return "It is noted. Nobody who can approve is in this Slack; the API takes their word too."
    return f"Asked {', '.join(reached)}. It starts as soon as one of them approves."


async def ask_for_version(
    desk: Desk, asker: Asker, found: Campaign, text: str, problem: Problem
) -> str:
    """Ask about a new text that `approval_required` refused; what to say to the asker."""
    meta = {
        "plan": problem.extra["plan"],
        "people": problem.extra["contacts"],
        "told": sentence(text),
    }
    async with desk.database.transaction() as tx:
        reached = await _noted(desk, tx, asker, found, meta)
    whom = f"I have asked {', '.join(reached)}" if reached else "It is noted that you ask"
    return (
        f"This concerns {views.many(meta['people'], 'contact', 'contacts')}, so somebody else must "
        f"agree. {whom}. You will hear of it; apply the same text once more then."
    )


async def _noted(
    desk: Desk, tx: Transaction, asker: Asker, found: Campaign, meta: dict[str, Any]
) -> list[str]:
    now = desk.clock.now()
    held = await approvals.ask(
        tx,
        asker.workspace_id,
        found.id,
        plan=meta["plan"],
        contacts=meta["people"],
        by=await signer(tx, asker),
        again=True,
        now=now,
    )
    await note(tx, asker, "ask_approval", found.public_id, {"plan": meta["plan"]}, now=now)
    told = await tell_approvers(
        tx,
        asker.workspace_id,
        found.id,
        held,
        told=meta.get("told"),
        channel=meta.get("channel"),
        now=now,
    )
    return [f"<@{one.user_id}>" for one in told if one.team_id == asker.team_id]


async def tell_approvers(
    tx: Transaction,
    workspace_id: int,
    campaign_id: int,
    held: Approval,
    *,
    told: str | None = None,
    channel: str | None = None,
    now: datetime,
) -> list[Person]:
    """A message to everybody who may approve but who asked, once for what was asked; who they are.

    `told` is what it does, unless it is the text that is stored. `channel` is where the campaign's
    card goes when it starts.
    """
    found = await publish.find(tx, workspace_id, campaign_id)
    if told is None and found.state == "draft":
        told = sentence(found.source)
    able = [
        one for one in await everybody(tx, workspace_id)
        if one.approves and one.actor != held.asked_by
    ]  # fmt: skip
    for one in able:
        by = await who(tx, workspace_id, one.team_id, held.asked_by)
        said = views.request(found, by, held.contacts, told, plan=held.plan, channel=channel)
        await posting.post(
            tx,
            workspace_id,
            one.team_id,
            one.user_id,
            text=f"{by} asks you to approve {blocks.quoted(found.name)}",
            blocks=said,
            key=f"approve:{held.id}:{int(held.asked_at.timestamp())}:{one.team_id}:{one.user_id}",
            now=now,
        )
    return able


# ---------------------------------------------------------------- agreeing


async def approve(desk: Desk, asker: Asker, command: Command) -> Reply:
    """What waits for a second word in a campaign, with the button that gives it."""
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
        waiting = [
            one for one in await approvals.listing(tx, asker.workspace_id, found.id) if one.waits
        ]
        if not waiting:
            return Reply(text=f"Nothing waits for an approval in {blocks.quoted(found.name)}.")
        newest = waiting[0]
        by = await who(tx, asker.workspace_id, asker.team_id, newest.asked_by)
    told = sentence(found.source) if found.state == "draft" else None
    said = views.request(
        found, by, newest.contacts, told, plan=newest.plan, channel=asker.channel_id
    )
    return Reply(text=f"{blocks.quoted(found.name)} waits for your word.", blocks=tuple(said))


async def approved(desk: Desk, task: Task) -> Reply:
    """Give the word; a draft starts by it, a new version can be applied then."""
    asker, clicked, now = task.asker, json.loads(task.value), desk.clock.now()
    must_be(asker, "approver")
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, asker.workspace_id, clicked["id"], lock=True)
        starts = found.state == "draft"
        if not starts and not await _waits(tx, asker.workspace_id, found, clicked["plan"]):
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
        if starts:
            await _start(tx, asker, found, given, clicked.get("channel"), now)
        await tell_asker(tx, asker.workspace_id, found.id, given, now=now)
    done = "Approved and started" if starts else "Approved the new version of"
    return Reply(text=f"{done} {blocks.quoted(found.name)}.")


async def _waits(tx: Transaction, workspace_id: int, found: Campaign, plan: str) -> bool:
    """Whether a new version of what runs waits for a word; a start that was asked about is over."""
    held = await approvals.find_approval(tx, workspace_id, found.id, plan)
    return held is not None and held.approved_by is None and plan != found.hash


async def _start(
    tx: Transaction,
    asker: Asker,
    found: Campaign,
    given: Approval,
    channel: str | None,
    now: datetime,
) -> None:
    await lifecycle.start(
        tx,
        asker.workspace_id,
        found.id,
        plan=given.plan,
        by=Signer(given.asked_by, given.asked_name),
        now=now,
    )
    await note(tx, asker, "start_campaign", found.public_id, {"plan": given.plan}, now=now)
    mine = [
        one.user_id
        for one in await everybody(tx, asker.workspace_id)
        if one.team_id == asker.team_id and one.actor == given.asked_by
    ]
    where = channel or (mine[0] if mine else asker.user_id)
    await cards.watch(tx, asker, found.id, where, now=now, quiet=True)


async def tell_asker(
    tx: Transaction, workspace_id: int, campaign_id: int, given: Approval, *, now: datetime
) -> None:
    """Tell who asked for a word that it was given, where they are in Slack; a second time not."""
    if given.approved_by is None or given.approved_at is None:
        raise ValueError("nobody has given their word")
    found = await publish.find(tx, workspace_id, campaign_id)
    for one in await everybody(tx, workspace_id):
        if one.actor != given.asked_by:
            continue
        by = await who(tx, workspace_id, one.team_id, given.approved_by)
        text = f"{by} approved {blocks.quoted(found.name)}"
        said = []
        if found.state == "draft":
            start = blocks.button("Start…", "start:open", views.value(found), style="primary")
            text += ": you can start it."
            said = [blocks.section(text), blocks.actions(start)]
        elif given.plan == found.hash:
            text += ": it runs."
        else:
            text += ": apply your new text once more, and it goes through."
        await posting.post(
            tx,
            workspace_id,
            one.team_id,
            one.user_id,
            text=text,
            blocks=said,
            key=f"approved:{given.id}:{int(given.approved_at.timestamp())}:"
            f"{one.team_id}:{one.user_id}",
            now=now,
        )


async def everybody(tx: Transaction, workspace_id: int) -> list[Person]:
    """Everybody in Slack who has an account here, in teams that still have the app."""
    a, i, m = slack_account.c, slack_installation.c, member.c
    rows = await tx.execute(
        select(a.team_id, a.user_id, a.role, m.id.label("member"))
        .join(slack_installation, and_(i.workspace_id == a.workspace_id, i.team_id == a.team_id))
        .outerjoin(
            member, and_(m.workspace_id == a.workspace_id, m.id == a.member_id, m.left_at.is_(None))
        )
        .where(a.workspace_id == workspace_id, i.state == "active")
        .order_by(a.team_id, a.user_id)
    )
    return [
        Person(
            row.team_id,
            row.user_id,
            f"slack:{row.team_id}/{row.user_id}"
            if row.member is None
            else ids.encode("mem", row.member),
            row.role in _APPROVING,
        )
        for row in rows
    ]


HANDLERS: Final[dict[str, Handler]] = {"approve": approve}
CLICKS: Final[dict[str, Doing]] = {"ask": ask, "approve": approved}
