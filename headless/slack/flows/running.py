"""Running: pause with an undo, resume with a choice, and stop and archive after a look at counts.

A button that was overtaken by somebody else is told by whom and when. Imports the use cases of
campaigns, the audit and the desk's values.
"""

import json
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from headless import ids
from headless.campaigns import archiving, inspect, lifecycle, publish
from headless.campaigns.publish import Campaign
from headless.slack.desk import finding
from headless.slack.desk.acting import must_be, note
from headless.slack.desk.desk import Desk, Doing, Handler
from headless.slack.flows import views
from headless.slack.kit import blocks
from headless.slack.kit.moments import ago
from headless.slack.kit.reply import Reply
from headless.slack.people.asker import Asker
from headless.slack.tasks import Task
from headless.slack.verbs.parse import Command
from headless.storage.database import Transaction
from headless.storage.tables import member, token
from headless.workspace import audit
from headless.workspace.audit import Entry, Sought

ACTS: Final = {
    "running": ("resume_campaign", "start_campaign"),
    "paused": ("pause_campaign",),
    "stopped": ("stop_campaign",),
    "archived": ("archive_campaign",),
}
"""The acts that bring a campaign into a state, by the state."""


# ---------------------------------------------------------------- who did it


async def last_act(tx: Transaction, workspace_id: int, found: Campaign, state: str) -> Entry | None:
    """The newest act that brought a campaign into a state, whoever did it and wherever."""
    newest: Entry | None = None
    for act in ACTS.get(state, ()):
        for subject in (found.public_id, found.name):
            sought = Sought(act=act, subject=subject)
            for entry in await audit.listing(tx, workspace_id, sought, limit=1):
                if newest is None or entry.id > newest.id:
                    newest = entry
    return newest


async def who(tx: Transaction, workspace_id: int, team_id: str, actor: str) -> str:
    """An actor of the audit as a message names them."""
    team, _, user = actor.removeprefix("slack:").partition("/")
    if actor.startswith("slack:"):
        return f"<@{user}>" if team == team_id else "somebody in another Slack"
    member_id = ids.decode("mem", actor)
    if member_id is not None:
        name = await tx.scalar(
            select(member.c.name).where(
                member.c.workspace_id == workspace_id, member.c.id == member_id
            )
        )
        return blocks.escape(name or "a colleague who has left")
    token_id = ids.decode("tok", actor)
    if token_id is not None:
        name = await tx.scalar(
            select(token.c.name).where(token.c.workspace_id == workspace_id, token.c.id == token_id)
        )
        return f"the API (token {blocks.quoted(name or 'gone')})"
    return "Headless itself" if actor == audit.SYSTEM else blocks.escape(actor)


async def told_state(
    tx: Transaction, workspace_id: int, team_id: str, found: Campaign, now: datetime
) -> str:
    """`paused by @ann 2 min ago: wrong price`; without a word on who where nobody noted it."""
    entry = await last_act(tx, workspace_id, found, found.state)
    said = found.state
    since = {
        "running": found.started_at,
        "paused": found.paused_at,
        "stopped": found.stopped_at,
    }.get(found.state)
    if entry is not None:
        said += f" by {await who(tx, workspace_id, team_id, entry.actor)}"
        since = entry.at
    if since is not None:
        said += f" {ago(since, now)}"
    if found.state == "paused" and found.pause_reason:
        said += f": {blocks.escape(found.pause_reason)}"
    return said


async def too_late(tx: Transaction, asker: Asker, found: Campaign, now: datetime) -> Reply:
    """Said to who pressed a button that was overtaken."""
    told = await told_state(tx, asker.workspace_id, asker.team_id, found, now)
    return Reply(text=f"{blocks.quoted(found.name)} is already {told}.")


# ---------------------------------------------------------------- pause and resume


async def pause(desk: Desk, asker: Asker, command: Command) -> Reply:
    """Pause at once; what is typed needs no question, for it can be undone."""
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
    return await _pause(desk, asker, found, command.options.get("reason"))


