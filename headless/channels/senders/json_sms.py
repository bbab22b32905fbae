"""Text messages through any HTTP API that takes JSON. Pure; imports `answers` and `http`."""

from datetime import datetime

import msgspec

from headless.channels.answers import SENT, Answer, Verdict
from headless.channels.http import Request, Response, retry_after, understood
from headless.channels.providers import BearerSecrets, JsonSms


def request(
    settings: JsonSms, secrets: BearerSecrets, *, to: str, text: str, token: str
) -> Request:
    """The request that sends one text message; `token` stays the same on every attempt."""
    values = {"to": to, "from": settings.sender, "text": text, "id": token}
    body = {settings.fields.get(name, name): value for name, value in values.items() if value}
    headers = {**secrets.headers, "Content-Type": "application/json", "Idempotency-Key": token}
    if secrets.token:
        headers["Authorization"] = f"Bearer {secrets.token}"
    return Request("POST", settings.url, headers, msgspec.json.encode(body))


def answer(response: Response, now: datetime) -> Answer:
    """What the provider's status means for the message."""
    if 200 <= response.status < 300:
        return SENT
    detail = f"{response.status} {response.body[:300].decode('utf-8', 'replace')}".strip()
    if response.status in (401, 403):
        return Answer(Verdict.BROKEN, detail)
    if response.status == 429 or response.status >= 500:
        return Answer(Verdict.RETRY, detail, slow=True, after=retry_after(response, now))
    if 400 <= response.status < 500:
        return Answer(Verdict.PARK, detail)
    return understood(response, now)
