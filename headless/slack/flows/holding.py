"""The red button: hold all sending, tell every channel that watches something, and let it go again.

Imports the workspace's holds, `posting` and the desk's values.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, exists, func, literal_column, select, update

from headless.slack.desk.acting import must_be, note
from headless.slack.desk.desk import Desk, Doing, Handler
from headless.slack.flows import views
from headless.slack.flows.running import who
from headless.slack.kit import blocks
from headless.slack.kit.moments import ago
from headless.slack.kit.reply import Block, Reply
from headless.slack.outgoing import posting
from headless.slack.people.asker import Asker
from headless.slack.tasks import Task
from headless.slack.verbs.parse import Command
from headless.storage.codes import MessageState
from headless.storage.database import Database, Transaction
from headless.storage.tables import hold as table
from headless.storage.tables import (
    message,
    slack_card,
    slack_installation,
    slack_post,
    slack_watch,
)
from headless.workspace import hold
from headless.workspace.hold import WORKSPACE, Hold

_NEWS: Final = timedelta(hours=1)
"""A hold that is older is no news."""


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
            text = f"Everything is held already, by {by} {ago(standing.since, now)}."
            return Reply(text=text, blocks=(blocks.section(text), _release()))
        await note(tx, asker, "hold", WORKSPACE, {"reason": standing.reason}, now=now)
        told = await tell_held(tx, asker.workspace_id, standing, now=now)
        text = _words(standing, asker.mention)
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
        await tell_released(tx, asker.workspace_id, asker.actor, now=now)
    text = _released(asker.mention)
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


def _released(by: str) -> str:
    return f":large_green_circle: *Sending goes on*, released by {by}."


# ---------------------------------------------------------------- what channels are told


async def tell_held(tx: Transaction, workspace_id: int, standing: Hold, *, now: datetime) -> int:
    """Tell every channel that watches something of a hold, once; how many there are."""

    def words(by: str) -> tuple[str, list[Block]]:
        text = _words(standing, by)
        return text, [blocks.section(text), _release()]

    return await _tell(tx, workspace_id, standing.actor, words, _key(standing), now)


async def tell_released(tx: Transaction, workspace_id: int, actor: str, *, now: datetime) -> int:
    """Tell every channel that watches something that sending goes on; how many there are."""

    def words(by: str) -> tuple[str, list[Block]]:
        return _released(by), [blocks.section(_released(by))]

    key = f"released:{int(now.timestamp() * 1000)}"
    return await _tell(tx, workspace_id, actor, words, key, now)


async def _tell(
    tx: Transaction,
    workspace_id: int,
    actor: str,
    words: Callable[[str], tuple[str, list[Block]]],
    key: str,
    now: datetime,
) -> int:
    """A message to every channel that watches something, once for a key; how many there are."""
    w, i = slack_watch.c, slack_installation.c
    rows = await tx.execute(
        select(w.team_id, w.channel)
        .join(slack_installation, (i.workspace_id == w.workspace_id) & (i.team_id == w.team_id))
        .where(w.workspace_id == workspace_id, i.state == "active")
        .distinct()
    )
    channels = [(row.team_id, row.channel) for row in rows]
    for team_id, channel in channels:
        text, said = words(await who(tx, workspace_id, team_id, actor))
        await posting.post(
            tx,
            workspace_id,
            team_id,
            channel,
            text=text,
            blocks=said,
            key=f"{key}:{team_id}:{channel}",
            now=now,
        )
    await _redraw(tx, workspace_id, now)
    return len(channels)


def _key(standing: Hold) -> str:
    return f"hold:{int(standing.since.timestamp() * 1000)}"


async def tell_others(database: Database, *, now: datetime) -> int:
    """Tell channels of holds that began elsewhere: by the API, by a restore; how many there were.

    One that began before anybody watched, or was told of already, is passed over.
    """
    h = table.c
    watching = exists().where(slack_watch.c.workspace_id == h.workspace_id)
    async with database.glance() as tx:
        rows = await tx.execute(
            select(h.workspace_id).where(h.scope == WORKSPACE, h.since > now - _NEWS, watching)
        )
        held = [row.workspace_id for row in rows]
    return sum([await _tell_once(database, workspace_id, now) for workspace_id in held])


async def _tell_once(database: Database, workspace_id: int, now: datetime) -> int:
    async with database.transaction() as tx:
        standing = [one for one in await hold.holds(tx, workspace_id) if one.scope == WORKSPACE]
        if not standing:
            return 0
        mine = slack_post.c.workspace_id == workspace_id
        told = exists().where(mine, slack_post.c.key.startswith(f"{_key(standing[0])}:"))
        if await tx.scalar(select(told)):
            return 0
        await tell_held(tx, workspace_id, standing[0], now=now)
    return 1


async def _redraw(tx: Transaction, workspace_id: int, now: datetime) -> None:
    """Every card tells of the hold."""
    await tx.execute(
        update(slack_card).where(slack_card.c.workspace_id == workspace_id).values(due_at=now)
    )


HANDLERS: Final[dict[str, Handler]] = {"hold all": hold_all, "release": release}
CLICKS: Final[dict[str, Doing]] = {"release": release_click}
