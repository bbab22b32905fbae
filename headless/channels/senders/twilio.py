"""Twilio's messages: a form to the account's own address. Source: Twilio's REST reference.

Pure; imports `answers`, `http` and `providers`.
"""

import base64
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from headless.channels.answers import SENT, Answer, Verdict
from headless.channels.http import Request, Response, retry_after, understood
from headless.channels.providers import Twilio, TwilioSecrets

_STOPPED: Final = 21610  # the person answered STOP
_BAD_NUMBER: Final = frozenset((21211, 21614, 21217, 21401))


def request(
    settings: Twilio, secrets: TwilioSecrets, *, to: str, text: str, callback: str | None
) -> Request:
    """The request that sends one text message; `callback` hears what becomes of it."""
    form = {"To": to, "Body": text}
    if settings.service:
        form["MessagingServiceSid"] = settings.service
    elif settings.sender:
        form["From"] = settings.sender
    if callback:
        form["StatusCallback"] = callback
    login = base64.b64encode(f"{settings.account_sid}:{secrets.auth_token}".encode()).decode()
    return Request(
        "POST",
        f"{settings.base_url}/2010-04-01/Accounts/{settings.account_sid}/Messages.json",
        {
            "Authorization": f"Basic {login}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        },
        urlencode(form).encode(),
    )


def answer(response: Response, now: datetime) -> Answer:
    """What Twilio's answer means for the message."""
    if 200 <= response.status < 300:
        return SENT
    told = response.json()
    code = told.get("code") if isinstance(told, dict) else None
    words = str(told.get("message", "")) if isinstance(told, dict) else ""
    detail = f"{response.status} {code or ''} {words}".strip()[:500]
    if code == _STOPPED or code in _BAD_NUMBER:
        return Answer(Verdict.SUPPRESS, detail)
    if response.status in (401, 403):
        return Answer(Verdict.BROKEN, detail)
    if response.status == 429 or response.status >= 500:
        return Answer(Verdict.RETRY, detail, slow=True, after=retry_after(response, now))
    if 400 <= response.status < 500:
        return Answer(Verdict.PARK, detail)
    return understood(response, now)