async def pause_click(desk: Desk, task: Task) -> Reply:
    """The same by a button."""
    must_be(task.asker, "editor")
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, task.asker.workspace_id, json.loads(task.value)["id"])
    return await _pause(desk, task.asker, found, None)


async def _pause(desk: Desk, asker: Asker, found: Campaign, reason: str | None) -> Reply:
    now = desk.clock.now()
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, asker.workspace_id, found.id, lock=True)
        if found.state in ("paused", "stopped", "archived"):
            return await too_late(tx, asker, found, now)
        await lifecycle.pause(tx, asker.workspace_id, found.id, reason=reason, now=now)
        detail = {"reason": reason} if reason else None
        await note(tx, asker, "pause_campaign", found.public_id, detail, now=now)
        numbers = await inspect.stats(tx, asker.workspace_id, found.id)
    inside = numbers.enrollments.get("running", 0)
    text = (
        f"Paused {blocks.quoted(found.name)}. "
        f"{views.many(inside, 'contact keeps', 'contacts keep')} their place."
    )
    undo = blocks.button("Undo", "undo:pause", views.value(found))
    return Reply(text=text, blocks=(blocks.section(text), blocks.actions(undo)))


async def undo(desk: Desk, task: Task) -> Reply:
    """Take a pause back: it goes on as if nothing had been."""
    must_be(task.asker, "editor")
    return await _resume(desk, task.asker, json.loads(task.value)["id"], shifted=False)


async def resume(desk: Desk, asker: Asker, command: Command) -> Reply:
    """Go on; where waits came due meanwhile, ask what becomes of them."""
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
    return await _ask_overdue(desk, asker, found, command.options.get("reason"))


async def resume_click(desk: Desk, task: Task) -> Reply:
    """The same by a button."""
    must_be(task.asker, "editor")
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, task.asker.workspace_id, json.loads(task.value)["id"])
    return await _ask_overdue(desk, task.asker, found)


async def _ask_overdue(
    desk: Desk, asker: Asker, found: Campaign, reason: str | None = None
) -> Reply:
    now = desk.clock.now()
    async with desk.database.transaction() as tx:
        if found.state in ("running", "stopped", "archived"):
            return await too_late(tx, asker, found, now)
        due = await lifecycle.overdue(tx, asker.workspace_id, found.id, now=now)
    if found.state != "paused" or not due:
        return await _resume(desk, asker, found.public_id, shifted=False, reason=reason)
    text = (
        f"{views.many(due, 'wait', 'waits')} of {blocks.quoted(found.name)} came due during the "
        "pause. Shall they run now, or shall everything be later by the length of the pause?"
    )
    mine = views.value(found, **_kept(reason))
    buttons = blocks.actions(
        blocks.button(f"Run the {due:,} now", "resume:run", mine, style="primary"),
        blocks.button("Shift everything", "resume:shift", mine),
    )
    return Reply(text=text, blocks=(blocks.section(text), buttons))


async def resume_run(desk: Desk, task: Task) -> Reply:
    """Overdue waits run now."""
    must_be(task.asker, "editor")
    return await _chosen(desk, task, shifted=False)


async def resume_shift(desk: Desk, task: Task) -> Reply:
    """Everything is later by the pause."""
    must_be(task.asker, "editor")
    return await _chosen(desk, task, shifted=True)


async def _chosen(desk: Desk, task: Task, *, shifted: bool) -> Reply:
    clicked = json.loads(task.value)
    return await _resume(
        desk, task.asker, clicked["id"], shifted=shifted, reason=clicked.get("reason")
    )


def _kept(reason: str | None) -> dict[str, Any]:
    """A reason as a button carries it."""
    return {"reason": blocks.cut(reason, 300)} if reason else {}


async def _resume(
    desk: Desk, asker: Asker, number: str, *, shifted: bool, reason: str | None = None
) -> Reply:
    now = desk.clock.now()
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, asker.workspace_id, number, lock=True)
        if found.state in ("running", "stopped", "archived"):
            return await too_late(tx, asker, found, now)
        went = await lifecycle.resume(tx, asker.workspace_id, found.id, shifted=shifted, now=now)
        detail = {"overdue": "shift" if shifted else "run", **_kept(reason)}
        await note(tx, asker, "resume_campaign", found.public_id, detail, now=now)
    text = f"{blocks.quoted(found.name)} goes on."
    if went.overdue:
        later = "are later by the pause" if shifted else "run now"
        text += f" {views.many(went.overdue, 'wait', 'waits')} {later}."
    return Reply(text=text)


