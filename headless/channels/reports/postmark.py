"""Postmark's webhooks: unsigned, so the channel's secret address is all the proof there is.

Source: Postmark's pages on webhooks and bounce types. Imports `report`.
"""

import hashlib
from typing import Any, Final

from headless.channels.reports.report import (
    Call,
    Fate,
    Report,
    Taken,
    UnreadableError,
    decoded,
    moment,
    number,
    object_in,
)

_FATES: Final = {
    "Delivery": Fate.DELIVERED,
    "SpamComplaint": Fate.COMPLAINED,
    "Open": Fate.OPENED,
    "Click": Fate.CLICKED,
}
_BOUNCES: Final = {
    "HardBounce": Fate.DEAD,
    "BadEmailAddress": Fate.DEAD,
    "Transient": Fate.LATER,
    "DnsError": Fate.LATER,
    "Blocked": Fate.REFUSED,
    "SpamNotification": Fate.REFUSED,
    "DMARCPolicy": Fate.REFUSED,
    "SpamComplaint": Fate.COMPLAINED,
    "Unsubscribe": Fate.UNSUBSCRIBED,
    "ManuallyDeactivated": Fate.LISTED,
    "InactiveRecipient": Fate.LISTED,
}
_TIMES: Final = ("BouncedAt", "DeliveredAt", "ReceivedAt", "ChangedAt")


def take(call: Call) -> Taken:
    """What Postmark brings; raises UnreadableError."""
    event = decoded(call.body)
    if not isinstance(event, dict) or "RecordType" not in event:
        raise UnreadableError("Postmark sends an object with `RecordType`")
    made = _report(event)
    return Taken((made,)) if made else Taken(foreign=1)


def _report(event: dict[str, Any]) -> Report | None:
    message_id = number(object_in(event.get("Metadata")).get("hm"))
    fate = _fate(event)
    if message_id is None or fate is None:
        return None
    told = next((event[name] for name in _TIMES if event.get(name)), None)
    return Report(
        fate=fate,
        key=f"postmark:{_key(event, told)}",
        message_id=message_id,
        at=moment(told),
        detail=str(event.get("Details") or event.get("Description") or "")[:500],
        url=event.get("OriginalLink"),
    )


def _fate(event: dict[str, Any]) -> Fate | None:
    kind = str(event["RecordType"])
    if kind == "Bounce":
        return _BOUNCES.get(str(event.get("Type")))
    if kind == "SubscriptionChange":
        return Fate.UNSUBSCRIBED if event.get("SuppressSending") else None
    return _FATES.get(kind)


def _key(event: dict[str, Any], told: object) -> str:
    """Only bounces have an id of their own."""
    named = (event.get("RecordType"), event.get("MessageID"), event.get("Recipient"), told)
    return hashlib.sha256("\n".join(map(str, named)).encode()).hexdigest()[:32]
