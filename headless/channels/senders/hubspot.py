"""HubSpot's batch upsert of contacts, one at a time. Source: HubSpot's CRM API reference.

Pure; imports `answers`, `http` and `systems`.
"""

from datetime import datetime
from typing import Any

import msgspec

from headless.channels.answers import SENT, Answer, Verdict
from headless.channels.http import Request, Response, retry_after
from headless.channels.systems import HubSpot, HubSpotSecrets


def request(
    settings: HubSpot, secrets: HubSpotSecrets, *, email: str, properties: dict[str, Any]
) -> Request:
    """The request that makes or updates one contact, known by its address."""
    texts = {name: _text(value) for name, value in properties.items()}
    body = {"inputs": [{"id": email, "idProperty": "email", "properties": texts}]}
    headers = {
        "Authorization": f"Bearer {secrets.token}",
        "Content-Type": "application/json",
        "Accept": "application/json",
    }
    return Request(
        "POST", f"{settings.base_url}{settings.path}", headers, msgspec.json.encode(body)
    )


def answer(response: Response, now: datetime) -> Answer:
    """What HubSpot's answer means; a 207 names its faults in the body."""
    told = response.json()
    errors = told.get("errors") if isinstance(told, dict) else None
    if 200 <= response.status < 300 and not (response.status == 207 and errors):
        return SENT
    first = errors[0] if isinstance(errors, list) and errors else told
    words = str(first.get("message", "")) if isinstance(first, dict) else ""
    detail = f"{response.status} {words}".strip()[:500]
    if response.status in (401, 403):
        return Answer(Verdict.BROKEN, detail)
    if response.status == 429 or response.status >= 500:
        return Answer(Verdict.RETRY, detail, slow=True, after=retry_after(response, now))
    return Answer(Verdict.PARK, detail)


def _text(value: Any) -> str:
    """HubSpot keeps every property as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    return str(value)