# ---------------------------------------------------------------- stop and archive


async def stop(desk: Desk, asker: Asker, command: Command) -> Reply:
    """Ask, with what is lost by it."""
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
    return await _ask_stop(desk, asker, found, command.options.get("reason"))


async def stop_click(desk: Desk, task: Task) -> Reply:
    """The same from a button."""
    must_be(task.asker, "editor")
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, task.asker.workspace_id, json.loads(task.value)["id"])
    return await _ask_stop(desk, task.asker, found, None)


async def _ask_stop(desk: Desk, asker: Asker, found: Campaign, reason: str | None) -> Reply:
    now = desk.clock.now()
    async with desk.database.transaction() as tx:
        if found.state in ("stopped", "archived"):
            return await too_late(tx, asker, found, now)
        numbers = await inspect.stats(tx, asker.workspace_id, found.id)
    inside = numbers.enrollments.get("running", 0)
    waiting = numbers.messages.get("pending", 0)
    text = (
        f"Stop {blocks.quoted(found.name)} for good?\n"
        f"• {views.many(inside, 'contact is', 'contacts are')} in it, and their way ends here\n"
        f"• {views.many(waiting, 'message waits', 'messages wait')} and will never be sent"
    )
    mine = views.value(found, **_kept(reason))
    button = blocks.button("Stop for good", "stop:now", mine, style="danger")
    keep = blocks.button("Pause instead", "pause", views.value(found))
    buttons = (button, keep) if found.state == "running" else (button,)
    return Reply(text=text, blocks=(blocks.section(text), blocks.actions(*buttons)))


async def stop_now(desk: Desk, task: Task) -> Reply:
    """It was confirmed."""
    must_be(task.asker, "editor")
    clicked: dict[str, Any] = json.loads(task.value)
    asker, now = task.asker, desk.clock.now()
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, asker.workspace_id, clicked["id"], lock=True)
        if found.state in ("stopped", "archived"):
            return await too_late(tx, asker, found, now)
        await lifecycle.stop(tx, asker.workspace_id, found.id, now=now)
        reason = clicked.get("reason")
        detail = {"reason": reason} if reason else None
        await note(tx, asker, "stop_campaign", found.public_id, detail, now=now)
    return Reply(text=f"Stopped {blocks.quoted(found.name)}. Its numbers stay.")


async def archive(desk: Desk, asker: Asker, command: Command) -> Reply:
    """Put a stopped campaign away."""
    async with desk.database.transaction() as tx:
        found = await finding.campaign(tx, asker, command)
    return await _archive(desk, asker, found.public_id, command.options.get("reason"))


async def archive_click(desk: Desk, task: Task) -> Reply:
    """The same by a button."""
    must_be(task.asker, "editor")
    return await _archive(desk, task.asker, json.loads(task.value)["id"])


async def _archive(desk: Desk, asker: Asker, number: str, reason: str | None = None) -> Reply:
    now = desk.clock.now()
    async with desk.database.transaction() as tx:
        found = await publish.find(tx, asker.workspace_id, number)
        if found.state == "archived":
            return await too_late(tx, asker, found, now)
        await archiving.archive(tx, asker.workspace_id, found.id, now=now)
        await note(tx, asker, "archive_campaign", found.public_id, _kept(reason), now=now)
    return Reply(text=f"Archived {blocks.quoted(found.name)}.")


HANDLERS: Final[dict[str, Handler]] = {
    "pause": pause,
    "resume": resume,
    "stop": stop,
    "archive": archive,
}
CLICKS: Final[dict[str, Doing]] = {
    "pause": pause_click,
    "undo:pause": undo,
    "resume:open": resume_click,
    "resume:run": resume_run,
    "resume:shift": resume_shift,
    "stop:open": stop_click,
    "stop:now": stop_now,
    "archive": archive_click,
}
