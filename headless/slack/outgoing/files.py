"""Files: texts too long for a window come in and go out as files, and what else is uploaded.

A file is fetched with the bot's token from Slack's own hosts and nowhere else, for what a file says
of itself is somebody's word. Talks to Slack; imports slack_sdk, `blocks` and the use cases' bounds.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.web.async_client import AsyncWebClient

from headless.campaigns.publish import MOST_TEXT, Campaign
from headless.problems import Problem
from headless.slack.kit import blocks

_ENDINGS: Final = (".campaign", ".txt")
_HOSTED: Final = ("hosted", "snippet")
_MOST_BYTES: Final = 4 * MOST_TEXT
_REFUSED: Final = {
    "missing_scope": "the app may not read files here; install it once more, with `files:read`",
    "file_not_found": "I cannot see that file; share it in a channel that I am in",
    "file_deleted": "that file is deleted",
    "access_denied": "I cannot see that file; share it in a channel that I am in",
}


def campaign_file(files: Sequence[Mapping[str, Any]]) -> str | None:
    """The id of the first file that may be a campaign, by its name; None: there is none.

    A file from another company has no name before Slack is asked for it, and is taken for one.
    """
    for file in files:
        name = str(file.get("name") or "")
        if name.lower().endswith(_ENDINGS) or file.get("file_access") == "check_file_info":
            return str(file["id"])
    return None


async def read(client: AsyncWebClient, file_id: str) -> str:
    """The text of a file; raises Problem for one that cannot be had or is no text."""
    try:
        file = (await client.files_info(file=file_id))["file"]
    except SlackApiError as error:
        said = _REFUSED.get(error.response["error"])
        if said is None:
            raise
        raise Problem("invalid_value", said) from error
    name = blocks.one_line(str(file.get("name") or "the file"))[:80]
    if file.get("is_external") or file.get("mode", "hosted") not in _HOSTED:
        raise Problem("invalid_value", f"`{name}` is not kept in Slack; put the file itself there")
    if int(file.get("size") or 0) > _MOST_BYTES:
        raise _too_large(name)
    raw = await _fetched(client, str(file.get("url_private_download") or ""), name)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem("invalid_value", f"`{name}` is no text; save it as UTF-8") from error
    if len(text) > MOST_TEXT:
        raise _too_large(name)
    return text.replace("\r\n", "\n")


async def send(client: AsyncWebClient, user_id: str, found: Campaign, words: str) -> None:
    """A campaign's text as a file in a direct message, with words above it."""
    opened = await client.conversations_open(users=[user_id])
    await uploaded(
        client,
        found.source.encode(),
        filename=f"{found.public_id}.campaign",
        title=blocks.one_line(found.name)[:100],
        channel=opened["channel"]["id"],
        initial_comment=words,
    )


async def uploaded(
    client: AsyncWebClient, content: bytes, *, filename: str, title: str, **how: Any
) -> str:
    """Take a file to Slack, without showing it anywhere unless `channel` is given; its id.

    Raises SlackApiError, and ConnectionError when the host of the files does not take it.
    """
    try:
        answer = await client.files_upload_v2(
            content=content, filename=filename, title=title, **how
        )
    except SlackRequestError as error:  # its words hold the whole answer
        raise ConnectionError("Slack did not take the file") from error
    return str(answer["files"][0]["id"])


async def _fetched(client: AsyncWebClient, url: str, name: str) -> bytes:
    """What is at a private address; the token goes to Slack's hosts alone."""
    if not _is_slacks(url, client.base_url) or client.session is None:
        raise Problem("invalid_value", f"`{name}` is not kept in Slack; put the file itself there")
    headers = {"Authorization": f"Bearer {client.token}"}
    async with client.session.get(url, headers=headers, allow_redirects=False) as told:
        if told.status >= 500:
            raise aiohttp.ClientConnectionError(f"Slack answers {told.status} to a download")
        if told.status != 200 or told.content_type == "text/html":  # a page to sign in at
            raise Problem("invalid_value", _REFUSED["missing_scope"])
        raw = await told.content.read(_MOST_BYTES + 1)
        while len(raw) <= _MOST_BYTES and (more := await told.content.read(_MOST_BYTES)):
            raw += more
    if len(raw) > _MOST_BYTES:
        raise _too_large(name)
    return raw


def _is_slacks(url: str, base_url: str) -> bool:
    """Whether an address is on the host of Slack's API or beneath it, as safely as that one."""
    asked, known = urlsplit(url), urlsplit(base_url)
    host, own = asked.hostname or "", known.hostname or ""
    same = (asked.scheme, asked.port) == (known.scheme, known.port)
    return same and (host == own or host.endswith(f".{own}"))


def _too_large(name: str) -> Problem:
    return Problem("too_large", f"`{name}` is too large: a text has at most {MOST_TEXT // 1024} KB")
