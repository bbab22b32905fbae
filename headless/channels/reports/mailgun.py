"""Mailgun's webhooks: the proof stands in the body and covers only itself, not the event.

So the channel's secret address is the second wall, and each token is taken once. Source: Mailgun's
pages on webhooks and events. Imports `report`.
"""

import hashlib
import hmac
import re
from typing import Any, Final

from headless.channels.reports.report import (
    Call,
    Fate,
    NotTheirsError,
    Report,
    Taken,
    UnreadableError,
    decoded,
    key_of,
    moment,
    number,
    object_in,
)

_FATES: Final = {
    "delivered": Fate.DELIVERED,
    "complained": Fate.COMPLAINED,
    "unsubscribed": Fate.UNSUBSCRIBED,
    "opened": Fate.OPENED,
    "clicked": Fate.CLICKED,
}
_DEAD: Final = re.compile(r"^5\.1\.[0-9]+$")
_LISTED: Final = frozenset(("suppress-bounce", "suppress-complaint", "suppress-unsubscribe"))


def take(call: Call, *, key: str | None) -> Taken:
    """What Mailgun brings; `key` is the webhook signing key. Raises NotTheirsError or
    UnreadableError."""
    body = decoded(call.body)
    if not isinstance(body, dict) or not isinstance(body.get("event-data"), dict):
        raise UnreadableError("Mailgun sends an object with `event-data`")
    _verify(body.get("signature"), key)
    made = _report(body["event-data"])
    return Taken((made,)) if made else Taken(foreign=1)


def _verify(signature: Any, key: str | None) -> None:
    if key is None:
        raise NotTheirsError("the channel has no `webhook_key` to verify with")
    given = object_in(signature)
    text = f"{given.get('timestamp', '')}{given.get('token', '')}".encode()
    wanted = hmac.new(key.encode(), text, hashlib.sha256).hexdigest()
    if not given.get("token") or not hmac.compare_digest(
        wanted.encode(), str(given.get("signature", "")).encode()
    ):
        raise NotTheirsError("the signature is not Mailgun's")


def _report(event: dict[str, Any]) -> Report | None:
    message_id = number(object_in(event.get("user-variables")).get("hm"))
    fate = _fate(event)
    if message_id is None or fate is None:
        return None
    told = object_in(event.get("delivery-status"))
    return Report(
        fate=fate,
        key=key_of("mailgun", event.get("id")),
        message_id=message_id,
        at=moment(event.get("timestamp")),
        detail=str(told.get("message") or told.get("description") or "")[:500],
        url=event.get("url"),
        machine=bool(object_in(event.get("client-info")).get("bot")),
    )


def _fate(event: dict[str, Any]) -> Fate | None:
    if event.get("event") != "failed":
        return _FATES.get(str(event.get("event")))
    if event.get("severity") == "temporary":
        return Fate.LATER
    reason = str(event.get("reason"))
    if reason in _LISTED:
        return Fate.LISTED
    enhanced = str(object_in(event.get("delivery-status")).get("enhanced-code", ""))
    return Fate.DEAD if reason == "bounce" and _DEAD.match(enhanced) else Fate.REFUSED
