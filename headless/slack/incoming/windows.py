"""Windows that are opened while their content is still being made.

Slack lets a window be opened within three seconds of a click, so it is opened first, in the process
that was asked, and says that it waits; whoever does the task puts the content into it. Talks to
Slack in the background; imports `clients`, `parse` and `tasks`.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError
from sqlalchemy.exc import DBAPIError

from headless.clock import Clock
from headless.slack import tasks
from headless.slack.people.asker import may
from headless.slack.tasks import Task
from headless.slack.teams.clients import Clients, NotInstalledError
from headless.slack.verbs.manifest import NEW_SHORTCUT
from headless.slack.verbs.parse import Mistake, parse
from headless.storage.database import Database

Loading = str
"""The title of a window that waits."""
log = structlog.get_logger(__name__)

VERBS: Final[dict[str, Loading]] = {"new": "New campaign", "edit": "Editor", "start": "Start"}
"""The verbs that open a window, for whoever has the role; their titles."""
CLICKS: Final[dict[str, Loading]] = {
    "new:open": "New campaign",
    "edit:open": "Editor",
    "rename:open": "Rename",
    "start:open": "Start",
    "decline:open": "Decline",
    NEW_SHORTCUT: "New campaign",
}
"""The same for action ids, and for callback ids of shortcuts."""


class Windows:
    """Opens windows; one for each process."""

    def __init__(self, database: Database, clients: Clients, clock: Clock) -> None:
        self._database = database
        self._clients = clients
        self._clock = clock
        self._running: set[asyncio.Task[None]] = set()

    def wanted(self, task: Task) -> Loading | None:
        """The title of the window that a task opens, None for one that opens none."""
        if task.trigger_id is None or task.view_id is not None:
            return None
        if not may(task.asker, "editor"):
            return None
        if task.kind == "command":
            read = parse(task.text)
            return None if isinstance(read, Mistake) or read.rest else VERBS.get(read.verb)
        return CLICKS.get(task.name)

    def open(self, task: Task, title: Loading) -> None:
        """Open it in the background, then let the task begin."""
        self._begin(self._open(task, title))

    def refuse(self, url: str, text: str) -> None:
        """Say no at a response url, in the background."""
        self._begin(self._refuse(url, text))

    async def settle(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._running, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        running = asyncio.create_task(work)
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def _open(self, task: Task, title: Loading) -> None:
        asker, view_id = task.asker, None
        try:
            client = await self._clients.of(asker.workspace_id, asker.team_id)
            told = await client.views_open(trigger_id=task.trigger_id or "", view=_waiting(title))
            view_id = told["view"]["id"]
        except (SlackApiError, NotInstalledError, aiohttp.ClientError, OSError) as error:
            log.warning("slack_window_not_opened", task=task.id, error=type(error).__name__)
        try:
            async with self._database.transaction() as tx:
                await tasks.window_opened(
                    tx, asker.workspace_id, task.id, view_id, now=self._clock.now()
                )
        except (DBAPIError, OSError) as error:  # it begins by itself, a little later
            log.warning("slack_window_not_noted", task=task.id, error=type(error).__name__)

    async def _refuse(self, url: str, text: str) -> None:
        try:
            await self._clients.webhook(url).send(
                text=text, response_type="ephemeral", replace_original=False
            )
        except (aiohttp.ClientError, OSError) as error:
            log.warning("slack_refusal_lost", error=type(error).__name__)


def _waiting(title: Loading) -> dict[str, Any]:
    return {
        "type": "modal",
        "title": {"type": "plain_text", "text": title},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": [
            {"type": "section", "text": {"type": "plain_text", "text": "One moment, please …"}}
        ],
    }
