"""Messages of campaigns into Slack, by `chat.postMessage`. Source: Slack's Web API reference.

Pure; imports `answers`, `http` and `providers`.
"""

from datetime import datetime
from typing import Final

import msgspec

from headless.channels.answers import SENT, Answer, Verdict
from headless.channels.http import Request, Response, retry_after, understood
from headless.channels.providers import SlackPosts, SlackSecrets

TEXT_LIMIT: Final = 3000
_BROKEN: Final = frozenset(
    ("invalid_auth", "account_inactive", "token_revoked", "token_expired", "not_authed")
)
_LATER: Final = frozenset(("ratelimited", "internal_error", "service_unavailable", "fatal_error"))


def request(
    settings: SlackPosts, secrets: SlackSecrets, *, channel: str | None, text: str
) -> Request:
    """The request that posts one message; `text` is escaped here."""
    body = {
        "channel": channel or settings.channel,
        "text": escaped(text)[:TEXT_LIMIT],
        "unfurl_links": False,
    }
    headers = {
        "Authorization": f"Bearer {secrets.token}",
        "Content-Type": "application/json; charset=utf-8",
    }
    return Request(
        "POST", f"{settings.base_url}/chat.postMessage", headers, msgspec.json.encode(body)
    )


def escaped(text: str) -> str:
    """Text that Slack shows as it stands: no mention, link or channel can be smuggled in."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def answer(response: Response, now: datetime) -> Answer:
    """Slack answers 200 to nearly everything; what counts is `ok` and `error`."""
    told = response.json()
    if not isinstance(told, dict):
        return understood(response, now) if response.status != 200 else _odd(response)
    if told.get("ok") is True:
        return SENT
    error = str(told.get("error", response.status))
    if error in _LATER or response.status == 429:
        return Answer(Verdict.RETRY, error, slow=True, after=retry_after(response, now))
    if error in _BROKEN:
        return Answer(Verdict.BROKEN, f"Slack refuses our token: {error}")
    if error == "not_in_channel":
        error = "not_in_channel: invite the bot into the channel first"
    return Answer(Verdict.PARK, error)


def _odd(response: Response) -> Answer:
    return Answer(Verdict.RETRY, f"{response.status}, but not Slack's answer")
