"""The red button: hold all sending, tell every channel that watches something, and let it go again.

Imports the workspace's holds, `posting` and the desk's values.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import Select, func, literal_column, select, update

from headless.slack import blocks, posting
from headless.slack.desk import Desk, Doing, Handler
from headless.slack.flows import views
from headless.slack.flows.acting import must_be, note
from headless.slack.flows.running import who
from headless.slack.parse import Command
from headless.slack.people import Asker
from headless.slack.reply import Block, Reply
from headless.slack.tasks import Task
from headless.storage.codes import MessageState
from headless.storage.database import Transaction
from headless.storage.tables import message, slack_card, slack_watch
from headless.workspace import hold
from headless.workspace.hold import WORKSPACE, Hold


async def hold_all(desk: Desk, asker: Asker, command: Command) -> Reply:
    """Stop all hand-over at once; everything else goes on."""
    now = desk.clock.now()
    reason = command.options.get("reason") or f"held in Slack by {asker.name}"
    async with desk.database.transaction() as tx:
        new = await hold.hold(
            tx,
            asker.workspace_id,
            scope=WORKSPACE,
            on=True,
            reason=reason,
            actor=asker.actor,
            now=now,
        )
        standing = next(
            one for one in await hold.holds(tx, asker.workspace_id) if one.scope == WORKSPACE
        )
        if not new:
            by = await who(tx, asker.workspace_id, asker.team_id, standing.actor)
            text = f"Everything is held already, by {by} {views.ago(standing.since, now)}."
            return Reply(text=text, blocks=(blocks.section(text), _release()))
        await note(tx, asker, "hold", WORKSPACE, {"reason": standing.reason}, now=now)
        text = _words(standing, asker.mention)
        told = await _tell(tx, asker, text, [blocks.section(text), _release()], now)
        await _redraw(tx, asker.workspace_id, now)
    here = f" {views.many(told, 'channel was', 'channels were')} told." if told else ""
    return Reply(text=text, blocks=(blocks.section(text + here), _release()))


async def release(desk: Desk, asker: Asker, command: Command) -> Reply:
    """Let sending go on."""
    return await _let_go(desk, asker)


async def release_click(desk: Desk, task: Task) -> Reply:
    """The same by the button."""
    must_be(task.asker, "approver")
    return await _let_go(desk, task.asker)


async def _let_go(desk: Desk, asker: Asker) -> Reply:
    now = desk.clock.now()
    async with desk.database.transaction() as tx:
        waiting = await tx.scalar(_waiting(asker.workspace_id))
        freed = await hold.hold(
            tx,
            asker.workspace_id,
            scope=WORKSPACE,
            on=False,
            reason="",
            actor=asker.actor,
            now=now,
        )
        if not freed:
            return Reply(text="Nothing is held.")
        await note(tx, asker, "release", WORKSPACE, now=now)
        text = f":large_green_circle: *Sending goes on*, released by {asker.mention}."
        await _tell(tx, asker, text, [blocks.section(text)], now)
        await _redraw(tx, asker.workspace_id, now)
    more = f" {views.many(waiting, 'message that waited goes', 'messages that waited go')} out now."
    return Reply(text=text + (more if waiting else ""))


def _words(standing: Hold, by: str) -> str:
    return (
        f":red_circle: *All sending is held* by {by}: {blocks.escape(standing.reason)}\n"
        "Nothing is handed to any channel. Contacts go on, and what they are sent waits."
    )


def _release() -> Block:
    asked = blocks.confirm(
        "Let sending go on?", "Everything that waited goes out at once.", "Release"
    )
    return blocks.actions(
        blocks.button("Release", "release", "workspace", style="danger", confirm=asked)
    )


def _waiting(workspace_id: int) -> Select[int]:
    return select(func.count()).where(
        message.c.workspace_id == workspace_id,
        message.c.state == literal_column(str(int(MessageState.PENDING))),
    )


async def _tell(tx: Transaction, asker: Asker, text: str, said: list[Block], now: datetime) -> int:
    """A message to every channel that watches something; answers how many there are."""
    w = slack_watch.c
    rows = await tx.execute(
        select(w.team_id, w.channel).where(w.workspace_id == asker.workspace_id).distinct()
    )
    channels = [(row.team_id, row.channel) for row in rows]
    for team_id, channel in channels:
        await posting.post(
            tx,
            asker.workspace_id,
            team_id,
            channel,
            text=text,
            blocks=said,
            key=f"hold:{team_id}:{channel}:{int(now.timestamp() * 1000)}",
            now=now,
        )
    return len(channels)


async def _redraw(tx: Transaction, workspace_id: int, now: datetime) -> None:
    """Every card tells of the hold."""
    await tx.execute(
        update(slack_card).where(slack_card.c.workspace_id == workspace_id).values(due_at=now)
    )


HANDLERS: Final[dict[str, Handler]] = {"hold all": hold_all, "release": release}
CLICKS: Final[dict[str, Doing]] = {"release": release_click}
