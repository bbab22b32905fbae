"""The check-up: whether Slack could reach us, would be believed, and what it lets us do.

It sends to our own address what Slack would send, signed and unsigned. Talks to that address alone;
imports `manifest`, `signature` and settings.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import httpx
import msgspec

from headless.settings import Settings
from headless.slack.incoming import signature
from headless.slack.verbs.manifest import SCOPES

Verdict = Literal["ok", "!!", "xx"]
_CHALLENGE: Final = "headless-slack-doctor"
_PAGE: Final = "api.slack.com/apps shows it under Basic Information"


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at: `!!` is a warning, `xx` a fault; `fix` says what to do about it."""

    verdict: Verdict
    about: str
    says: str
    fix: str | None = None


def settings(found: Settings) -> list[Finding]:
    """What the environment lacks."""
    made = []
    if found.slack_signing_secret:
        made.append(Finding("ok", "signature", "HEADLESS_SLACK_SIGNING_SECRET is set"))
    elif found.slack_app_token is None:
        says = "HEADLESS_SLACK_SIGNING_SECRET is not set: nothing from Slack is listened to"
        made.append(Finding("xx", "signature", says, f"set it; {_PAGE}"))
    if found.slack_app_token is not None:
        made.append(Finding("ok", "socket", "Socket Mode is on: Slack needs no address of ours"))
    if found.slack_client_id and found.slack_client_secret:
        made.append(Finding("ok", "app", f"client {found.slack_client_id}"))
    else:
        says = "HEADLESS_SLACK_CLIENT_ID and _CLIENT_SECRET are not both set: no team can install"
        fix = f"set them; {_PAGE}. A laptop installs with `--token-file` instead"
        verdict: Verdict = "xx" if found.slack_app_token is None else "!!"
        made.append(Finding(verdict, "app", says, fix))
    return made


async def address(found: Settings, client: httpx.AsyncClient, *, now: datetime) -> list[Finding]:
    """Whether requests reach us at HEADLESS_URL, and whether only signed ones are taken."""
    url = f"{found.url}/slack/events"
    if found.slack_app_token is not None:
        return []
    if urlsplit(found.url).scheme != "https":
        says = f"HEADLESS_URL is `{found.url}`, and Slack calls https only"
        made = [Finding("xx", "address", says, "set HEADLESS_URL, or use Socket Mode")]
    else:
        made = [Finding("ok", "address", url)]
    if not found.slack_signing_secret:
        return made
    body = json.dumps({"type": "url_verification", "challenge": _CHALLENGE}).encode()
    try:
        wrong = await _send(client, url, body, "0" * 32, now)
        right = await _send(client, url, body, found.slack_signing_secret[0], now)
    except httpx.HTTPError as error:
        says = f"{url} does not answer: {str(error) or type(error).__name__}"
        return [*made, Finding("xx", "reach", says, "start `headless serve`; look at the proxy")]
    return [*made, _reached(url, wrong, right)]


def teams(listed: dict[str, Any]) -> list[Finding]:
    """The installations that the API lists, and what each may not do."""
    made = []
    for team in listed["data"]:
        about, name = "team", f"{team['name']} ({team['team_id']})"
        missing = [scope for scope in SCOPES if scope not in team["scopes"]]
        if team["state"] == "gone":
            says = f"{name} is gone: {team['reason']}"
            made.append(Finding("!!", about, says, "headless slack install"))
        elif missing:
            says = f"{name} lacks " + ", ".join(f"`{one}` ({SCOPES[one]})" for one in missing)
            fix = "update the app's manifest, then `headless slack install` once more"
            made.append(Finding("!!", about, says, fix))
        else:
            made.append(Finding("ok", about, f"{name}, everybody else is {team['default_role']}"))
    if not made:
        fix = "headless slack install"
        made.append(Finding("!!", "team", "no team has installed the app yet", fix))
    return made


def has_faults(found: Sequence[Finding], *, strict: bool = False) -> bool:
    """Whether something is at fault; `strict` counts warnings."""
    bad = ("xx", "!!") if strict else ("xx",)
    return any(one.verdict in bad for one in found)


async def _send(
    client: httpx.AsyncClient, url: str, body: bytes, secret: str, now: datetime
) -> httpx.Response:
    headers = {"Content-Type": "application/json", **signature.headers(secret, body, now)}
    return await client.post(url, content=body, headers=headers)


def _reached(url: str, wrong: httpx.Response, right: httpx.Response) -> Finding:
    if wrong.status_code == httpx.codes.NOT_FOUND:
        says = f"{url} is there, and its server has no HEADLESS_SLACK_SIGNING_SECRET"
        return Finding("xx", "reach", says, "set it for `headless serve` too, and start it again")
    if wrong.status_code != httpx.codes.UNAUTHORIZED:
        says = f"{url} answers {wrong.status_code} to a wrong signature, not 401: is it ours?"
        return Finding("xx", "reach", says, "look at the proxy in front of `headless serve`")
    if right.status_code == httpx.codes.UNAUTHORIZED:
        says = "the server does not believe our signature: another secret, or a clock that is off"
        return Finding(
            "xx", "reach", says, "compare the secrets; `headless doctor` compares clocks"
        )
    if _CHALLENGE not in right.text:
        says = f"{url} answers {right.status_code} without the challenge: a proxy changes it"
        return Finding("xx", "reach", says, "let bodies and headers through unchanged")
    return Finding("ok", "reach", "signed requests are taken there, others are not")
