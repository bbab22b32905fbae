"""Answering: how a reply finds the person who asked.

A window that is open shows it, a slash command or click is answered at its response url, a mention
in its thread; what cannot go there is whispered, or sent to the person directly. Talks to Slack;
imports `clients`, `pictures`, `posting` and `tasks`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from headless.slack.kit.reply import Reply
from headless.slack.outgoing import posting
from headless.slack.outgoing.pictures import upload, with_picture
from headless.slack.tasks import Task
from headless.slack.teams.clients import Clients
from headless.storage.database import Database

_MOST_TITLE: Final = 24
_MOST_BLOCKS: Final = 100
_TOO_LATE: Final = frozenset(
    ("expired_trigger_id", "trigger_expired", "trigger_exchanged", "invalid_trigger_id")
)
_CLOSED: Final = frozenset(("not_found", "view_not_found", "hash_conflict"))
log = structlog.get_logger(__name__)


async def answer(
    database: Database, clients: Clients, task: Task, reply: Reply, *, now: datetime
) -> None:
    """Bring a reply to whoever asked; raises SlackApiError and aiohttp's errors."""
    asker = task.asker
    client = await clients.of(asker.workspace_id, asker.team_id)
    if reply.view is not None:
        if await _shown(client, task, reply.view):
            return
        reply = _without_window(reply)
    elif _waits_in_window(task) and await _shown(client, task, _as_view(reply)):
        return
    blocks = list(reply.blocks)
    if reply.picture is not None:
        file_id = await upload(client, reply.picture, title=reply.alt or reply.text, alt=reply.alt)
        blocks = with_picture(blocks, file_id, reply.alt or reply.text)
    if task.response_url is not None and await respond(
        clients, task.response_url, reply, blocks=blocks
    ):
        return
    await later(database, task, reply, blocks, now=now)


async def respond(
    clients: Clients, url: str, reply: Reply, *, blocks: list[dict[str, Any]] | None = None
) -> bool:
    """Answer at a response url; False when it takes no more (five times, half an hour)."""
    told = await clients.webhook(url).send(
        text=reply.text,
        blocks=list(reply.blocks) if blocks is None else blocks,
        response_type="in_channel" if reply.in_channel else "ephemeral",
        replace_original=False,
    )
    if told.status_code == 200:
        return True
    log.info("slack_response_url_closed", status=told.status_code)
    return False


async def _shown(client: AsyncWebClient, task: Task, view: dict[str, Any]) -> bool:
    """Whether a window shows the view now."""
    try:
        if view.get("type") == "home":
            await client.views_publish(user_id=task.asker.user_id, view=view)
        elif task.view_id is not None:
            await client.views_update(view_id=task.view_id, view=view)
        elif task.trigger_id is not None:
            await client.views_open(trigger_id=task.trigger_id, view=view)
        else:
            return False
    except SlackApiError as error:
        if error.response["error"] not in _TOO_LATE | _CLOSED:
            raise
        return False
    return True


def _as_view(reply: Reply) -> dict[str, Any]:
    blocks = list(reply.blocks) or [
        {"type": "section", "text": {"type": "mrkdwn", "text": reply.text}}
    ]
    return {
        "type": "modal",
        "title": {"type": "plain_text", "text": "Headless"[:_MOST_TITLE]},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": blocks[:_MOST_BLOCKS],
    }


def _without_window(reply: Reply) -> Reply:
    """What is said where no window can be opened: in a thread, or too late."""
    if reply.blocks:
        return msgspec.structs.replace(reply, view=None)
    return Reply(
        text="Slack opens a window only within three seconds of a click, and I took longer. Ask "
        "once more, please."
    )


def _waits_in_window(task: Task) -> bool:
    """Whether a window was opened for the answer, before there was one."""
    return task.view_id is not None and task.trigger_id is None and task.kind != "view"


async def later(
    database: Database,
    task: Task,
    reply: Reply,
    blocks: Sequence[dict[str, Any]],
    *,
    now: datetime,
) -> None:
    """Answer through the outbox: in the thread of a mention, else to the person."""
    asker, key = task.asker, f"task:{task.id}"
    thread = asker.thread_ts or (task.message_ts if task.kind == "mention" else None)
    async with database.transaction() as tx:
        if asker.channel_id is None or reply.in_channel:
            await posting.post(
                tx,
                asker.workspace_id,
                asker.team_id,
                asker.channel_id or asker.user_id,
                text=reply.text,
                blocks=blocks,
                thread_ts=thread if asker.channel_id else None,
                key=key,
                now=now,
            )
            return
        await posting.whisper(
            tx,
            asker.workspace_id,
            asker.team_id,
            asker.channel_id,
            asker.user_id,
            text=reply.text,
            blocks=blocks,
            thread_ts=thread,
            key=key,
            now=now,
        )
