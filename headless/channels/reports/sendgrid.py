"""SendGrid's event webhook: an array of events, signed by ECDSA over the time and the raw body.

Duplicates are the rule, so `sg_event_id` keys each event. Source: SendGrid's pages on the event
webhook and its signature. Imports `report`.
"""

import base64
import binascii
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

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
)

_SIGNATURE: Final = "x-twilio-email-event-webhook-signature"
_TIME: Final = "x-twilio-email-event-webhook-timestamp"
_FATES: Final = {
    "delivered": Fate.DELIVERED,
    "deferred": Fate.LATER,
    "dropped": Fate.LISTED,
    "spamreport": Fate.COMPLAINED,
    "unsubscribe": Fate.UNSUBSCRIBED,
    "group_unsubscribe": Fate.UNSUBSCRIBED,
    "open": Fate.OPENED,
    "click": Fate.CLICKED,
}


def take(call: Call, *, key: str | None) -> Taken:
    """What SendGrid brings; `key` is the verification key, base64 of DER. Raises NotTheirsError or
    UnreadableError."""
    _verify(call, key)
    events = decoded(call.body)
    if not isinstance(events, list):
        raise UnreadableError("SendGrid sends an array of events")
    made = [_report(event) if isinstance(event, dict) else None for event in events]
    reports = tuple(report for report in made if report is not None)
    return Taken(reports, len(made) - len(reports))


def _verify(call: Call, key: str | None) -> None:
    if key is None:
        raise NotTheirsError("the channel has no `webhook_key` to verify with")
    try:
        public = load_der_public_key(base64.b64decode(key))
        signature = base64.b64decode(call.headers.get(_SIGNATURE, ""), validate=True)
        if not isinstance(public, EllipticCurvePublicKey):
            raise NotTheirsError("the channel's `webhook_key` is not SendGrid's")
        text = call.headers.get(_TIME, "").encode() + call.body
        public.verify(signature, text, ECDSA(SHA256()))
    except (InvalidSignature, ValueError, binascii.Error) as error:
        raise NotTheirsError("the signature is not SendGrid's") from error


def _report(event: dict[str, Any]) -> Report | None:
    message_id, fate = number(event.get("hm")), _fate(event)
    if message_id is None or fate is None:
        return None
    return Report(
        fate=fate,
        key=key_of("sendgrid", event.get("sg_event_id")),
        message_id=message_id,
        at=moment(event.get("timestamp")),
        detail=str(event.get("reason") or event.get("response") or "")[:500],
        url=event.get("url"),
        machine=bool(event.get("sg_machine_open")),
    )


def _fate(event: dict[str, Any]) -> Fate | None:
    kind = event.get("event")
    if kind != "bounce":
        return _FATES.get(str(kind))
    if event.get("type") == "blocked":
        return Fate.REFUSED
    sort = event.get("bounce_classification")
    return Fate.DEAD if sort == "Invalid Address" else Fate.REFUSED
