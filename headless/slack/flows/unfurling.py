"""Unfurling: a link to a campaign shows its card, to those who may see it.

Nothing is shown in channels that other companies read, nor to who has no role. Imports the use
cases, the cards and the desk's values.
"""

import re
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from slack_sdk.errors import SlackApiError

from headless.campaigns import publish
from headless.problems import Problem
from headless.slack.desk.desk import Desk, Doing
from headless.slack.flows import cards, views
from headless.slack.kit.reply import Block
from headless.slack.people.asker import Asker, may
from headless.slack.tasks import Task
from headless.storage.database import Transaction

_PATH: Final = re.compile(r"^(?:/v1)?/campaigns/([^/]+)")
_MOST: Final = 5
_LATE: Final = frozenset(("cannot_unfurl_url", "cannot_find_message", "cannot_unfurl_message"))


async def unfurl(desk: Desk, task: Task) -> None:
    """Show the campaigns whose links are in a message."""
    asker, said = task.asker, task.payload
    if not may(asker, "viewer") or asker.shared:
        return
    found: dict[str, Any] = {}
    host = urlsplit(desk.settings.url).netloc
    async with desk.database.transaction() as tx:
        for link in (said.get("links") or [])[:_MOST]:
            shown = await _shown(tx, asker, str(link.get("url", "")), host)
            if shown is not None:
                found[link["url"]] = {"blocks": shown}
    if not found:
        return
    client = await desk.client(asker.workspace_id, asker.team_id)
    try:
        await client.chat_unfurl(
            channel=str(said.get("channel") or asker.channel_id or ""),
            ts=str(said.get("message_ts") or task.message_ts or ""),
            unfurls=found,
        )
    except SlackApiError as error:
        if error.response["error"] not in _LATE:
            raise


async def _shown(tx: Transaction, asker: Asker, url: str, host: str) -> list[Block] | None:
    """The card behind a link of ours, without its buttons."""
    parts = urlsplit(url)
    match = _PATH.match(parts.path)
    if parts.netloc != host or match is None:
        return None
    try:
        campaign = await publish.find(tx, asker.workspace_id, unquote(match[1]))
    except Problem as problem:
        if problem.code != "not_found":
            raise
        return None
    told = await cards.look(tx, asker.workspace_id, asker.team_id, campaign)
    _, body = views.card(campaign, told)
    return [block for block in body if block["type"] != "actions"]


DOINGS: Final[dict[str, Doing]] = {"link": unfurl}
