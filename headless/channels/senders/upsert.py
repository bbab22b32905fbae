"""A contact to any system that takes a JSON object. Pure; imports `answers`, `http`, `systems`."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from headless.channels.answers import SENT, Answer, Verdict
from headless.channels.http import Method, Request, Response, retry_after
from headless.channels.providers import BearerSecrets
from headless.channels.systems import Upsert


def request(
    settings: Upsert,
    secrets: BearerSecrets,
    *,
    person: dict[str, Any],
    properties: dict[str, Any],
    token: str,
) -> Request:
    """The request that makes or updates one contact; `token` is the same on every attempt."""
    url = settings.url
    for name in ("external_id", "email"):
        url = url.replace(f"{{{name}}}", quote(str(person.get(name) or ""), safe=""))
    headers = {**secrets.headers, "Content-Type": "application/json", "Idempotency-Key": token}
    if secrets.token:
        headers["Authorization"] = f"Bearer {secrets.token}"
    method: Method = "PUT" if settings.method == "PUT" else "POST"
    return Request(method, url, headers, msgspec.json.encode(properties))


def answer(response: Response, now: datetime) -> Answer:
    """What the status means."""
    if 200 <= response.status < 300:
        return SENT
    detail = f"{response.status} {response.body[:300].decode('utf-8', 'replace')}".strip()
    if response.status in (401, 403):
        return Answer(Verdict.BROKEN, detail)
    if response.status == 429 or response.status >= 500 or response.status < 400:
        return Answer(Verdict.RETRY, detail, slow=True, after=retry_after(response, now))
    return Answer(Verdict.PARK, detail)
